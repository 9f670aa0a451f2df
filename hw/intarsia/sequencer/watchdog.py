"""Notices contexts that make no progress."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LIMIT", "Watchdog"]

#: Timebase pulses that a context may be without progress.
LIMIT = unsigned(16)


class Watchdog(wiring.Component):
    """Counts the timebase pulses that each running context has seen without progress.

    Between two pulses, nothing changes after the first progress of a context.

    Parameters
    ----------
    contexts : int

    Members
    -------
    tick : In(1)
        Timebase pulse.
    limit : In(LIMIT)
        Pulses after which a context counts as stuck; 0 for never.
    watched, patient : In(contexts)
        Contexts to watch, and those of them that wait patiently.
    progress : In(contexts)
    expired : Out(contexts)
        One cycle for each time that the limit is reached; counting begins anew.
    """

    def __init__(self, *, contexts):
        self.contexts = contexts
        super().__init__({
            "tick": In(1),
            "limit": In(LIMIT),
            "watched": In(contexts),
            "patient": In(contexts),
            "progress": In(contexts),
            "expired": Out(contexts),
        })

    def elaborate(self, platform):
        m = Module()

        moved = Signal(self.contexts)
        resting = Signal(self.contexts)
        counts = [Signal(LIMIT, name=f"count{n}") for n in range(self.contexts)]
        with m.If(self.tick):
            m.d.comb += resting.eq(moved | self.progress | ~self.watched | self.patient)
            m.d.sync += moved.eq(0)
            for n, count in enumerate(counts):
                with m.If(resting[n] | (self.limit == 0)):
                    m.d.sync += count.eq(0)
                with m.Elif(count + 1 >= self.limit):
                    m.d.comb += self.expired[n].eq(1)
                    m.d.sync += count.eq(0)
                with m.Else():
                    m.d.sync += count.eq(count + 1)
        with m.Elif(self.progress.any()):
            m.d.sync += moved.eq(moved | self.progress)

        return m
