"""Replies that wait to be sent."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.dma.framing import PacketHead
from intarsia.isa.address import NODE
from intarsia.isa.packet import LINK_FORMAT, ErrorDetail, PacketKind

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
    """What is not known otherwise about a reply."""

    plain: _Plain
    detail: ErrorDetail


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
        enters = Signal()
        sent = data.View(_Plain, waiting.r_data)
        header = self.head.p.header
        m.d.comb += [
            refuses.eq(self.reply.p.plain.kind == PacketKind.ERROR),
            self.reply.ready.eq(waiting.w_rdy & ~(refuses & detailed)),
            enters.eq(self.reply.valid & self.reply.ready),
            waiting.w_data.eq(self.reply.p.plain),
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
        with m.If(enters & refuses):
            m.d.sync += [detailed.eq(1), detail.eq(self.reply.p.detail)]
        with m.Elif(self.head.valid & self.head.ready & (sent.kind == PacketKind.ERROR)):
            m.d.sync += detailed.eq(0)
        return m
