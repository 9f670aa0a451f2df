"""Sums of beats."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SUM_BYTES", "Adder"]

#: Bytes of a sum.
SUM_BYTES = 4


class Adder(wiring.Component):
    """Adds the int32 of two beats, modulo 2^32, in the same cycle; or passes the first one on.

    Parameters
    ----------
    link_bytes : int

    Members
    -------
    adds : In(1)
    beat, there : In(8 * link_bytes)
    total : Out(8 * link_bytes)
    """

    def __init__(self, *, link_bytes):
        self.link_bytes = link_bytes
        width = 8 * link_bytes
        super().__init__({
            "adds": In(1),
            "beat": In(width),
            "there": In(width),
            "total": Out(width),
        })

    def elaborate(self, platform):
        m = Module()
        width = 8 * SUM_BYTES
        with m.If(self.adds):
            for n in range(self.link_bytes // SUM_BYTES):
                there, more = (of.word_select(n, width) for of in (self.there, self.beat))
                m.d.comb += self.total.word_select(n, width).eq(there + more)
        with m.Else():
            m.d.comb += self.total.eq(self.beat)
        return m
