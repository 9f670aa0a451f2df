"""When the array takes a vector, and which row its sums go to."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.conv.accumulator import Update
from intarsia.conv.feeder import Vector
from intarsia.isa.counters import Activity

__all__ = ["Pacer"]


class Pacer(wiring.Component):
    """Lets the array take a vector as soon as its weights and its row are there.

    Rows of a half are numbered in the order of its pixels. A half is entered when all of its rows
    have been read since it was entered before. Passes of one pixel go at every other cycle, since
    an accumulator takes two.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    vector : In(stream.Signature(Vector(config)))
        Accepted in the cycle in which the array takes it.
    weights_valid : In(1)
        The weights of the vector's pass are in place.
    weights_release : Out(1)
        The last vector that they serve is taken.
    half_drained : In(1)
        The oldest half in use is in use no more.
    take : Out(1)
    update : Out(stream.Signature(Update(config), always_ready=True))
        A cycle after ``take``.
    obstacle : Out(Activity)
        BUSY, while the array takes a vector; else what it waits for.
    """

    def __init__(self, *, config):
        self._config = config
        super().__init__({
            "vector": In(stream.Signature(Vector(config))),
            "weights_valid": In(1),
            "weights_release": Out(1),
            "half_drained": In(1),
            "take": Out(1),
            "update": Out(stream.Signature(Update(config), always_ready=True)),
            "obstacle": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        vector, update = self.vector.p, self.update.p

        index = Signal.like(update.row.index)
        half = Signal.like(update.row.half)
        in_use = Signal(range(3))  # halves
        alone = Signal()  # the row before was that of a pass of one pixel

        opens, row_free = Signal(), Signal()
        m.d.comb += [
            opens.eq(vector.first & (index == 0)),
            row_free.eq(~alone & (~opens | (in_use != 2))),
            self.take.eq(self.vector.valid & self.weights_valid & row_free),
            self.vector.ready.eq(self.weights_valid & row_free),
            self.weights_release.eq(self.take & vector.last),
        ]

        m.d.sync += [
            alone.eq(self.take & vector.last & (index == 0)),
            self.update.valid.eq(self.take),
            in_use.eq(in_use + (self.take & opens) - self.half_drained),
        ]
        with m.If(self.take):
            m.d.sync += [
                update.row.index.eq(index),
                update.row.half.eq(half),
                update.first.eq(vector.first),
                update.final.eq(vector.final),
                index.eq(Mux(vector.last, 0, index + 1)),
                half.eq(half ^ (vector.last & vector.final)),
            ]

        with m.If(self.take):
            m.d.comb += self.obstacle.eq(Activity.BUSY)
        with m.Elif(~self.weights_valid):
            m.d.comb += self.obstacle.eq(Activity.WEIGHTS)
        with m.Elif(~self.vector.valid):
            m.d.comb += self.obstacle.eq(Activity.MEMORY)
        with m.Else():
            m.d.comb += self.obstacle.eq(Activity.DRAIN)

        return m
