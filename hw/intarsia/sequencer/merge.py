"""Brings the faults of all blocks together."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.faults import FaultReport
from intarsia.isa.instruction import Stream

__all__ = ["FaultMerge"]


class FaultMerge(wiring.Component):
    """Passes on one fault per cycle, in the same cycle, and says which contexts are concerned.

    Of faults that come at once, the first input's is passed on and the others are lost; but every
    context that has one is named.

    Parameters
    ----------
    contexts, sources : int

    Members
    -------
    source0, source1, … : In(stream.Signature(FaultReport, always_ready=True))
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    faulty : Out(contexts)
        Contexts with a fault of one of their instructions. (Faults of links, of the responder and
        of the sync port are no context's.)
    """

    def __init__(self, *, contexts, sources):
        self.contexts = contexts
        report = stream.Signature(FaultReport, always_ready=True)
        super().__init__({
            **{f"source{n}": In(report) for n in range(sources)},
            "fault": Out(report),
            "faulty": Out(contexts),
        })
        self.sources = [getattr(self, f"source{n}") for n in range(sources)]

    def elaborate(self, platform):
        m = Module()

        faulty = Const(0)
        first = Signal(range(len(self.sources)))
        m.d.comb += self.fault.valid.eq(Cat(source.valid for source in self.sources).any())
        with m.If(self.fault.valid):
            for n, source in enumerate(self.sources):
                concerned = Signal(self.contexts, name=f"concerned{n}")
                with m.If(source.valid & (source.p.engine < len(Stream))):
                    m.d.comb += concerned.eq(1 << source.p.context)
                faulty = faulty | concerned
            m.d.comb += self.faulty.eq(faulty)
        for n, source in reversed([*enumerate(self.sources)]):
            with m.If(source.valid):
                m.d.comb += first.eq(n)
        with m.Switch(first):
            for n, source in enumerate(self.sources):
                with m.Case(n):
                    m.d.comb += self.fault.p.eq(source.p)

        return m
