"""Packets from their sources, made ready to be sent."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.crc import Crc32
from intarsia.common.ports import PacketBeat
from intarsia.isa.packet import CREDIT_UNIT, MessageClass, PacketKind
from intarsia.link.geometry import CLASSES, Geometry
from intarsia.link.grant import Grant

__all__ = ["Collector", "RingBeat"]


class RingBeat(data.StructLayout):
    """What a transmitter keeps of a beat."""

    def __init__(self, link_bytes):
        super().__init__({"data": 8 * link_bytes, "last": 1})


class Collector(wiring.Component):
    """Takes packets of four classes, one after the other, and fills in what belongs to the link.

    A packet is taken when its class has credits for the longest packet of that class; control goes
    before reply, reply before forward, forward before request. Its beats are taken as they come, if
    the ring has room for them; its CRC is known in the cycle after its last beat, in which the next
    packet may begin.

    Credits for what was taken out of this side's receive buffers ride in the headers. Where there
    are enough to return and no packet is ready, a CREDIT packet takes them.

    Parameters
    ----------
    link_bytes : int
        4 or 16.
    relays : bool
        A packet is chosen in the cycle before it is taken, which is then lost; and credits that
        come in count a cycle later.

    Members
    -------
    control, reply, forward, request : In(stream.Signature(PacketBeat(link_bytes)))
        Packets to send. What the header says of another link, and its CRC, is replaced.
    dead, life : In(1), In(4)
        See :class:`~intarsia.link.session.Session`. Packets for a link that is dead are dropped.
    urgent, due_class, due_units : In(1), In(MessageClass), In(6)
        Whether there are credits that are worth a packet, and which are returned.
    returned : Out(1)
        They are in a packet.
    grant : In(stream.Signature(Grant, always_ready=True))
        Credits that came in.
    oldest, base : In(8), In(range(2 * ring))
        Number of the oldest packet that is kept, and where it begins in the ring.
    sequence : Out(8)
        Number of the packet that is being taken, or comes next.
    begun : Out(1)
        Some of its beats were stored, but not all.
    fill : Out(range(2 * ring))
        Where the next beat is stored. Positions count beyond the ring, so that full and empty
        differ.
    beat : Out(stream.Signature(RingBeat(link_bytes), always_ready=True))
        A beat to be stored.
    filled, crc : Out(1), Out(32)
        With the cycle before, a packet became complete; its CRC.
    waits : Out(1)
        There is a packet to send.
    dropped, destination : Out(1), Out(16)
        A packet for that node is dropped.
    awake : Out(1)
        Where it is low, registers change with `grant` at most.
    """

    def __init__(self, *, link_bytes, relays=False):
        self.geometry = Geometry(link_bytes)
        self.relays = relays
        beat = stream.Signature(PacketBeat(link_bytes))
        position = range(2 * self.geometry.ring)
        super().__init__({
            **{name: In(beat) for name in CLASSES},
            "dead": In(1),
            "life": In(4),
            "urgent": In(1),
            "due_class": In(MessageClass),
            "due_units": In(6),
            "returned": Out(1),
            "grant": In(stream.Signature(Grant, always_ready=True)),
            "oldest": In(8),
            "base": In(position),
            "sequence": Out(8),
            "begun": Out(1),
            "fill": Out(position),
            "beat": Out(stream.Signature(RingBeat(link_bytes), always_ready=True)),
            "filled": Out(1),
            "crc": Out(32),
            "waits": Out(1),
            "dropped": Out(1),
            "destination": Out(16),
            "awake": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        width = 8 * geometry.link_bytes
        sources = [(name, getattr(self, name)) for name in CLASSES]
        credit = len(CLASSES)

        balance = {name: Signal(12, name=f"balance_{name}") for name in CLASSES}
        # With relays, whether that is enough is known at the start of a cycle.
        enough = [(balance[name] >= geometry.demand(name)) for name in CLASSES]
        if self.relays:
            enough = Signal(credit)
        late = Signal()
        place = Signal(range(geometry.longest))
        held = Signal(credit + 1)  # a bit per class, and one for CREDIT
        current = Signal.like(held)
        storing = Signal()
        beat = Signal(PacketBeat(geometry.link_bytes))
        m.submodules.crc = crc = Crc32(width=width)
        m.d.comb += [
            self.waits.eq(Cat(source.valid for _, source in sources).any()),
            self.begun.eq(place != 0),
            self.crc.eq(crc.crc),
            self.awake.eq(self.waits | self.urgent | self.begun | self.filled | late),
        ]
        m.d.sync += self.filled.eq(storing & beat.last)

        with m.If(self.waits | self.urgent | self.begun):
            # ---- Which packet
            ready = Signal(credit)
            choice = Signal.like(held)
            in_flight = Signal(range(2 * geometry.window))
            space = Signal()
            m.d.comb += [
                ready.eq(
                    Cat(
                        source.valid & (enough[n] | self.dead | ~source.p.first)
                        for n, (_, source) in enumerate(sources)
                    )
                ),
                choice.eq(Mux(ready.any(), ready & (~ready + 1), self.urgent << credit)),
                current.eq(held if self.relays else Mux(self.begun, held, choice)),
                in_flight.eq(self.sequence - self.oldest),
                space.eq((self.fill ^ self.base != geometry.ring) & (self.begun | ~in_flight[-1])),
            ]

            # ---- Its next beat
            available = Signal()
            returning = Signal(beat.shape())
            first_beat, kind_bit = geometry.locate("kind")
            m.d.comb += [
                returning.first.eq(place == 0),
                returning.last.eq(place == geometry.header_beats - 1),
                returning.data.eq(Mux(place == first_beat, PacketKind.CREDIT.value << kind_bit, 0)),
            ]
            # One of them at a time; which, by a bit of its own, so it takes no chain of decisions.
            offers = [*(source.p for _, source in sources), returning]
            chosen = [Mux(current[n], offer.as_value(), 0) for n, offer in enumerate(offers)]
            offered = Cat(*(source.valid for _, source in sources), 1)
            m.d.comb += [
                beat.eq(reduce(or_, chosen)),
                available.eq((current & offered).any()),
                *(source.ready.eq(current[n] & space) for n, (_, source) in enumerate(sources)),
            ]
            filling = Signal()
            m.d.comb += [
                filling.eq(available & space),
                storing.eq(filling & (self.begun | (beat.first & ~self.dead))),
                self.dropped.eq(filling & beat.first & self.dead),
                self.destination.eq(beat.data),
            ]
            if self.relays:
                with m.If(~held.any()):
                    m.d.sync += held.eq(choice)
                with m.Elif(filling & beat.last):
                    m.d.sync += held.eq(0)

        # ---- Into the ring
        with m.If(storing):
            link_beat, link_bit = geometry.locate("sequence")
            crc_beat, crc_bit = geometry.locate("crc")
            link_fields = Cat(
                self.sequence,
                Const(0, 8),
                self.due_class,
                self.due_units,
                self.life,
                Const(geometry.format, 4),
            )
            stored = self.beat.p
            m.d.comb += stored.data.eq(beat.data)
            with m.If(place == crc_beat):
                m.d.comb += stored.data[crc_bit : crc_bit + 32].eq(0)
            with m.If(place == link_beat):
                m.d.comb += [self.returned.eq(1), stored.data[link_bit:].eq(link_fields)]
            m.d.comb += [
                self.beat.valid.eq(1),
                stored.last.eq(beat.last),
                crc.start.eq(~self.begun),
                crc.valid.eq(1),
                crc.word.eq(stored.data),
            ]
            m.d.sync += [
                self.fill.eq(self.fill + 1),
                place.eq(Mux(beat.last, 0, place + 1)),
            ]
            if not self.relays:
                m.d.sync += held.eq(current)
            with m.If(beat.last):
                m.d.sync += self.sequence.eq(self.sequence + 1)

        # ---- Credits of the other side
        granted = self.grant.p.credits * CREDIT_UNIT
        less = Signal(signed(len(granted) + 1))
        with m.If(self.grant.valid):
            m.d.comb += less.eq(granted - 1)
        for n, (name, message_class) in enumerate(CLASSES.items()):
            given = Signal(name=f"given_{name}")
            spent = Signal(name=f"spent_{name}")
            m.d.comb += [
                given.eq(self.grant.valid & (self.grant.p.message_class == message_class)),
                spent.eq(storing & current[n]),
            ]
            with m.If(given | spent):
                change = Mux(given, Mux(spent, less, granted), -1)
                m.d.sync += balance[name].eq(balance[name] + change)
            if self.relays:
                demand = geometry.demand(name)
                m.d.sync += late.eq(self.grant.valid)
                with m.If(late | spent):
                    m.d.sync += enough[n].eq(
                        Mux(spent, balance[name] > demand, balance[name] >= demand)
                    )

        return m
