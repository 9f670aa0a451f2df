"""Instructions that have started and are not complete."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import CONTEXT
from intarsia.sequencer.parts import Flight, TokenChange

__all__ = ["Flights"]

#: Instructions of a stream that may be under way at once; a power of two.
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
        Holds nothing while there is none.
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

        # A ring; the first instruction lies at `head`, the next one goes to `tail`.
        m.submodules.entries = entries = memory.Memory(shape=Flight, depth=DEPTH, init=[])
        write = entries.write_port()
        read = entries.read_port(domain="comb")
        head = Signal(range(DEPTH))
        tail = Signal(range(DEPTH))
        valid = Signal(DEPTH)
        contexts = [Signal(CONTEXT, name=f"context{n}", reset_less=True) for n in range(DEPTH)]
        known = Signal()
        completed = Signal(range(DEPTH + 1))

        engine = Signal()
        seen = Signal()
        complete = Signal()
        leave = Signal()
        m.d.comb += [
            engine.eq(~self.first.instant),
            read.addr.eq(head),
            self.first.eq(read.data),
            self.flying.eq(valid.any()),
            self.start.ready.eq(~valid.all()),
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

        m.d.comb += [
            write.addr.eq(tail),
            write.data.eq(self.start.p),
            write.en.eq(self.start.valid & self.start.ready),
        ]
        with m.If(leave):
            m.d.sync += [valid.bit_select(head, 1).eq(0), head.eq(head + 1)]
        with m.If(write.en):
            m.d.sync += [valid.bit_select(tail, 1).eq(1), tail.eq(tail + 1)]
            with m.Switch(tail):
                for n, context in enumerate(contexts):
                    with m.Case(n):
                        m.d.sync += context.eq(self.start.p.context)

        held = Const(0)
        for n, context in enumerate(contexts):
            held = held | (valid[n] << context)
        with m.If(self.flying):
            m.d.comb += self.held.eq(held)

        return m
