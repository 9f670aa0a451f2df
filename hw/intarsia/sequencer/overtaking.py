"""Instructions that have started and are not complete, of contexts that overtake each other."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ranks import Ranks
from intarsia.isa.address import CONTEXT
from intarsia.sequencer.flights import DEPTH
from intarsia.sequencer.parts import Flight, TokenChange

__all__ = ["OvertakingFlights"]


class OvertakingFlights(wiring.Component):
    """Does what :class:`~intarsia.sequencer.flights.Flights` does, for each context alone.

    Instructions of a context are complete in order, those of different ones in any.

    Parameters
    ----------
    contexts : int

    Members
    -------
    start, offered, give, flying, held
        As there.
    done : In(1)
        The first of those of context `whose` that an engine sees has completed.
    whose : In(CONTEXT)
    first : Out(Flight)
        One that is the first of its context.
    began : Out(1)
        One cycle for each instruction that an engine sees: it is the first of its context from now
        on. Not more than one at a time.
    shown : Out(Flight)
        Which one `began` or `ended`; else as `first`, or what is on `start` if there is none.
    ended : Out(1)
        One cycle for each of those, later than `began`: it has completed.
    """

    def __init__(self, *, contexts):
        self.contexts = contexts
        super().__init__({
            "start": In(stream.Signature(Flight)),
            "offered": In(1),
            "done": In(1),
            "whose": In(CONTEXT),
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
        m.submodules.ranks = ranks = Ranks(places=DEPTH)
        m.submodules.entries = entries = memory.Memory(shape=Flight, depth=DEPTH, init=[])
        write, read = entries.write_port(), entries.read_port(domain="comb")
        starts = Signal()
        m.d.comb += [
            self.start.ready.eq(ranks.room),
            starts.eq(self.start.valid & ranks.room),
            ranks.enter.eq(starts),
            ranks.context.eq(self.start.p.context),
            write.addr.eq(ranks.place),
            write.data.eq(self.start.p),
            write.en.eq(starts),
        ]

        # A bit for each place: no engine sees it; it began; its engine is done with it.
        instant, known, complete = (Signal(DEPTH, name=name) for name in ("of", "known", "over"))
        heads = Signal(DEPTH)  # The first of their contexts;
        leaders = Signal(DEPTH)  # the first that their engine is not done with.
        working = Signal(DEPTH)
        finished = Signal(DEPTH)
        m.d.comb += [
            working.eq(ranks.held & ~instant & ~complete),
            heads.eq(ranks.held & ~Cat(before.any() for before in ranks.before)),
            leaders.eq(working & ~Cat((before & working).any() for before in ranks.before)),
        ]
        with m.If(self.done):
            ours = Cat(context == self.whose for context in ranks.contexts)
            m.d.comb += finished.eq(leaders & ours)

        # What can leave goes before what begins.
        ready = Signal(DEPTH)
        fresh = Signal(DEPTH)
        wanted = Signal(DEPTH)
        place = Signal(range(DEPTH))
        m.d.comb += [
            ready.eq(heads & (instant | (complete & known))),
            fresh.eq(heads & ~instant & ~known),
        ]
        with m.If(ready.any()):
            m.d.comb += wanted.eq(ready)
        with m.Elif(fresh.any()):
            m.d.comb += wanted.eq(fresh)
        with m.Else():
            m.d.comb += wanted.eq(heads)
        for n in reversed(range(DEPTH)):
            with m.If(wanted[n]):
                m.d.comb += place.eq(n)

        early = Signal()  # What is offered has begun.
        engine = Signal()
        leaves = Signal()
        mark = Signal(DEPTH)
        m.d.comb += [
            read.addr.eq(place),
            self.first.eq(read.data),
            engine.eq(~self.first.instant),
            mark.eq(1 << place),
            self.flying.eq(ranks.held.any()),
            self.shown.eq(Mux(self.flying, self.first, self.start.p)),
            self.give.valid.eq(ready.any() & self.first.signal.any()),
            self.give.p.context.eq(self.first.context),
            self.give.p.mask.eq(self.first.signal),
            leaves.eq(ready.any() & (self.give.ready | ~self.give.valid)),
            self.ended.eq(leaves & engine),
            self.began.eq(Mux(self.flying, ~ready.any() & fresh.any(), self.offered & ~early)),
            ranks.leave.eq(Mux(leaves, mark, 0)),
        ]
        with m.If(self.began & ~self.flying & ~starts):
            m.d.sync += early.eq(1)
        with m.Elif(starts):
            m.d.sync += early.eq(0)
        entered = Mux(starts, 1 << ranks.place, 0)[:DEPTH]
        with m.If(self.flying | starts):
            begun = Mux(self.began & self.flying, mark, 0) | Mux(
                early | (self.began & ~self.flying), entered, 0
            )
            m.d.sync += [
                known.eq(known & ~entered | begun),
                complete.eq(complete & ~entered | finished),
                instant.eq(instant & ~entered | Mux(self.start.p.instant, entered, 0)),
            ]
            held = Const(0)
            for n, context in enumerate(ranks.contexts):
                held = held | (ranks.held[n] << context)
            m.d.comb += self.held.eq(held)
        return m
