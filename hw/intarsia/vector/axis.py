"""Windows along one axis of a map that comes row by row."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.elementwise import VectorDescriptor, Windows

__all__ = ["Axis"]

#: Rows of a map, and of windows.
EXTENT = VectorDescriptor.as_shape()["out_height"].shape

#: Rows of a window.
SPAN = Windows.as_shape()["begun"].shape


class Axis(wiring.Component):
    """Says which windows a row of the map is in; or a column, as the axes are alike.

    Members
    -------
    load : In(1)
        Go to the first row. Has precedence over ``advance``.
    advance : In(1)
        Go to the next row.
    windows : In(Windows)
    rows : In(16)
        Of the map.
    count : In(16)
        Windows there are.
    inside : Out(4)
        Windows that the row is in; the first of them ends with it if ``ends``, those from number
        ``fresh`` on begin with it, and all end with it if it is the ``last`` one.
    fresh : Out(4)
    ends : Out(1)
    last : Out(1)
    all_begun : Out(1)
        No window begins after this row.
    """

    load: In(1)
    advance: In(1)
    windows: In(Windows)
    rows: In(EXTENT)
    count: In(EXTENT)
    inside: Out(SPAN)
    fresh: Out(SPAN)
    ends: Out(1)
    last: Out(1)
    all_begun: Out(1)

    def elaborate(self, platform):
        m = Module()
        windows = self.windows
        wait, left = Signal(SPAN), Signal(SPAN)
        coming, remaining = Signal(EXTENT), Signal(EXTENT)
        staying = Signal(SPAN)
        begins = Signal()
        m.d.comb += [
            self.ends.eq((left == 1) & (self.inside != 0)),
            self.last.eq(remaining == 1),
            self.all_begun.eq(coming == 0),
            begins.eq((wait == 1) & ~self.all_begun),
            staying.eq(self.inside - self.ends),
        ]
        with m.If(self.load):
            m.d.sync += [
                self.inside.eq(windows.begun),
                self.fresh.eq(0),
                wait.eq(windows.wait),
                left.eq(windows.left),
                coming.eq(self.count - windows.begun),
                remaining.eq(self.rows),
            ]
        with m.Elif(self.advance):
            m.d.sync += [
                self.inside.eq(staying + begins),
                self.fresh.eq(staying),
                wait.eq(Mux(wait == 1, windows.stride, wait - 1)),
                left.eq(Mux(left == 1, windows.stride, left - 1)),
                coming.eq(coming - begins),
                remaining.eq(remaining - 1),
            ]
        return m
