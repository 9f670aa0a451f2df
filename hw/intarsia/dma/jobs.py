"""Jobs of the remote queue, from when they begin until they are done."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ranks import Ranks
from intarsia.dma.transactions import JOBS
from intarsia.isa.address import CONTEXT

__all__ = ["Jobs"]


class Jobs(wiring.Component):
    """Says which jobs are done: those of a context in order, those of different ones in any.

    A job is done when all of it was cut and none of its requests is open; one a cycle.

    Members
    -------
    room : Out(1)
        Another job may begin.
    begin : In(1)
        One does,
    context : In(CONTEXT)
        of this context.
    number : Out(range(JOBS))
        Of the last one that has begun.
    cut : In(1)
        There won't be any more requests of that one.
    open : In(JOBS)
        Jobs with requests that are open.
    fails : In(JOBS)
        Jobs that fail in this cycle.
    failed : Out(JOBS)
        Jobs that have failed.
    busy : Out(1)
        There are jobs that are not done.
    done : Out(1)
        A job is,
    whose : Out(CONTEXT)
        of this context.
    """

    room: Out(1)
    begin: In(1)
    context: In(CONTEXT)
    number: Out(range(JOBS))
    cut: In(1)
    open: In(JOBS)
    fails: In(JOBS)
    failed: Out(JOBS)
    busy: Out(1)
    done: Out(1)
    whose: Out(CONTEXT)

    def elaborate(self, platform):
        m = Module()
        m.submodules.ranks = ranks = Ranks(places=JOBS)
        whole = Signal(JOBS)  # all of it was cut
        ends = Signal(JOBS)
        m.d.comb += [
            self.room.eq(ranks.room),
            ranks.enter.eq(self.begin),
            ranks.context.eq(self.context),
            self.busy.eq(ranks.held.any()),
            ends.eq(whole & ~self.open & ~Cat(before.any() for before in ranks.before)),
            ranks.leave.eq(ends & (~ends + 1)),
            self.done.eq(ends.any()),
        ]
        for n in reversed(range(JOBS)):
            with m.If(ends[n]):
                m.d.comb += self.whose.eq(ranks.contexts[n])

        begins = Mux(self.begin, 1 << ranks.place, 0)
        with m.If(self.begin):
            m.d.sync += self.number.eq(ranks.place)
        with m.If(self.busy | self.begin):
            m.d.sync += [
                whole.eq(whole & ~ranks.leave | Mux(self.cut, 1 << self.number, 0)),
                self.failed.eq((self.failed | self.fails) & ~begins),
            ]
        return m
