"""Remote transfers to requests of one packet each."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.lookup import AccessCheck, Lookup, LookupResult
from intarsia.common.ports import Job
from intarsia.dma.descriptor import DescriptorCheck
from intarsia.dma.pieces import Span
from intarsia.isa.address import LOCAL, NODE, OWNER_BITS, PAYLOAD_MAX, TENSOR_BITS, LogicalAddress
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import RemoteOp, Stream
from intarsia.isa.transfer import RemoteDescriptor

__all__ = ["Cut", "Cutter"]


class Cut(data.Struct):
    """One request: at most as much as a packet carries."""

    write: 1
    """WRITE, or else READ."""

    node: NODE
    """Node to ask."""

    address: LogicalAddress
    """First byte at the other side."""

    span: Span
    """This side."""


class Cutter(wiring.Component):
    """Looks the fragment of each job up, once, and cuts the job into requests.

    Where the rows lie without gaps at the other side, a request runs on from row to row, and a
    cycle is spent for each row; otherwise each row is cut for itself. Requests come in the order of
    their bytes; while one waits to be taken, the cutter waits.

    A job is refused as PROGRAM (its opcode is unknown), DESCRIPTOR, OWNER (its context has another
    owner than the tensor), ATU_MISS, PERMISSION or BOUNDS (by the request that would leave the
    fragment).

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
    cancelled : In(1)
        No more requests of this job are wanted.
    node : In(16)
        This node.
    owners : In(data.ArrayLayout(12, contexts))
        Owner whose tensors each context may use.
    lookup : Out(Lookup())
    request : Out(stream.Signature(Cut))
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
            "cancelled": In(1),
            "node": In(NODE),
            "owners": In(data.ArrayLayout(OWNER_BITS, config.contexts)),
            "lookup": Out(Lookup()),
            "request": Out(stream.Signature(Cut)),
            "ended": Out(1),
            "fault": Out(stream.Signature(FaultReport)),
            "waiting": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        job = Signal(Job(RemoteDescriptor), reset_less=True)
        entry = Signal(LookupResult, reset_less=True)
        descriptor = job.descriptor
        reads = Signal()
        writes = Signal()
        owned = Signal()
        dense = Signal()
        m.d.comb += [
            reads.eq(job.opcode == RemoteOp.READ.value),
            writes.eq(job.opcode == RemoteOp.WRITE.value),
            owned.eq(self.owners[job.context] == descriptor.data_id[TENSOR_BITS:]),
            dense.eq(descriptor.remote_pitch == descriptor.row_bytes),
            self.lookup.request.p.data_id.eq(descriptor.data_id),
            self.lookup.request.p.fragment.eq(descriptor.fragment),
        ]
        m.submodules.descriptor = sound = DescriptorCheck(
            RemoteDescriptor, nonzero=("row_bytes", "rows")
        )
        m.d.comb += sound.descriptor.eq(descriptor)

        # Place of the next byte to be cut, on both sides, and what is left of row and job. Offsets
        # are one bit wider than a fragment, so that none ever wraps around into it.
        address, left, rows = (
            Signal(LOCAL, name=name, reset_less=True) for name in ("address", "left", "rows")
        )
        offset = Signal(len(address) + 1, reset_less=True)
        gap = Signal(LOCAL)
        m.d.comb += gap.eq(descriptor.local_pitch - descriptor.row_bytes)

        # The request that grows: where it begins, how much it has. Then the row may have ended.
        start_address = Signal.like(address, reset_less=True)
        start_left = Signal.like(left, reset_less=True)
        length = Signal(range(PAYLOAD_MAX + 1))
        row_ended = Signal()

        taken = Signal.like(length)
        row_ends = Signal()
        grows = Signal()
        free = PAYLOAD_MAX - length
        m.d.comb += [
            row_ends.eq(left <= free),
            taken.eq(Mux(row_ends, left, free)),
            grows.eq(dense & row_ends & (rows != 1) & (taken != free)),
        ]

        m.submodules.access = check = AccessCheck()
        m.d.comb += [
            check.entry.eq(entry),
            check.access.write.eq(writes),
            check.access.holder.eq(entry.node == self.node),
            check.access.version.eq(entry.version),
            check.access.offset.eq(offset),
            check.access.length.eq(length),
        ]

        request = self.request.p
        m.d.comb += [
            request.write.eq(writes),
            request.node.eq(entry.node),
            request.address.data_id.eq(descriptor.data_id),
            request.address.fragment.eq(descriptor.fragment),
            request.address.offset.eq(offset),
            request.address.version.eq(entry.version),
            request.span.address.eq(start_address),
            request.span.left.eq(start_left),
            request.span.row_bytes.eq(descriptor.row_bytes),
            request.span.gap.eq(gap),
            request.span.length.eq(length),
            request.span.context.eq(job.context),
        ]

        report = Signal(FaultReport, reset_less=True)
        m.d.comb += self.fault.p.eq(report)

        def refuse(code):
            """Report `code`, which is about the fragment, and end the job."""
            m.d.sync += [
                report.eq(0),
                report.code.eq(code),
                report.engine.eq(Stream.REMOTE.value),
                report.context.eq(job.context),
                report.data_id.eq(descriptor.data_id),
                report.info.eq(descriptor.fragment),
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
                    m.d.sync += job.eq(self.job.p)
                    m.next = "LOOKUP"
            with m.State("LOOKUP"):
                m.d.sync += [
                    address.eq(descriptor.local.offset),
                    left.eq(descriptor.row_bytes),
                    rows.eq(descriptor.rows),
                    offset.eq(descriptor.offset),
                    length.eq(0),
                ]
                with m.If(~(reads | writes)):
                    refuse(FaultCode.PROGRAM)
                    m.d.sync += [report.data_id.eq(0), report.info.eq(0)]
                with m.Elif(sound.faulty):
                    refuse(FaultCode.DESCRIPTOR)
                    m.d.sync += [report.data_id.eq(0), report.info.eq(sound.word)]
                with m.Elif(~owned):
                    refuse(FaultCode.OWNER)
                with m.Else():
                    m.d.comb += self.lookup.request.valid.eq(1)
                    with m.If(self.lookup.request.ready):
                        m.next = "FOUND"
            with m.State("FOUND"):
                with m.If(self.lookup.result.valid):
                    m.d.sync += entry.eq(self.lookup.result.p)
                    m.next = "CUT"
            with m.State("CUT"):
                with m.If(length == 0):
                    m.d.sync += [start_address.eq(address), start_left.eq(left)]
                m.d.sync += [
                    address.eq(address + taken + Mux(row_ends, gap, 0)),
                    left.eq(Mux(row_ends, descriptor.row_bytes, left - taken)),
                    rows.eq(rows - row_ends),
                    length.eq(length + taken),
                    row_ended.eq(row_ends),
                ]
                with m.If(~grows):
                    m.next = "CHECK"
                with m.If(self.cancelled):
                    m.next = "END"
            with m.State("CHECK"):
                with m.If(check.fault == FaultCode.NONE):
                    m.next = "REQUEST"
                with m.Else():
                    refuse(check.fault)
                    m.d.sync += report.node.eq(self.node)
            with m.State("REQUEST"):
                m.d.comb += [self.waiting.eq(1), self.request.valid.eq(1)]
                with m.If(self.request.ready):
                    # Past the gap, which may be negative: rows may overlap at the other side.
                    m.d.sync += offset.eq(
                        offset
                        + length
                        + Mux(row_ended, descriptor.remote_pitch - descriptor.row_bytes, 0)
                    )
                    m.d.sync += length.eq(0)
                    with m.If(rows == 0):
                        m.next = "END"
                    with m.Else():
                        m.next = "CUT"
            with m.State("REFUSE"):
                m.d.comb += self.fault.valid.eq(1)
                with m.If(self.fault.ready):
                    m.next = "END"
            with m.State("END"):
                m.d.comb += self.ended.eq(1)
                m.next = "IDLE"

        return m
