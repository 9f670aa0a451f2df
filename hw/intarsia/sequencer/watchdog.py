"""Notices contexts that make no progress."""

from amaranth import *
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LIMIT", "Watchdog"]

#: Timebase pulses that a context may be without progress.
LIMIT = unsigned(16)


class Watchdog(wiring.Component):
    """Counts the timebase pulses that each running context has seen without progress.

    Contexts are looked at one after the other, in the cycles after a pulse; until the next pulse,
    nothing changes then after the first progress of a context.

    Parameters
    ----------
    contexts : int

    Members
    -------
    tick : In(1)
        Timebase pulse; at least `contexts` cycles after the last one.
    limit : In(LIMIT)
        Pulses after which a context counts as stuck; 0 for never.
    watched, patient : In(contexts)
        Contexts to watch, and those of them that wait patiently.
    progress : In(contexts)
    expired : Out(contexts)
        One cycle for each time that the limit is reached; counting begins anew. For context n, it
        is n + 1 cycles after the pulse.
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
        with m.If(self.tick):
            m.d.sync += moved.eq(0)
            m.d.sync += resting.eq(moved | self.progress | ~self.watched | self.patient)
        with m.Elif(self.progress.any()):
            m.d.sync += moved.eq(moved | self.progress)

        # Contexts are gone through one by one. At the first pulse, their counts are unknown.
        m.submodules.counts = counts = memory.Memory(shape=LIMIT, depth=self.contexts, init=[])
        kept, write = counts.read_port(domain="comb"), counts.write_port()
        place = Signal(range(self.contexts))
        walks = Signal()
        known = Signal()
        passed = Signal(LIMIT.width + 1)
        m.d.comb += [kept.addr.eq(place), write.addr.eq(place), write.en.eq(walks)]
        with m.If(walks):
            m.d.sync += place.eq(place + 1)
            with m.If(place == self.contexts - 1):
                m.d.sync += [walks.eq(0), known.eq(1)]
            m.d.comb += passed.eq(Mux(known, kept.data, 0) + 1)
            with m.If(~resting.bit_select(place, 1) & (self.limit != 0)):
                with m.If(passed >= self.limit):
                    m.d.comb += self.expired.eq(1 << place)
                with m.Else():
                    m.d.comb += write.data.eq(passed)
        with m.If(self.tick):
            m.d.sync += [walks.eq(1), place.eq(0)]

        return m
