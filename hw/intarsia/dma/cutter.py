"""Remote transfers to requests of one packet each."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.common.ports import Job, MemoryRead
from intarsia.dma.descriptor import WORD, DescriptorCheck
from intarsia.dma.lister import Lister
from intarsia.dma.transactions import JOBS, OFFSET, Request
from intarsia.isa.address import LOCAL, OWNER_BITS, PAYLOAD_MAX, TENSOR_BITS
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import RemoteOp, Stream
from intarsia.isa.packet import PacketKind
from intarsia.isa.transfer import RemoteDescriptor, StitchDescriptor, StitchRecord

__all__ = ["Cutter"]

#: What each opcode asks for.
KINDS = {
    RemoteOp.READ: PacketKind.READ,
    RemoteOp.WRITE: PacketKind.WRITE,
    RemoteOp.ACCUMULATE: PacketKind.ACCUMULATE,
    RemoteOp.GATHER: PacketKind.READ,
    RemoteOp.SCATTER: PacketKind.WRITE,
}

STITCHES = (RemoteOp.GATHER, RemoteOp.SCATTER)

#: Bits of the descriptor of a stitch, which are the first ones of a job's.
STITCH_BITS = StitchDescriptor.as_shape().size

#: Bytes of a sum, and fields that are whole sums for ACCUMULATE.
SUM_BYTES = 4
DISTANCES = ("remote_pitch", "row_bytes", "offset")


def _is_one_of(opcode, opcodes):
    return Cat(opcode == item.value for item in opcodes).any()


class _Work:
    """What is being cut.

    Members
    -------
    opcode, context : Signal
        Of the job.
    stitches : Value
        It has a list.
    record : Signal
        The transfer. What was cut of it has left its offsets.
    offset : Value
        That at the other side, with all its bits.
    rows, remote_pitch, local_pitch : Signal
        What is said of the transfer elsewhere.
    left, row : Signal
        Bytes to the end of the row, and rows before that.
    base : Signal
        Where local addresses count from.
    count : Signal
        Records that are to come.
    """

    def __init__(self, job):
        self.opcode = Signal.like(job.opcode, name="opcode", reset_less=True)
        self.context = Signal.like(job.context, name="context", reset_less=True)
        self.stitches = _is_one_of(self.opcode, STITCHES)
        self.record = Signal(StitchRecord, name="record", reset_less=True)
        self.beyond = Signal(
            Shape.cast(OFFSET).width - len(self.record.offset), name="beyond", reset_less=True
        )
        self.offset = Cat(self.record.offset, self.beyond)
        names = ("rows", "remote_pitch", "local_pitch", "left", "row", "base", "count")
        (
            self.rows,
            self.remote_pitch,
            self.local_pitch,
            self.left,
            self.row,
            self.base,
            self.count,
        ) = (Signal(LOCAL, name=name, reset_less=True) for name in names)


class Cutter(wiring.Component):
    """Cuts jobs into requests, which come in the order of their bytes.

    Where the rows lie without gaps at the other side, a request runs on from row to row, and a
    cycle is spent for each row; otherwise each row is cut for itself. The first row is cut in the
    cycle after its job was accepted. While a request waits to be taken, the cutter waits.

    The records of a GATHER or SCATTER are read and cut one after another.

    A job is refused as PROGRAM, if its opcode is unknown, or as DESCRIPTOR; the rest of a list is,
    from a record that is wrong (DESCRIPTOR) or damaged (PARITY) on.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    job : In(stream.Signature(Job(RemoteDescriptor)))
    room : In(1)
        Another job may be begun.
    begun : Out(1)
        A job is accepted in this cycle.
    number : In(range(JOBS))
        Number of the job.
    cancelled : In(1)
        No more requests of this job are wanted.
    owners : In(data.ArrayLayout(12, contexts))
        Owner whose tensors each context may use.
    read : Out(MemoryRead(lanes))
        For lists.
    request : Out(stream.Signature(Request))
    ended : Out(1)
        All requests of the job were taken, or there won't be any more of them.
    fault : Out(stream.Signature(FaultReport))
    waiting : Out(1)
        There is nothing to do: no job, or a request that isn't taken.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "job": In(stream.Signature(Job(RemoteDescriptor))),
            "room": In(1),
            "begun": Out(1),
            "number": In(range(JOBS)),
            "cancelled": In(1),
            "owners": In(data.ArrayLayout(OWNER_BITS, config.contexts)),
            "read": Out(MemoryRead(config.lanes)),
            "request": Out(stream.Signature(Request)),
            "ended": Out(1),
            "fault": Out(stream.Signature(FaultReport)),
            "waiting": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        work = _Work(self.job.p)
        record = work.record

        m.submodules.lister = lister = Lister(config=self.config)
        wiring.connect(m, lister.read, wiring.flipped(self.read))
        listing = data.View(StitchDescriptor, self.job.p.descriptor.as_value()[:STITCH_BITS])
        m.d.comb += [
            lister.address.eq(listing.records.offset),
            lister.context.eq(work.context),
        ]
        faulty, code, word = self._judge(m, listing)
        wrong, wrong_code, wrong_word = (
            Signal.like(value, name=f"wrong_{n}", reset_less=True)
            for n, value in enumerate((faulty, code, word))
        )
        damaged = Signal(reset_less=True)
        cutting = Signal()
        advances, ends = self._cut(m, work, cutting)

        m.d.comb += [
            self.fault.p.engine.eq(Stream.REMOTE.value),
            self.fault.p.context.eq(work.context),
            self.fault.p.code.eq(wrong_code),
            self.fault.p.info.eq(wrong_word),
            self.fault.p.address.eq(Mux(damaged, lister.record, 0)),
        ]

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [
                    self.waiting.eq(1),
                    self.job.ready.eq(self.room),
                    self.begun.eq(self.job.valid & self.room),
                ]
                with m.If(self.begun):
                    job = self.job.p
                    m.d.comb += lister.begin.eq(1)
                    m.d.sync += [
                        work.opcode.eq(job.opcode),
                        work.context.eq(job.context),
                        *(
                            record[name].eq(job.descriptor[name])
                            for name in ("data_id", "fragment", "offset", "row_bytes")
                        ),
                        record.local.eq(0),
                        work.base.eq(job.descriptor.local.offset),
                        work.beyond.eq(0),
                        work.left.eq(job.descriptor.row_bytes),
                        work.row.eq(1),
                        *(
                            getattr(work, name).eq(job.descriptor[name])
                            for name in ("rows", "remote_pitch", "local_pitch")
                        ),
                        work.count.eq(listing.count),
                        wrong.eq(faulty),
                        wrong_code.eq(code),
                        wrong_word.eq(word),
                        damaged.eq(0),
                    ]
                    m.next = "CUT"
                    with m.If(_is_one_of(job.opcode, STITCHES) & ~faulty):
                        m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += lister.fetch.eq(1)
                part = lister.part
                with m.If(part.valid):
                    bits = record.as_value()
                    m.d.sync += [
                        bits.eq(Cat(bits, part.p.bytes)[len(part.p.bytes) :]),
                        damaged.eq(damaged | part.p.damaged),
                    ]
                    with m.If(part.p.last):
                        m.next = "PLACE"
            with m.State("PLACE"):
                m.d.sync += [
                    work.beyond.eq(0),
                    work.left.eq(record.row_bytes),
                    work.row.eq(1),
                    work.count.eq(work.count - 1),
                    wrong.eq(damaged | (record.row_bytes == 0)),
                    wrong_code.eq(Mux(damaged, FaultCode.PARITY, FaultCode.DESCRIPTOR)),
                    wrong_word.eq(
                        Mux(damaged, 0, StitchRecord.as_shape()["row_bytes"].offset // WORD)
                    ),
                ]
                m.next = "CUT"
            with m.State("CUT"):
                m.d.comb += [
                    cutting.eq(~wrong & ~self.cancelled),
                    self.waiting.eq(self.request.valid & ~self.request.ready),
                ]
                with m.If(self.cancelled):
                    m.next = "END"
                with m.Elif(wrong):
                    m.next = "REFUSE"
                with m.Elif(advances & ends):
                    m.next = "END"
                    with m.If(work.stitches & (work.count != 0)):
                        m.next = "FETCH"
            with m.State("REFUSE"):
                m.d.comb += self.fault.valid.eq(1)
                with m.If(self.fault.ready):
                    m.next = "END"
            with m.State("END"):
                m.d.comb += self.ended.eq(1)
                m.next = "IDLE"

        return m

    def _judge(self, m, listing):
        """Whether the job on offer is wrong; code and word of the fault."""
        job = self.job.p
        m.submodules.transfer_check = in_transfer = DescriptorCheck(
            RemoteDescriptor, nonzero=("row_bytes", "rows")
        )
        m.submodules.stitch_check = in_stitch = DescriptorCheck(
            StitchDescriptor, nonzero=("count", "rows")
        )
        faulty = Signal()
        code = Signal(FaultCode)
        word = Signal(range(RemoteDescriptor.as_shape().size // WORD))
        m.d.comb += [
            in_transfer.descriptor.eq(job.descriptor),
            in_stitch.descriptor.eq(listing),
            code.eq(FaultCode.DESCRIPTOR),
        ]
        with m.If(_is_one_of(job.opcode, STITCHES)):
            m.d.comb += [faulty.eq(in_stitch.faulty), word.eq(in_stitch.word)]
        with m.Elif(~_is_one_of(job.opcode, RemoteOp)):
            m.d.comb += [faulty.eq(1), code.eq(FaultCode.PROGRAM)]
        with m.Elif(in_transfer.faulty):
            m.d.comb += [faulty.eq(1), word.eq(in_transfer.word)]
        with m.Elif(job.opcode == RemoteOp.ACCUMULATE.value):
            for name in DISTANCES:
                with m.If(job.descriptor[name][: exact_log2(SUM_BYTES)].any()):
                    place = RemoteDescriptor.as_shape()[name].offset // WORD
                    m.d.comb += [faulty.eq(1), word.eq(place)]
        return faulty, code, word

    def _cut(self, m, work, cutting):
        """Goes on by a row, or a part of it, while `cutting`, and offers requests.

        Returns whether it does, and whether it is then at the end of the record.
        """
        record, left, offset = work.record, work.left, work.offset
        request = self.request.p

        # The request that grows: where it begins, and how much it has.
        started = Signal()
        length = Signal(range(PAYLOAD_MAX + 1))
        start = Signal(data.StructLayout({"address": LOCAL, "left": LOCAL}), reset_less=True)

        dense = Signal()
        taken = Signal.like(length)
        row_ends = Signal()
        last = Signal()
        grows = Signal()
        advances = Signal()
        gap = Signal(LOCAL)
        free = PAYLOAD_MAX - length
        m.d.comb += [
            dense.eq(work.remote_pitch == record.row_bytes),
            gap.eq(work.local_pitch - record.row_bytes),
            last.eq(work.row == work.rows),
            row_ends.eq(left <= free),
            taken.eq(Mux(row_ends, left, free)),
            grows.eq(dense & row_ends & ~last & (taken != free)),
            advances.eq(cutting & (grows | self.request.ready)),
            self.request.valid.eq(cutting & ~grows),
            request.job.eq(self.number),
            request.foreign.eq(self.owners[work.context] != record.data_id[TENSOR_BITS:]),
            request.data_id.eq(record.data_id),
            request.fragment.eq(record.fragment),
            request.offset.eq(offset),
            request.span.address.eq(work.base + Mux(started, start.address, record.local)),
            request.span.left.eq(Mux(started, start.left, left)),
            request.span.row_bytes.eq(record.row_bytes),
            request.span.gap.eq(gap),
            request.span.length.eq(length + taken),
            request.span.context.eq(work.context),
        ]
        for opcode, kind in KINDS.items():
            with m.If(work.opcode == opcode.value):
                m.d.comb += request.kind.eq(kind.value)

        # At the other side, rows may overlap: what lies between them may be negative.
        with m.If(advances):
            m.d.sync += [
                record.local.eq(record.local + taken + Mux(row_ends, gap, 0)),
                left.eq(Mux(row_ends, record.row_bytes, left - taken)),
                work.row.eq(work.row + row_ends),
                length.eq(Mux(grows, length + taken, 0)),
                started.eq(grows),
            ]
            with m.If(~started):
                m.d.sync += [start.address.eq(record.local), start.left.eq(left)]
            with m.If(~grows):
                m.d.sync += offset.eq(
                    offset
                    + request.span.length
                    + Mux(row_ends, work.remote_pitch - record.row_bytes, 0)
                )
        with m.If(self.ended):
            m.d.sync += [length.eq(0), started.eq(0)]
        return advances, ~grows & row_ends & last
