"""Packets to heads and payloads, and back."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import PacketBeat
from intarsia.isa.packet import (
    EXTENDED,
    EXTENSION_BYTES,
    HEADER_BYTES,
    PacketHeader,
    PacketKind,
)

__all__ = ["Deframer", "Framer", "PacketHead"]


class PacketHead(data.Struct):
    """All of a packet but its payload."""

    header: PacketHeader
    """Header; the link's own fields mean nothing here."""

    extension: 8 * EXTENSION_BYTES
    """Extension, for kinds that have one."""


def _is_one_of(kind, kinds):
    return reduce(or_, (kind == item for item in kinds))


class _Beats:
    """Beats of the head of a packet."""

    def __init__(self, link_bytes):
        self.plain = HEADER_BYTES // link_bytes
        self.extended = self.plain + -(-EXTENSION_BYTES // link_bytes)
        self.width = 8 * link_bytes

    def count(self, kind):
        """Beats of a head of `kind`."""
        return Mux(_is_one_of(kind, EXTENDED), self.extended, self.plain)


class Deframer(wiring.Component):
    """Takes packets apart.

    The head comes first, with its last beat, which is taken when the head is; then the payload
    passes. Both come in the cycle in which their beats do. A beat that is marked as the first of a
    packet is taken as such whatever came before.

    Parameters
    ----------
    link_bytes : int
        Bytes of a beat.

    Members
    -------
    packet : In(stream.Signature(PacketBeat(link_bytes)))
    head : Out(stream.Signature(PacketHead))
    payload : Out(stream.Signature(PacketBeat(link_bytes)))
        What follows the head, up to the last beat; none, if the head ends the packet.
    busy : Out(1)
        A packet has begun, and has not been passed on entirely.
    """

    def __init__(self, *, link_bytes):
        self.link_bytes = link_bytes
        super().__init__({
            "packet": In(stream.Signature(PacketBeat(link_bytes))),
            "head": Out(stream.Signature(PacketHead)),
            "payload": Out(stream.Signature(PacketBeat(link_bytes))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        beats = _Beats(self.link_bytes)

        # All beats of a head but the last one; a plain one has fewer of them.
        words = Signal(data.ArrayLayout(beats.width, beats.extended - 1), reset_less=True)
        count = Signal(range(beats.extended))
        place = Signal.like(count)
        passing = Signal()
        complete = Signal()
        plain_ends = Mux(place == beats.plain - 1, self.packet.p.data, words[beats.plain - 1])
        head = [words[n] for n in range(beats.extended - 1)] + [self.packet.p.data]
        head[beats.plain - 1] = plain_ends
        m.d.comb += [
            self.head.p.eq(Cat(head)),
            self.payload.p.eq(self.packet.p),
            self.busy.eq(passing | (count != 0)),
        ]

        with m.If(passing):
            m.d.comb += [
                self.payload.valid.eq(self.packet.valid),
                self.packet.ready.eq(self.payload.ready),
            ]
            with m.If(self.packet.valid & self.packet.ready & self.packet.p.last):
                m.d.sync += passing.eq(0)
        with m.Else():
            m.d.comb += [
                place.eq(Mux(self.packet.p.first, 0, count)),
                complete.eq(
                    (place >= beats.plain - 1) & (place == beats.count(self.head.p.header.kind) - 1)
                ),
                self.head.valid.eq(self.packet.valid & complete),
                self.packet.ready.eq(~complete | self.head.ready),
            ]
            with m.If(self.packet.valid & complete & self.head.ready):
                m.d.sync += [count.eq(0), passing.eq(~self.packet.p.last)]
            with m.Elif(self.packet.valid & ~complete):
                m.d.sync += [words[place].eq(self.packet.p.data), count.eq(place + 1)]

        return m


class Framer(wiring.Component):
    """Puts packets together.

    The head must be held until the last beat of the packet: it is accepted with that. Beats come in
    every cycle in which there is payload for them, also from packet to packet.

    Parameters
    ----------
    link_bytes : int
        Bytes of a beat.

    Members
    -------
    head : In(stream.Signature(PacketHead))
    payload : In(stream.Signature(8 * link_bytes))
        As many beats as hold ``length`` bytes; none for READ.
    packet : Out(stream.Signature(PacketBeat(link_bytes)))
    """

    def __init__(self, *, link_bytes):
        self.link_bytes = link_bytes
        super().__init__({
            "head": In(stream.Signature(PacketHead)),
            "payload": In(stream.Signature(8 * link_bytes)),
            "packet": Out(stream.Signature(PacketBeat(link_bytes))),
        })

    def elaborate(self, platform):
        m = Module()
        beats = _Beats(self.link_bytes)
        header = self.head.p.header

        words = Signal(data.ArrayLayout(beats.width, beats.extended))
        count = Signal(range(beats.extended + 1))
        left = Signal.like(header.length)
        passing = Signal()
        head_ends = Signal()
        has_payload = Signal()
        m.d.comb += [
            words.as_value().eq(self.head.p.as_value()),
            head_ends.eq(count == beats.count(header.kind) - 1),
            has_payload.eq((header.kind != PacketKind.READ) & (header.length != 0)),
        ]

        with m.If(passing):
            m.d.comb += [
                self.packet.valid.eq(self.head.valid & self.payload.valid),
                self.packet.p.data.eq(self.payload.p),
                self.packet.p.last.eq(left <= self.link_bytes),
                self.payload.ready.eq(self.head.valid & self.packet.ready),
            ]
        with m.Else():
            m.d.comb += [
                self.packet.valid.eq(self.head.valid),
                self.packet.p.data.eq(words[count]),
                self.packet.p.first.eq(count == 0),
                self.packet.p.last.eq(head_ends & ~has_payload),
            ]

        with m.If(self.packet.valid & self.packet.ready):
            m.d.comb += self.head.ready.eq(self.packet.p.last)
            with m.If(self.packet.p.last):
                m.d.sync += [count.eq(0), passing.eq(0)]
            with m.Elif(passing):
                m.d.sync += left.eq(left - self.link_bytes)
            with m.Else():
                m.d.sync += [count.eq(count + 1), passing.eq(head_ends), left.eq(header.length)]

        return m
