"""Remote transfers to requests of one packet each."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.lookup import FragmentKey
from intarsia.common.ports import Job, MemoryRead
from intarsia.dma.descriptor import WORD
from intarsia.dma.lister import Lister
from intarsia.dma.transactions import JOBS, Request
from intarsia.dma.validity import STITCHES, JobCheck, as_stitch, is_one_of
from intarsia.dma.work import Work
from intarsia.isa.address import LOCAL, OWNER_BITS, PAYLOAD_MAX, TENSOR_BITS
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import RemoteOp, Stream
from intarsia.isa.packet import PacketKind
from intarsia.isa.transfer import RemoteDescriptor, StitchRecord

__all__ = ["Cutter"]

#: What each opcode asks for.
KINDS = {
    RemoteOp.READ: PacketKind.READ,
    RemoteOp.WRITE: PacketKind.WRITE,
    RemoteOp.ACCUMULATE: PacketKind.ACCUMULATE,
    RemoteOp.GATHER: PacketKind.READ,
    RemoteOp.SCATTER: PacketKind.WRITE,
}


class Cutter(wiring.Component):
    """Cuts jobs into requests, which come in the order of their bytes.

    Where the rows lie without gaps at the other side, a request runs on from row to row, and a
    cycle is spent for each row; otherwise each row is cut for itself. A request has at most 1,024
    bytes, or what the job's `grain` says; not those of lists. The first row is cut in the
    cycle after its job was accepted. While a request waits to be taken, the cutter waits.

    The records of a GATHER or SCATTER are read ahead, and cut one after another.

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
    sees : Out(1)
        There will be requests about `key`, or there is one; maybe for many cycles.
    key : Out(FragmentKey)
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
            "sees": Out(1),
            "key": Out(FragmentKey),
            "ended": Out(1),
            "fault": Out(stream.Signature(FaultReport)),
            "waiting": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        work = Work(self.job.p)
        record = work.record

        m.submodules.lister = lister = Lister(config=self.config)
        wiring.connect(m, lister.read, wiring.flipped(self.read))
        listing = as_stitch(self.job.p.descriptor)
        m.d.comb += [
            lister.address.eq(listing.records.offset),
            lister.context.eq(work.context),
        ]
        m.submodules.check = check = JobCheck()
        lists = Signal()
        m.d.comb += [
            check.job.eq(self.job.p),
            lists.eq(is_one_of(self.job.p.opcode, STITCHES) & ~check.faulty),
            lister.count.eq(Mux(lists, listing.count, 0)),
        ]
        wrong, wrong_code, wrong_word = (
            Signal.like(value, name=f"wrong_{n}", reset_less=True)
            for n, value in enumerate((check.faulty, check.code, check.word))
        )
        damaged = Signal(reset_less=True)
        cutting = Signal()
        advances, ends = self._cut(m, work, cutting)
        self._name(m, work, lister)

        m.d.comb += [
            self.fault.p.engine.eq(Stream.REMOTE.value),
            self.fault.p.context.eq(work.context),
            self.fault.p.code.eq(wrong_code),
            self.fault.p.info.eq(wrong_word),
            self.fault.p.address.eq(Mux(damaged, lister.record, 0)),
        ]

        with m.FSM():
            with m.State("IDLE"):
                # Of a list that was given up, a record may still be asked for.
                m.d.comb += [
                    self.waiting.eq(1),
                    self.job.ready.eq(self.room & ~self.read.request.valid),
                    self.begun.eq(self.job.valid & self.job.ready),
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
                        work.most.eq(PAYLOAD_MAX >> job.descriptor.grain),
                        wrong.eq(check.faulty),
                        wrong_code.eq(check.code),
                        wrong_word.eq(check.word),
                        damaged.eq(0),
                    ]
                    m.next = "CUT"
                    with m.If(lists):
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

    def _name(self, m, work, lister):
        """Says what requests will be about, once per record of a list."""
        owner = self.owners[work.context]
        with m.If(work.stitches):
            m.d.comb += [
                self.key.eq(lister.key),
                self.sees.eq(lister.sees & (lister.key.data_id[TENSOR_BITS:] == owner)),
            ]
        with m.Else():
            m.d.comb += [
                self.key.data_id.eq(self.request.p.data_id),
                self.key.fragment.eq(self.request.p.fragment),
                self.sees.eq(self.request.valid & ~self.request.p.foreign),
            ]

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
        free = (work.most - length)[: len(length)]
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
