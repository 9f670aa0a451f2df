"""Brings the two instructions of a chain together."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import CONTEXT

__all__ = ["Coupling"]


class Coupling(wiring.Component):
    """Says which chained instruction for the vector engine may start: the one that is delivered to.

    So the vector engine never has one whose counterpart is behind another one, of any context. If
    the context's vector stream has come to its end, or was stopped, before it took what is
    delivered, nobody will take it.

    Parameters
    ----------
    contexts : int

    Members
    -------
    delivers : In(1)
        The convolution engine has a chained job on its way out. Low for a cycle between jobs.
    deliverer : In(CONTEXT)
        Its context.
    taken : In(1)
        A chained instruction for the vector engine starts.
    alive : In(contexts)
        Contexts whose vector stream has not come to its end.
    wanted : Out(contexts)
        The context whose chained instruction may start.
    called : Out(contexts)
        The same, in the first cycle.
    forsaken : Out(1)
        Nobody will take what is delivered.
    """

    def __init__(self, *, contexts):
        self._contexts = contexts
        super().__init__({
            "delivers": In(1),
            "deliverer": In(CONTEXT),
            "taken": In(1),
            "alive": In(contexts),
            "wanted": Out(contexts),
            "called": Out(contexts),
            "forsaken": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        own = Signal(self._contexts)
        met = Signal()
        alone = Signal()
        before = Signal(self._contexts)
        with m.If(self.delivers):
            m.d.comb += [
                own.eq(1 << self.deliverer),
                alone.eq(~met & ~self.forsaken),
            ]
        with m.If(alone):
            m.d.comb += [self.wanted.eq(own), self.called.eq(own & ~before)]
        m.d.sync += [
            before.eq(self.wanted),
            met.eq(self.delivers & (met | self.taken)),
            self.forsaken.eq(
                self.delivers & (self.forsaken | alone & ~self.taken & ~(self.alive & own).any())
            ),
        ]
        return m
