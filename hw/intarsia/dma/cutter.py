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
    record : Signal
        The job's transfer, or that of the list. What was cut has left its offsets and rows.
    offset : Value
        That at the other side, with all its bits.
    left : Signal
        Bytes to the end of the row.
    stitch : View
        The job itself, before a record takes its place.
    base, count : Signal
        Of a list: where local addresses count from, and records from this one on.
    spare : Signal
        Words of the job behind `record` that are not zero.
    """

    def __init__(self, job):
        self.opcode = Signal.like(job.opcode, name="opcode", reset_less=True)
        self.context = Signal.like(job.context, name="context", reset_less=True)
        self.record = Signal(StitchRecord, name="record", reset_less=True)
        self.beyond = Signal(
            Shape.cast(OFFSET).width - len(self.record.offset), name="beyond", reset_less=True
        )
        self.offset = Cat(self.record.offset, self.beyond)
        self.left = Signal(LOCAL, name="left", reset_less=True)
        bits = self.record.as_value()
        self.stitch = data.View(StitchDescriptor, bits[: StitchDescriptor.as_shape().size])
        self.base = Signal(LOCAL, name="base", reset_less=True)
        self.count = Signal.like(self.stitch.count, name="count", reset_less=True)
        rest = job.descriptor.as_value()[len(bits) :]
        self.rest = [rest[start : start + WORD] for start in range(0, len(rest), WORD)]
        self.spare = Signal(len(self.rest), name="spare", reset_less=True)
        self.stitches = _is_one_of(self.opcode, STITCHES)


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
        m.d.comb += [
            lister.address.eq(work.stitch.records.offset),
            lister.context.eq(work.context),
        ]
        listing = Signal()
        cutting = Signal()
        damaged = Signal()
        wrong, code, word = self._judge(m, work, listing)
        advances, ends = self._cut(m, work, cutting & ~wrong & ~self.cancelled)

        report = Signal(FaultReport, reset_less=True)
        m.d.comb += self.fault.p.eq(report)

        def refuse(code, **fields):
            """Report `code`, and end the job."""
            m.d.sync += [
                report.eq(0),
                report.code.eq(code),
                report.engine.eq(Stream.REMOTE.value),
                report.context.eq(work.context),
                *(report[name].eq(value) for name, value in fields.items()),
            ]
            m.next = "REFUSE"

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [
                    self.waiting.eq(1),
                    self.job.ready.eq(self.room),
                    self.begun.eq(self.job.valid & self.room),
                ]
                with m.If(self.begun):
                    job = self.job.p
                    m.d.sync += [
                        work.opcode.eq(job.opcode),
                        work.context.eq(job.context),
                        record.eq(job.descriptor),
                        record.reserved.eq(0),  # there, operands have their slot
                        work.beyond.eq(0),
                        work.left.eq(job.descriptor.row_bytes),
                        work.spare.eq(Cat(word.any() for word in work.rest)),
                    ]
                    m.next = "CUT"
                    with m.If(_is_one_of(job.opcode, STITCHES)):
                        m.next = "LIST"
            with m.State("LIST"):
                m.d.comb += [listing.eq(1), lister.begin.eq(1)]
                m.d.sync += [
                    work.base.eq(work.stitch.local.offset),
                    work.count.eq(work.stitch.count),
                    damaged.eq(0),
                ]
                m.next = "FETCH"
                with m.If(wrong):
                    refuse(code, info=word)
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
                    record.local.eq(record.local + work.base),
                    work.beyond.eq(0),
                    work.left.eq(record.row_bytes),
                    work.count.eq(work.count - 1),
                ]
                m.next = "CUT"
                with m.If(damaged):
                    refuse(FaultCode.PARITY, address=lister.record)
            with m.State("CUT"):
                m.d.comb += [
                    cutting.eq(1),
                    self.waiting.eq(self.request.valid & ~self.request.ready),
                ]
                with m.If(self.cancelled):
                    m.next = "END"
                with m.Elif(wrong):
                    refuse(code, info=word)
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

    def _judge(self, m, work, listing):
        """Whether the record (or else the head of a list) is wrong; code and word of the fault."""
        record = work.record
        m.submodules.record_check = in_record = DescriptorCheck(
            StitchRecord, nonzero=("row_bytes", "rows")
        )
        m.submodules.stitch_check = in_stitch = DescriptorCheck(
            StitchDescriptor, nonzero=("count",)
        )
        known = Signal()
        wrong = Signal()
        code = Signal(FaultCode)
        word = Signal.like(in_record.word)
        m.d.comb += [
            in_record.descriptor.eq(record),
            in_stitch.descriptor.eq(work.stitch),
            known.eq(_is_one_of(work.opcode, RemoteOp)),
            code.eq(FaultCode.DESCRIPTOR),
        ]
        with m.If(listing):
            m.d.comb += [wrong.eq(in_stitch.faulty), word.eq(in_stitch.word)]
        with m.Elif(~known):
            m.d.comb += [wrong.eq(1), code.eq(FaultCode.PROGRAM)]
        with m.Elif(in_record.faulty):
            m.d.comb += [wrong.eq(1), word.eq(in_record.word)]
        with m.Elif(work.spare.any() & ~work.stitches):
            m.d.comb += wrong.eq(1)
            for n in reversed(range(len(work.spare))):
                with m.If(work.spare[n]):
                    m.d.comb += word.eq(len(record.as_value()) // WORD + n)
        with m.Elif(work.opcode == RemoteOp.ACCUMULATE.value):
            for name in DISTANCES:
                with m.If(record[name][: exact_log2(SUM_BYTES)].any()):
                    place = StitchRecord.as_shape()[name].offset // WORD
                    m.d.comb += [wrong.eq(1), word.eq(place)]
        return wrong, code, word

    def _cut(self, m, work, cutting):
        """Goes on by a row, or a part of it, while `cutting`, and offers requests.

        Returns whether it does, and whether it is then at the end of the record.
        """
        record, left, offset = work.record, work.left, work.offset
        request = self.request.p

        # The request that grows: where it begins, and how much it has.
        started = Signal()
        length = Signal(range(PAYLOAD_MAX + 1))
        start = Signal(
            data.StructLayout({"address": LOCAL, "left": LOCAL, "offset": OFFSET}), reset_less=True
        )

        dense = Signal()
        taken = Signal.like(length)
        row_ends = Signal()
        grows = Signal()
        advances = Signal()
        gap = Signal(LOCAL)
        free = PAYLOAD_MAX - length
        m.d.comb += [
            dense.eq(record.remote_pitch == record.row_bytes),
            gap.eq(record.local_pitch - record.row_bytes),
            row_ends.eq(left <= free),
            taken.eq(Mux(row_ends, left, free)),
            grows.eq(dense & row_ends & (record.rows != 1) & (taken != free)),
            advances.eq(cutting & (grows | self.request.ready)),
            self.request.valid.eq(cutting & ~grows),
            request.job.eq(self.number),
            request.foreign.eq(self.owners[work.context] != record.data_id[TENSOR_BITS:]),
            request.data_id.eq(record.data_id),
            request.fragment.eq(record.fragment),
            request.offset.eq(Mux(started, start.offset, offset)),
            request.span.address.eq(Mux(started, start.address, record.local)),
            request.span.left.eq(Mux(started, start.left, left)),
            request.span.row_bytes.eq(record.row_bytes),
            request.span.gap.eq(gap),
            request.span.length.eq(length + taken),
            request.span.context.eq(work.context),
        ]
        for opcode, kind in KINDS.items():
            with m.If(work.opcode == opcode.value):
                m.d.comb += request.kind.eq(kind)

        # At the other side, rows may overlap: what lies between them may be negative.
        with m.If(advances):
            m.d.sync += [
                record.local.eq(record.local + taken + Mux(row_ends, gap, 0)),
                offset.eq(
                    offset + taken + Mux(row_ends, record.remote_pitch - record.row_bytes, 0)
                ),
                left.eq(Mux(row_ends, record.row_bytes, left - taken)),
                record.rows.eq(record.rows - row_ends),
                length.eq(Mux(grows, length + taken, 0)),
                started.eq(grows),
            ]
            with m.If(~started):
                m.d.sync += [
                    start.address.eq(record.local),
                    start.left.eq(left),
                    start.offset.eq(offset),
                ]
        with m.If(self.ended):
            m.d.sync += [length.eq(0), started.eq(0)]
        return advances, ~grows & row_ends & (record.rows == 1)
