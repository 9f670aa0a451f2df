"""Instructions that have started and are not complete."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.sequencer.parts import Flight, TokenChange

__all__ = ["Flights"]

#: Instructions of a stream that may be under way at once.
DEPTH = 4


class Flights(wiring.Component):
    """Remembers the instructions of a stream that have started, in order.

    Parameters
    ----------
    contexts : int

    Members
    -------
    start : In(stream.Signature(Flight))
        Ready while there is room.
    offered : In(1)
        An engine is offered what is on `start`, may already work on it, and will accept it.
    done : In(1)
        The first of those that an engine sees has completed.
    give : Out(stream.Signature(TokenChange))
        Tokens of the first instruction, once it has completed. Absent if it has none.
    first : Out(Flight)
    flying : Out(1)
        There is a first instruction.
    began : Out(1)
        One cycle for each instruction that an engine sees: it is the first from now on, be it here
        already or only offered.
    shown : Out(Flight)
        Which one `began` or `ended`: the first, or what is on `start` if there is none.
    ended : Out(1)
        One cycle for each of those, later than `began`: it has completed.
    held : Out(contexts)
        Contexts that have an instruction here.
    """

    def __init__(self, *, contexts):
        self.contexts = contexts
        super().__init__({
            "start": In(stream.Signature(Flight)),
            "offered": In(1),
            "done": In(1),
            "give": Out(stream.Signature(TokenChange)),
            "first": Out(Flight),
            "flying": Out(1),
            "began": Out(1),
            "shown": Out(Flight),
            "ended": Out(1),
            "held": Out(self.contexts),
        })

    def elaborate(self, platform):
        m = Module()

        entries = Signal(data.ArrayLayout(Flight, DEPTH), reset_less=True)
        valid = Signal(DEPTH)
        known = Signal()
        completed = Signal(range(DEPTH + 1))

        engine = Signal()
        seen = Signal()
        complete = Signal()
        leave = Signal()
        m.d.comb += [
            engine.eq(~self.first.instant),
            self.first.eq(entries[0]),
            self.flying.eq(valid[0]),
            self.start.ready.eq(~valid[-1]),
            seen.eq(Mux(self.flying, engine, self.offered)),
            self.began.eq(seen & ~known),
            self.shown.eq(Mux(self.flying, self.first, self.start.p)),
            complete.eq(self.flying & (~engine | (known & completed.any()))),
            self.give.valid.eq(complete & self.first.signal.any()),
            self.give.p.context.eq(self.first.context),
            self.give.p.mask.eq(self.first.signal),
            leave.eq(complete & (self.give.ready | ~self.give.valid)),
            self.ended.eq(leave & engine),
        ]
        m.d.sync += known.eq(seen & ~leave)
        m.d.sync += completed.eq(completed + self.done - self.ended)

        # Those that follow move up; a new one goes to the first place that is then free.
        moved = Signal.like(valid)
        m.d.comb += moved.eq(Mux(leave, valid >> 1, valid))
        with m.If(leave):
            m.d.sync += entries.eq(entries.as_value() >> Flight.as_shape().size)
        with m.If(self.start.valid & self.start.ready):
            for n in range(DEPTH):
                below = moved[n - 1] if n else Const(1)
                with m.If(~moved[n] & below):
                    m.d.sync += entries[n].eq(self.start.p)
            m.d.sync += valid.eq(Cat(Const(1, 1), moved))
        with m.Else():
            m.d.sync += valid.eq(moved)

        held = Const(0)
        for n in range(DEPTH):
            held = held | (valid[n] << entries[n].context)
        with m.If(self.flying):
            m.d.comb += self.held.eq(held)

        return m
