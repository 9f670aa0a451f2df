"""Registers that a stream passes on its way."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Relay"]


class Relay(wiring.Component):
    """Passes a stream a cycle later, so that no path through logic leads from one end to the other.

    Passes a payload per cycle. It holds two: the one that is offered, and the one that came while
    that was refused. If it is `single`, it holds one, passes a payload every other cycle, and takes
    less than half the area.

    Parameters
    ----------
    shape : Shape
    single : bool

    Members
    -------
    i : In(stream.Signature(shape))
    o : Out(stream.Signature(shape))
    """

    def __init__(self, shape, *, single=False):
        self.single = single
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform):
        m = Module()
        offered = Signal.like(self.o.p, reset_less=True)
        valid = Signal()
        waits = Signal()  # There is no room: there is one in `behind`, if there is such a place.
        moves = Signal()
        comes = Signal()
        m.d.comb += [
            self.o.p.eq(offered),
            self.o.valid.eq(valid),
            self.i.ready.eq(~waits),
            moves.eq(self.o.ready | ~valid),
            comes.eq(self.i.valid & ~waits),
        ]
        if self.single:
            m.d.comb += waits.eq(valid)
            with m.If(comes):
                m.d.sync += [offered.eq(self.i.p), valid.eq(1)]
            with m.Elif(moves):
                m.d.sync += valid.eq(0)
            return m
        behind = Signal.like(self.o.p, reset_less=True)
        with m.If(moves & (comes | waits)):
            m.d.sync += offered.eq(Mux(waits, behind, self.i.p))
        with m.If(comes & ~moves):
            m.d.sync += behind.eq(self.i.p)
        with m.If(moves):
            m.d.sync += [valid.eq(comes | waits), waits.eq(0)]
        with m.Elif(comes):
            m.d.sync += waits.eq(1)
        return m
