"""Credits to return: what the receive buffers have room for, and the other end does not know of."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.packet import CREDIT_UNIT, MessageClass
from intarsia.link.geometry import CLASSES, Geometry

__all__ = ["Returns"]


class Returns(wiring.Component):
    """Counts, per class, up to which position of its buffer the other end may send.

    Positions count beats modulo twice the size of the buffer. While the link is not up, the other
    end may send none; so what is announced afterwards is what is free.

    Parameters
    ----------
    link_bytes : int
        4 or 16.

    Members
    -------
    up : In(1)
        The link is up.
    begin_control, end_control, … : In(range(2 * capacity)), In(range(2 * capacity))
        Position of the oldest beat in the buffer, and of the first one that is free.
    message_class, units : Out(MessageClass), Out(6)
        Credits to return next.
    urgent : Out(1)
        They are worth a packet of their own: an eighth of the buffer.
    returned : In(1)
        They are returned in this cycle.
    """

    def __init__(self, *, link_bytes):
        self.geometry = Geometry(link_bytes)
        positions = {
            f"{which}_{name}": In(range(2 * self.geometry.capacity(name)))
            for name in CLASSES
            for which in ("begin", "end")
        }
        super().__init__({
            "up": In(1),
            **positions,
            "message_class": Out(MessageClass),
            "units": Out(6),
            "urgent": Out(1),
            "returned": In(1),
        })

    def elaborate(self, platform):
        m = Module()

        due, limits, plenty, some = {}, {}, Signal(len(CLASSES)), Signal(len(CLASSES))
        for n, name in enumerate(CLASSES):
            capacity = self.geometry.capacity(name)
            limits[name] = Signal(range(2 * capacity), name=f"limit_{name}")
            due[name] = Signal(range(2 * capacity), name=f"due_{name}")
            m.d.comb += [
                due[name].eq(getattr(self, f"begin_{name}") + capacity - limits[name]),
                plenty[n].eq(due[name] >= capacity // 8),
                some[n].eq(due[name] >= CREDIT_UNIT),
            ]

        # Among the classes that have most to return, the first one from `turn` on.
        count = len(CLASSES)
        turn = Signal(range(count))
        candidates = Signal(count)
        chosen = Signal(count)
        m.d.comb += candidates.eq(Mux(plenty.any(), plenty, some))
        with m.Switch(turn):
            for first in range(count):
                with m.Case(first):
                    for n in reversed([(first + k) % count for k in range(count)]):
                        with m.If(candidates[n]):
                            m.d.comb += chosen.eq(1 << n)

        m.d.comb += self.urgent.eq(self.up & plenty.any())
        for n, (name, message_class) in enumerate(CLASSES.items()):
            with m.If(chosen[n]):
                units = Signal(12, name=f"units_{name}")
                m.d.comb += [
                    units.eq(due[name] // CREDIT_UNIT),
                    self.message_class.eq(message_class),
                    self.units.eq(Mux(units > 63, 63, units)),
                ]
        with m.If(self.returned):
            m.d.sync += turn.eq(Mux(turn == count - 1, 0, turn + 1))
        for n, name in enumerate(CLASSES):
            with m.If(~self.up):
                m.d.sync += limits[name].eq(getattr(self, f"end_{name}"))
            with m.Elif(self.returned & chosen[n]):
                m.d.sync += limits[name].eq(limits[name] + self.units * CREDIT_UNIT)

        return m
