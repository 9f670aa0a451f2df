"""Credits to return: what the receive buffers have room for, and the other end does not know of."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.isa.packet import CREDIT_UNIT, MessageClass
from intarsia.link.geometry import CLASSES, Geometry

__all__ = ["Returns"]

#: What fits into the header's field.
UNITS_MAX = 63


class Returns(wiring.Component):
    """Counts, per class, the beats of its buffer that the other end may not send yet.

    With the end of a life of the link, the other end loses what it was given; so what is announced
    in the next one is what is free.

    Parameters
    ----------
    link_bytes : int
        4 or 16.
    relays : bool
        What is to be returned next is chosen a cycle before; right after a return, nothing is.

    Members
    -------
    up : In(1)
        The link is up.
    held_control, held_reply, … : In(range(capacity + 1))
        Beats in the buffer.
    freed : In(len(CLASSES))
        By class: a beat leaves the buffer in this cycle.
    urgent : Out(1)
        There are credits that are worth a packet of their own: an eighth of a buffer.
    returned : In(1)
        Credits are returned in this cycle.
    message_class, units : Out(MessageClass), Out(6)
        Namely these. Where none are returned, they mean nothing, and without `relays` are zero.
    awake : Out(1)
        Where it is low, registers change with `freed` or `returned` at most.
    """

    def __init__(self, *, link_bytes, relays=False):
        self.geometry = Geometry(link_bytes)
        self.relays = relays
        super().__init__({
            "up": In(1),
            **{f"held_{name}": In(range(self.geometry.capacity(name) + 1)) for name in CLASSES},
            "freed": In(len(CLASSES)),
            "urgent": Out(1),
            "returned": In(1),
            "message_class": Out(MessageClass),
            "units": Out(6),
            "awake": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        count = len(CLASSES)

        due, plenty, some = {}, Signal(count), Signal(count)
        for n, name in enumerate(CLASSES):
            capacity = self.geometry.capacity(name)
            due[name] = Signal(range(capacity + 1), init=capacity, name=f"due_{name}")
            m.d.comb += [
                plenty[n].eq(due[name][exact_log2(capacity // 8) :].any()),
                some[n].eq(due[name][exact_log2(CREDIT_UNIT) :].any()),
            ]
        urgent = self.up & plenty.any()
        if self.relays:
            m.d.sync += self.urgent.eq(urgent & ~self.returned)
        else:
            m.d.comb += self.urgent.eq(urgent)

        # Among the classes that have most to return, the first one from `turn` on.
        turn = Signal(range(count))
        candidates = Signal(count)
        chosen = Signal(count)
        message_class = Signal(MessageClass)
        units = Signal(6)
        with m.If(self.relays | self.returned):
            m.d.comb += candidates.eq(Mux(plenty.any(), plenty, some))
            with m.Switch(turn):
                for first in range(count):
                    with m.Case(first):
                        for n in reversed([(first + k) % count for k in range(count)]):
                            with m.If(candidates[n]):
                                m.d.comb += chosen.eq(1 << n)
            for n, (name, its_class) in enumerate(CLASSES.items()):
                with m.If(chosen[n]):
                    all_units = due[name] // CREDIT_UNIT
                    m.d.comb += [
                        message_class.eq(its_class),
                        units.eq(Mux(all_units > UNITS_MAX, UNITS_MAX, all_units)),
                    ]
        if self.relays:
            picked, picked_class, picked_units = (
                Signal.like(of, name=f"picked_{name}")
                for name, of in (("classes", chosen), ("class", message_class), ("units", units))
            )
            with m.If((self.returned & picked.any()) | ~self.up):
                m.d.sync += [picked.eq(0), picked_units.eq(0)]
            with m.Else():
                m.d.sync += [
                    picked.eq(chosen),
                    picked_class.eq(message_class),
                    picked_units.eq(units),
                ]
            chosen = picked & self.returned.replicate(count)
            message_class, units = picked_class, picked_units
        # With relays a header may return nothing though there is something: then it is no turn.
        with m.If(chosen.any() if self.relays else self.returned):
            m.d.sync += turn.eq(Mux(turn == count - 1, 0, turn + 1))
        m.d.comb += [self.message_class.eq(message_class), self.units.eq(units)]

        # What is returned are whole units; what leaves the buffer meanwhile is counted below them.
        taken = Signal(signed(len(self.units) + 1))
        with m.If(self.returned):
            m.d.comb += taken.eq(-self.units)
        was_up = Signal()
        m.d.sync += was_up.eq(self.up)
        m.d.comb += self.awake.eq(was_up ^ self.up)
        for n, name in enumerate(CLASSES):
            forgotten = was_up & ~self.up
            with m.If(forgotten | self.freed[n] | chosen[n]):
                # What is not held is one more than what its complement says.
                capacity, freed = self.geometry.capacity(name), self.freed[n]
                held = getattr(self, f"held_{name}")
                room = Mux(forgotten, capacity ^ ~held, due[name])
                below = Mux(forgotten, Cat(~freed, freed), freed)
                units = Mux(chosen[n] & ~forgotten, taken, 0)
                change = Cat(below, Const(0, exact_log2(CREDIT_UNIT) - len(below)), units)
                m.d.sync += due[name].eq(room + change.as_signed())

        return m
