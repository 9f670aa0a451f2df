"""Remote jobs that can't be."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.common.ports import Job
from intarsia.dma.descriptor import WORD, DescriptorCheck
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import RemoteOp
from intarsia.isa.transfer import RemoteDescriptor, StitchDescriptor

__all__ = ["STITCHES", "JobCheck", "as_stitch", "is_one_of"]

#: What has a list.
STITCHES = (RemoteOp.GATHER, RemoteOp.SCATTER)

#: Bits of the descriptor of a stitch, which are the first ones of a job's.
STITCH_BITS = StitchDescriptor.as_shape().size

#: Bytes of a sum, and fields that are whole sums for ACCUMULATE.
SUM_BYTES = 4
DISTANCES = ("remote_pitch", "row_bytes", "offset")


def is_one_of(opcode, opcodes):
    """Whether `opcode` is one of them."""
    return Cat(opcode == item.value for item in opcodes).any()


def as_stitch(descriptor):
    """The descriptor of a job that has a list."""
    return data.View(StitchDescriptor, descriptor.as_value()[:STITCH_BITS])


class JobCheck(wiring.Component):
    """Says what is wrong with a job, in the same cycle.

    Members
    -------
    job : In(Job(RemoteDescriptor))
    faulty : Out(1)
        It can't be done.
    code : Out(FaultCode)
        PROGRAM, if its opcode is unknown; else DESCRIPTOR.
    word : Out(...)
        Word of the descriptor that is wrong, or 0.
    """

    job: In(Job(RemoteDescriptor))
    faulty: Out(1)
    code: Out(FaultCode)
    word: Out(range(RemoteDescriptor.as_shape().size // WORD))

    def elaborate(self, platform):
        m = Module()
        job = self.job
        m.submodules.transfer_check = in_transfer = DescriptorCheck(
            RemoteDescriptor, nonzero=("row_bytes", "rows")
        )
        m.submodules.stitch_check = in_stitch = DescriptorCheck(
            StitchDescriptor, nonzero=("count", "rows")
        )
        m.d.comb += [
            in_transfer.descriptor.eq(job.descriptor),
            in_stitch.descriptor.eq(as_stitch(job.descriptor)),
            self.code.eq(FaultCode.DESCRIPTOR),
        ]
        with m.If(is_one_of(job.opcode, STITCHES)):
            m.d.comb += [self.faulty.eq(in_stitch.faulty), self.word.eq(in_stitch.word)]
        with m.Elif(~is_one_of(job.opcode, RemoteOp)):
            m.d.comb += [self.faulty.eq(1), self.code.eq(FaultCode.PROGRAM)]
        with m.Elif(in_transfer.faulty):
            m.d.comb += [self.faulty.eq(1), self.word.eq(in_transfer.word)]
        with m.Elif(job.opcode == RemoteOp.ACCUMULATE.value):
            for name in DISTANCES:
                with m.If(job.descriptor[name][: exact_log2(SUM_BYTES)].any()):
                    place = RemoteDescriptor.as_shape()[name].offset // WORD
                    m.d.comb += [self.faulty.eq(1), self.word.eq(place)]
        return m
