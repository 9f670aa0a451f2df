"""Addresses of everything that a job reads and writes, in order."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import LOCAL
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.vector.cursor import Cursor

__all__ = ["Step", "Walker"]

#: Loops, from the innermost: columns and rows of the window, vectors of a pixel, columns, rows.
LOOPS = 5

#: The loop over the vectors of a pixel: the first one that leads to another output vector.
VECTORS = 2


class Step(data.StructLayout):
    """Vectors to read at once.

    ``first`` and ``last`` mark the taps of one output vector, ``final`` the last vector of all.
    """

    def __init__(self, lanes):
        super().__init__({
            "a": LOCAL,
            "b": LOCAL,
            "output": LOCAL,
            "mask": lanes,
            "first": 1,
            "last": 1,
            "final": 1,
        })


class Walker(wiring.Component):
    """Walks over a job, one `Step` per cycle as long as ``step`` is accepted.

    A chained ADD has its rows and columns where others have those of the window: inside of the loop
    over vectors. The loops outside of that have one turn, in all chained jobs.

    Parameters
    ----------
    lanes : int
        Bytes of a vector.

    Members
    -------
    load : In(1)
        Begin a job; its first step is offered in the next cycle.
    work : In(VectorDescriptor)
        The job, to be held until its final step is accepted.
    add : In(1)
        It's an ADD: there is one tap.
    step : Out(stream.Signature(Step(lanes)))
    """

    def __init__(self, *, lanes):
        self.lanes = lanes
        super().__init__({
            "load": In(1),
            "work": In(VectorDescriptor),
            "add": In(1),
            "step": Out(stream.Signature(Step(lanes))),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.a = a = Cursor(loops=LOOPS, shape=LOCAL)
        m.submodules.b = b = Cursor(loops=LOOPS - VECTORS, shape=LOCAL)
        m.submodules.output = output = Cursor(loops=LOOPS - VECTORS, shape=LOCAL)

        work = self.work
        plane = Signal()  # pixels are inside of vectors
        m.d.comb += plane.eq(work.chained & self.add)
        vector = Const(self.lanes, LOCAL)
        taps = Cat(work.tap_step, work.tap_row_step)
        pixels = Cat(work.out_pixel_step, work.out_row_step)
        cursors = (
            (a, work.a, Cat(taps, vector, work.pixel_step, work.row_step)),
            (b, work.b, Mux(plane, Cat(taps, vector), Cat(vector, taps))),
            (output, work.output, Mux(plane, Cat(pixels, vector), Cat(vector, pixels))),
        )

        # Turns left of each loop, this one included; of channels, those left.
        inner = Mux(plane, work.out_width, work.taps_x), Mux(plane, work.out_height, work.taps_y)
        counts = [*inner, work.channels, work.out_width, work.out_height]
        left = [Signal.like(count, name=f"left_{n}") for n, count in enumerate(counts)]
        last = Signal(LOOPS)
        m.d.comb += last.eq(Cat(turns == 1 for turns in left))
        m.d.comb += last[VECTORS].eq(left[VECTORS] <= self.lanes)
        with m.If(plane):
            m.d.comb += last[VECTORS + 1 :].eq(~0)
        with m.Elif(self.add):
            m.d.comb += last[:VECTORS].eq(~0)

        advance = Signal(LOOPS)
        final = Signal()
        taken = Signal()
        m.d.comb += [
            taken.eq(self.step.valid & self.step.ready),
            final.eq(last.all()),
            advance.eq(Mux(taken & ~final, ~last & (last + 1), 0)),
        ]

        outer = Mux(plane, advance[: LOOPS - VECTORS], advance[VECTORS:])
        for cursor, start, steps in cursors:
            m.d.comb += [
                cursor.load.eq(self.load),
                cursor.start.eq(start.offset),
                cursor.steps.eq(steps),
                cursor.advance.eq(advance if cursor.loops == LOOPS else outer),
            ]
        for loop, (turns, count) in enumerate(zip(left, counts, strict=True)):
            turn = self.lanes if loop == VECTORS else 1
            with m.If(self.load | advance[loop + 1 :].any()):
                m.d.sync += turns.eq(count)
            with m.Elif(advance[loop]):
                m.d.sync += turns.eq(turns - turn)

        first = Signal()
        with m.If(self.load):
            m.d.sync += [self.step.valid.eq(1), first.eq(1)]
        with m.Elif(taken):
            m.d.sync += [self.step.valid.eq(~final), first.eq(self.step.p.last)]

        whole = left[VECTORS] >= self.lanes
        tail = left[VECTORS][: (self.lanes - 1).bit_length()]
        m.d.comb += [
            self.step.p.a.eq(a.address),
            self.step.p.b.eq(b.address),
            self.step.p.output.eq(output.address),
            self.step.p.mask.eq(Mux(whole, ~0, (1 << tail) - 1)),
            self.step.p.first.eq(first),
            self.step.p.last.eq(last[:VECTORS].all() | plane),
            self.step.p.final.eq(final),
        ]
        return m
