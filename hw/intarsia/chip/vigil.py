"""When an engine needs its clock."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LINGER", "Vigil"]

#: Cycles after which nothing moves any more in an engine that has no job.
LINGER = 64


class Vigil(wiring.Component):
    """Keeps an engine awake while it is busy, and for `LINGER` cycles more.

    By then what its last job has left in pipelines has come to rest; and as nothing but jobs moves
    an engine, its clock makes no difference until the next one is there.

    Members
    -------
    busy : In(1)
        The engine is offered a job, or has one.
    awake : Out(1)
        It needs its clock in this cycle.
    """

    busy: In(1)
    awake: Out(1)

    def elaborate(self, platform):
        m = Module()
        left = Signal(range(LINGER + 1), init=LINGER)
        m.d.comb += self.awake.eq(self.busy | (left != 0))
        with m.If(self.busy):
            m.d.sync += left.eq(LINGER)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        return m
