"""A few places, and who of those who hold them came first."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import CONTEXT

__all__ = ["Ranks"]


class Ranks(wiring.Component):
    """Gives places, the lowest free one first, to what belongs to contexts, in order of arrival.

    Parameters
    ----------
    places : int

    Members
    -------
    room : Out(1)
        There is a free place.
    place : Out(range(places))
        The one that is given next.
    enter : In(1)
        It is given; only if there is room.
    context : In(CONTEXT)
        To this context.
    leave : In(places)
        Places that are free again.
    held : Out(places)
        Places that are not free.
    contexts : Out(CONTEXT).array(places)
        Of those.
    before : Out(places).array(places)
        Of each place that is held, the places of those of its context that came before it.
    """

    def __init__(self, *, places):
        if not isinstance(places, int) or places < 1:
            raise ValueError(f"Places must be a positive integer, not {places!r}")
        self.places = places
        super().__init__({
            "room": Out(1),
            "place": Out(range(places)),
            "enter": In(1),
            "context": In(CONTEXT),
            "leave": In(places),
            "held": Out(places),
            "contexts": Out(CONTEXT).array(places),
            "before": Out(places).array(places),
        })

    def elaborate(self, platform):
        m = Module()
        given = Signal(self.places)
        same = Signal(self.places)
        m.d.comb += [
            self.room.eq(~self.held.all()),
            same.eq(self.held & Cat(context == self.context for context in self.contexts)),
        ]
        for n in reversed(range(self.places)):
            with m.If(~self.held[n]):
                m.d.comb += self.place.eq(n)
        with m.If(self.enter):
            m.d.comb += given.eq(1 << self.place)
        with m.If(self.enter | self.leave.any()):
            m.d.sync += self.held.eq(self.held & ~self.leave | given)
            for n, (context, before) in enumerate(zip(self.contexts, self.before, strict=True)):
                m.d.sync += before.eq(Mux(given[n], same, before) & ~self.leave)
                with m.If(given[n]):
                    m.d.sync += context.eq(self.context)
        return m
