"""What a home's replies begin with."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.home.recall import Change
from intarsia.isa.address import NODE
from intarsia.isa.faults import FaultCode
from intarsia.isa.fragment import ENTRY_BYTES
from intarsia.isa.packet import (
    EXTENSION_BYTES,
    HEADER_BYTES,
    LINK_FORMAT,
    ErrorDetail,
    PacketHeader,
    PacketKind,
)

__all__ = ["ReplyHead"]


class ReplyHead(wiring.Component):
    """Says the head of a reply, beat by beat: MAP_REPLY, MAP_UPDATED, or ERROR with its detail.

    Parameters
    ----------
    link_bytes : int

    Members
    -------
    node : In(16)
        This node.
    asked : In(PacketHeader)
        Of the look-up that is answered.
    change : In(Change)
        The update that is answered.
    closes : In(1)
        It is the update that is answered.
    place : In(range(...))
        Which beat is wanted.
    data : Out(8 * link_bytes)
        It, in the same cycle.
    ends : Out(1)
        It is the last one of the head.
    """

    def __init__(self, *, link_bytes):
        self.link_bytes = link_bytes
        super().__init__({
            "node": In(NODE),
            "asked": In(PacketHeader),
            "change": In(Change),
            "closes": In(1),
            "place": In(range(-(-(HEADER_BYTES + EXTENSION_BYTES) // link_bytes))),
            "data": Out(8 * link_bytes),
            "ends": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        change, asked = self.change, self.asked
        header = Signal(PacketHeader)
        detail = Signal(ErrorDetail)
        failed = Signal()
        m.d.comb += [
            failed.eq(change.fault != FaultCode.NONE),
            header.destination.eq(Mux(self.closes, change.node, asked.source)),
            header.transaction.eq(Mux(self.closes, change.transaction, asked.transaction)),
            header.source.eq(self.node),
            header.link_format.eq(LINK_FORMAT),
            detail.data_id.eq(change.data_id),
            detail.fragment.eq(change.fragment),
            detail.fault.eq(change.fault),
        ]
        with m.If(~self.closes):
            m.d.comb += [header.kind.eq(PacketKind.MAP_REPLY), header.length.eq(ENTRY_BYTES)]
        with m.Elif(failed):
            m.d.comb += header.kind.eq(PacketKind.ERROR)
        with m.Else():
            m.d.comb += header.kind.eq(PacketKind.MAP_UPDATED)
        plain = HEADER_BYTES // self.link_bytes
        extended = plain + -(-EXTENSION_BYTES // self.link_bytes)
        m.d.comb += [
            self.ends.eq(self.place == Mux(self.closes & failed, extended, plain) - 1),
            self.data.eq(Cat(header, detail).word_select(self.place, 8 * self.link_bytes)),
        ]
        return m
