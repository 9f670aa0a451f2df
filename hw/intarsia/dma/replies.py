"""Replies that wait to be sent."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.dma.framing import PacketHead
from intarsia.isa.address import NODE, LogicalAddress
from intarsia.isa.faults import FaultCode
from intarsia.isa.packet import LINK_FORMAT, ErrorDetail, PacketHeader, PacketKind

__all__ = ["Replies", "Reply"]

#: Replies that wait, at most.
DEPTH = 4


class _Plain(data.Struct):
    """A reply without its detail."""

    destination: NODE
    kind: PacketKind
    length: 11
    transaction: 16


class Reply(data.Struct):
    """What became of a request."""

    asked: PacketHeader
    """Its header,"""

    address: LogicalAddress
    """and its extension."""

    outcome: FaultCode
    """Why it is refused, or NONE."""


class Replies(wiring.Component):
    """Keeps replies, up to `DEPTH`, of which one may be an ERROR, and makes heads of them.

    A head comes in the cycle after its reply, if none waits.

    Members
    -------
    node : In(16)
        This node.
    reply : In(stream.Signature(Reply))
    head : Out(stream.Signature(PacketHead))
        The link's own fields are left zero.
    """

    node: In(NODE)
    reply: In(stream.Signature(Reply))
    head: Out(stream.Signature(PacketHead))

    def elaborate(self, platform):
        m = Module()
        m.submodules.waiting = waiting = fifo.SyncFIFO(width=_Plain.as_shape().size, depth=DEPTH)
        detail = Signal(ErrorDetail, reset_less=True)
        detailed = Signal()  # An ERROR waits.
        refuses = Signal()
        reads = Signal()
        enters = Signal()
        coming = Signal(_Plain)
        asked, address = self.reply.p.asked, self.reply.p.address
        sent = data.View(_Plain, waiting.r_data)
        header = self.head.p.header
        m.d.comb += [
            refuses.eq(self.reply.p.outcome != FaultCode.NONE),
            reads.eq((asked.kind == PacketKind.READ) & ~refuses),
            coming.destination.eq(asked.source),
            coming.length.eq(Mux(reads, asked.length, 0)),
            coming.transaction.eq(asked.transaction),
            self.reply.ready.eq(waiting.w_rdy & ~(refuses & detailed)),
            enters.eq(self.reply.valid & self.reply.ready),
            waiting.w_data.eq(coming),
            waiting.w_en.eq(enters),
            waiting.r_en.eq(self.head.ready),
            self.head.valid.eq(waiting.r_rdy),
            self.head.p.extension.eq(detail),
            header.destination.eq(sent.destination),
            header.source.eq(self.node),
            header.kind.eq(sent.kind),
            header.length.eq(sent.length),
            header.transaction.eq(sent.transaction),
            header.link_format.eq(LINK_FORMAT),
        ]
        kind = Signal(PacketKind)
        with m.If(refuses):
            m.d.comb += kind.eq(PacketKind.ERROR)
        with m.Elif(reads):
            m.d.comb += kind.eq(PacketKind.READ_REPLY)
        with m.Else():
            m.d.comb += kind.eq(PacketKind.WRITE_ACK)
        m.d.comb += coming.kind.eq(kind)
        with m.If(enters & refuses):
            m.d.sync += [
                detailed.eq(1),
                detail.data_id.eq(address.data_id),
                detail.fragment.eq(address.fragment),
                detail.offset.eq(address.offset),
                detail.fault.eq(self.reply.p.outcome),
            ]
        with m.Elif(self.head.valid & self.head.ready & (sent.kind == PacketKind.ERROR)):
            m.d.sync += detailed.eq(0)
        return m
