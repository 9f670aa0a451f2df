"""Pools over windows of a map that comes vector by vector."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import ChainVector
from intarsia.isa.address import LOCAL
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.vector.axis import Axis
from intarsia.vector.cursor import Cursor
from intarsia.vector.partials import Partials
from intarsia.vector.writer import Place

__all__ = ["WindowPool"]

#: Loops, from the innermost: windows that a pixel is in, along rows and columns; pixels of a row;
#: rows; vectors of a pixel.
LOOPS = 5


class WindowPool(wiring.Component):
    """Reduces the windows of a chained pool, in the order in which their last taps come.

    A vector takes as many cycles as there are windows that it is in, at least one. Places are
    announced one cycle ahead of their vectors.

    Parameters
    ----------
    lanes : int
        Bytes of a vector.
    entries : int
        Windows that may have begun and not be complete.

    Members
    -------
    load : In(1)
        Begin a job; its first vector is taken in the next cycle at the earliest.
    work : In(VectorDescriptor)
        The job, to be held until its last vector is taken, and the ``final`` one given.
    maximum : In(1)
        Give maxima; else, sums.
    works : In(1)
        Vectors may be taken.
    chain : In(stream.Signature(ChainVector(lanes)))
    busy : Out(1)
        There are vectors to be taken.
    takes : Out(1)
        A vector becomes a tap, or is in no window.
    wrong : Out(1)
        With ``takes``: the vector is void; or the last one, where it should not be; or not.
    place : Out(stream.Signature(Place(lanes)))
    o : Out(stream.Signature(data.StructLayout(...)))
        Like that of :class:`Partials`. The ``final`` one comes after the last vector was taken.
    """

    def __init__(self, *, lanes, entries):
        self.lanes = lanes
        self._partials = Partials(lanes=lanes, entries=entries)
        super().__init__({
            "load": In(1),
            "work": In(VectorDescriptor),
            "maximum": In(1),
            "works": In(1),
            "chain": In(stream.Signature(ChainVector(lanes))),
            "busy": Out(1),
            "takes": Out(1),
            "wrong": Out(1),
            "place": Out(stream.Signature(Place(lanes))),
            "o": Out(self._partials.o.signature),
        })

    def elaborate(self, platform):
        m = Module()
        work, chain = self.work, self.chain
        m.submodules.partials = partials = self._partials
        m.submodules.down = down = Axis()
        m.submodules.across = across = Axis()
        m.submodules.output = output = Cursor(loops=LOOPS, shape=LOCAL)
        m.submodules.entry = entry = Cursor(loops=LOOPS, shape=partials.i.p.entry.shape())

        # Which of the windows that the pixel is in, along both axes.
        axes = across, down
        numbers = [Signal.like(axis.inside, name=f"number_{n}") for n, axis in enumerate(axes)]
        newest = Signal(len(axes))
        alone = Signal()  # in no window
        channels = Signal.like(work.channels)
        last = Signal(LOOPS)
        final = Signal()
        m.d.comb += [
            alone.eq((across.inside == 0) | (down.inside == 0)),
            newest.eq(
                Cat(n + 1 == axis.inside for n, axis in zip(numbers, axes, strict=True)),
            ),
            last.eq(
                Cat(newest | alone.replicate(2), across.last, down.last, channels <= self.lanes)
            ),
            final.eq(last[2:].all()),
        ]

        advance = Signal(LOOPS)
        m.d.comb += advance.eq(Mux(self.takes & ~last.all(), ~last & (last + 1), 0))
        with m.If(self.load):
            m.d.sync += [self.busy.eq(1), channels.eq(work.channels)]
            m.d.sync += [number.eq(0) for number in numbers]
        with m.Elif(self.takes):
            with m.If(last.all()):
                m.d.sync += self.busy.eq(0)
            with m.If(advance[4]):
                m.d.sync += channels.eq(channels - self.lanes)
            for loop, number in enumerate(numbers):
                with m.If(advance[loop]):
                    m.d.sync += number.eq(number + 1)
                with m.Elif(advance[loop + 1 :].any()):
                    m.d.sync += number.eq(0)

        m.d.comb += [
            across.load.eq(self.load | advance[3:].any()),
            across.advance.eq(advance[2]),
            across.windows.eq(work.across),
            across.rows.eq(work.taps_x),
            across.count.eq(work.out_width),
            down.load.eq(self.load | advance[4]),
            down.advance.eq(advance[3]),
            down.windows.eq(work.down),
            down.rows.eq(work.taps_y),
            down.count.eq(work.out_height),
        ]

        # The first window that the pixel is in moves on where it ends.
        walks = (
            (output, work.output.offset, work.out_pixel_step, work.out_row_step, self.lanes),
            (entry, 0, 1, work.out_width, 0),
        )
        for cursor, start, pixel, row, vector in walks:
            steps = pixel, row, Mux(across.ends, pixel, 0), Mux(down.ends, row, 0), vector
            m.d.comb += [
                cursor.load.eq(self.load),
                cursor.start.eq(start),
                cursor.advance.eq(advance),
            ]
            m.d.comb += [target.eq(step) for target, step in zip(cursor.steps, steps, strict=True)]

        tap, place = partials.i, self.place
        begins, ends, of_last = Signal(len(axes)), Signal(len(axes)), Signal(len(axes))
        for n, (number, axis) in enumerate(zip(numbers, axes, strict=True)):
            m.d.comb += [
                begins[n].eq(number >= axis.fresh),
                ends[n].eq(axis.last | (axis.ends & (number == 0))),
                of_last[n].eq(axis.all_begun & newest[n]),
            ]
        whole = channels >= self.lanes
        tail = channels[: (self.lanes - 1).bit_length()]
        m.d.comb += [
            self.takes.eq(
                self.works
                & self.busy
                & chain.valid
                & (alone | tap.ready & (place.ready | ~tap.p.last))
            ),
            self.wrong.eq(chain.p.void | (chain.p.last ^ final)),
            chain.ready.eq(self.takes & last[:2].all()),
            tap.valid.eq(self.takes & ~alone),
            tap.p.bytes.eq(chain.p.bytes),
            tap.p.entry.eq(entry.address),
            tap.p.first.eq(begins.all()),
            tap.p.last.eq(ends.all()),
            tap.p.final.eq(ends.all() & of_last.all() & last[4]),
            place.valid.eq(tap.valid & tap.p.last),
            place.p.address.eq(output.address),
            place.p.mask.eq(Mux(whole, ~0, (1 << tail) - 1)),
            place.p.final.eq(tap.p.final),
            partials.maximum.eq(self.maximum),
        ]
        # Vectors may come that are in no window any more.
        given = ~(partials.o.p.final & self.busy)
        m.d.comb += [
            self.o.valid.eq(partials.o.valid & given),
            self.o.p.eq(partials.o.p),
            partials.o.ready.eq(self.o.ready & given),
        ]
        return m
