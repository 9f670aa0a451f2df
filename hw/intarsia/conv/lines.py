"""Windows of depthwise convolutions, from pixels that come row by row."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.conv.feeder import Vector
from intarsia.isa.kernel import WINDOW

__all__ = ["TAPS", "WindowFormer"]

#: Taps of a window: lanes of the array that see it.
TAPS = WINDOW * WINDOW


class WindowFormer(wiring.Component):
    """Keeps two rows of a map, and the window that slides over it, for `columns` channels.

    While ``sliding``, each vector is a pixel, and those that complete a window come out three
    cycles later, with all pixels of the window; one per cycle. Otherwise vectors pass within the
    cycle.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    sliding : In(1)
        Must be held while there are vectors.
    zero_point : In(signed(8))
        Of pixels outside of the map. Must be held while there are vectors.
    i : In(stream.Signature(Vector(config)))
        Rows are of at least two and at most `line_pixels` pixels.
    o : Out(stream.Signature(Vector(config)))
        While ``sliding``, its bytes mean nothing.
    windows : Out(data.ArrayLayout(data.ArrayLayout(signed(8), TAPS), columns))
        With ``o``: tap ``3 * j + i`` of each channel, j rows above the last one and i pixels left
        of the last one.
    busy : Out(1)
        Pixels are on their way.
    """

    def __init__(self, *, config):
        self._config = config
        super().__init__({
            "sliding": In(1),
            "zero_point": In(signed(8)),
            "i": In(stream.Signature(Vector(config))),
            "o": Out(stream.Signature(Vector(config))),
            "windows": Out(
                data.ArrayLayout(data.ArrayLayout(signed(8), TAPS), config.columns),
            ),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config
        pixel = data.ArrayLayout(signed(8), config.lanes)
        nothing = Signal(pixel)
        m.d.comb += [nothing[lane].eq(self.zero_point) for lane in range(config.lanes)]

        # The two rows above the one that comes.
        m.submodules.lines = lines = memory.Memory(
            shape=data.ArrayLayout(pixel, WINDOW - 1), depth=config.line_pixels, init=[]
        )
        write, read = lines.write_port(), lines.read_port()

        # A pixel waits for those above it; then they shift into the window together.
        waiting, complete = Signal(), Signal()
        accept, shift = Signal(), Signal()
        following = Signal.like(read.addr)
        place = Signal.like(read.addr)
        arrived = Signal.like(self.i.p, reset_less=True)
        formed = Signal.like(self.i.p, reset_less=True)
        slide = arrived.slide
        m.d.comb += [
            shift.eq(waiting & (~complete | self.o.ready)),
            accept.eq(self.sliding & self.i.valid & (~waiting | shift)),
            read.en.eq(accept),
            read.addr.eq(Mux(self.i.p.slide.row_start, 0, following)),
            self.busy.eq(waiting | complete),
        ]
        with m.If(accept):
            m.d.sync += [
                arrived.eq(self.i.p),
                place.eq(read.addr),
                following.eq(read.addr + 1),
            ]
        with m.If(accept | shift):
            m.d.sync += waiting.eq(accept)

        column = [arrived.bytes, Signal(pixel), Signal(pixel)]
        for above in range(1, WINDOW):
            with m.If(slide.beyond | (slide.above < above)):
                m.d.comb += column[above].eq(nothing)
            with m.Else():
                m.d.comb += column[above].eq(read.data[above - 1])
        lowered = [nothing, *column[: WINDOW - 1]]
        m.d.comb += [
            write.en.eq(shift & ~slide.beyond),
            write.addr.eq(place),
            write.data.eq(Cat(column[: WINDOW - 1])),
        ]

        # Rows of the window, newest pixel first. A window that ends with padding comes with the
        # first pixel of the next row, which must not be seen yet, while those before it are.
        window = [
            [Signal(pixel, name=f"window_{row}_{n}", reset_less=True) for n in range(WINDOW)]
            for row in range(WINDOW)
        ]
        after_tail = Signal()
        with m.If(shift):
            m.d.sync += [
                formed.eq(arrived),
                complete.eq(slide.emits),
                after_tail.eq(slide.tail),
            ]
            for row, newest, other in zip(window, column, lowered, strict=True):
                m.d.sync += [
                    row[0].eq(Mux(slide.below, other, newest)),
                    row[1].eq(row[0]),
                    row[2].eq(row[1]),
                ]
                with m.If(slide.row_start & ~slide.tail):
                    m.d.sync += row[1].eq(nothing)
                with m.If((slide.row_start & ~slide.tail) | after_tail):
                    m.d.sync += row[2].eq(nothing)
        with m.Elif(self.o.ready):
            m.d.sync += complete.eq(0)

        for channel in range(config.columns):
            for row in range(WINDOW):
                newest = Mux(formed.slide.tail, self.zero_point, window[row][0][channel])
                taps = [newest, window[row][1][channel], window[row][2][channel]]
                m.d.comb += Cat(self.windows[channel][row * WINDOW + n] for n in range(WINDOW)).eq(
                    Cat(tap[:8] for tap in taps)
                )

        m.d.comb += self.o.p.eq(self.i.p)
        with m.If(self.sliding):
            m.d.comb += [
                self.i.ready.eq(~waiting | shift),
                self.o.valid.eq(complete),
                self.o.p.first.eq(formed.first),
                self.o.p.final.eq(formed.final),
                self.o.p.last.eq(formed.last),
            ]
        with m.Else():
            m.d.comb += [self.i.ready.eq(self.o.ready), self.o.valid.eq(self.i.valid)]

        return m
