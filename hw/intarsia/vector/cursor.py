"""Places within nested loops."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Cursor"]


class Cursor(wiring.Component):
    """Address within nested loops, by additions alone.

    Advancing loop n adds its step to where that loop was, and restarts all loops inside of it.
    Addresses wrap around.

    Parameters
    ----------
    loops : int
    shape : Shape
        Of addresses.

    Members
    -------
    load : In(1)
        Go to ``start``.
    start : In(shape)
    steps : In(data.ArrayLayout(shape, loops))
        From one turn of each loop to the next, the innermost first.
    advance : In(loops)
        At most one bit is set: the loop to advance.
    address : Out(shape)
    """

    def __init__(self, *, loops, shape):
        self.loops = loops
        self.shape = shape
        super().__init__({
            "load": In(1),
            "start": In(shape),
            "steps": In(data.ArrayLayout(shape, loops)),
            "advance": In(loops),
            "address": Out(shape),
        })

    def elaborate(self, platform):
        m = Module()

        places = Signal(data.ArrayLayout(self.shape, self.loops), reset_less=True)
        base = Signal(self.shape)
        step = Signal(self.shape)
        target = Signal(self.shape)
        for loop in range(self.loops):
            with m.If(self.advance[loop]):
                m.d.comb += [base.eq(places[loop]), step.eq(self.steps[loop])]
            with m.If(self.load | self.advance[loop:].any()):
                m.d.sync += places[loop].eq(target)

        m.d.comb += target.eq(Mux(self.load, self.start, base + step))
        m.d.comb += self.address.eq(places[0])
        return m
