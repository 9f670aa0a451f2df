"""Chunks of a window whose rows follow one another in vectors."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from intarsia.isa.kernel import PACKED_ROWS, PACKED_RUN, ConvDescriptor

__all__ = ["PackedChunks", "PackedLane"]


class PackedLane(data.Struct):
    """The byte of the window that a lane has in a chunk."""

    far: range(PACKED_ROWS)
    """Rows of the window after that of lane 0."""

    offset: range(PACKED_RUN + 1)
    """Place in its row."""

    used: 1
    """There is one."""


class PackedChunks(wiring.Component):
    """Goes round the chunks of a ``packed`` window, and says what each lane has of them.

    A chunk takes as many cycles to find as it has lanes; that is done while the one before is in
    use.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    descriptor : In(ConvDescriptor)
        Must be held from ``restart`` on.
    restart : In(1)
        Go to the first chunk.
    advance : In(1)
        Go to the next chunk; from the last one, to the first. Only when ``ready``.
    ready : Out(1)
        What follows is that of the chunk.
    first, final : Out(1)
    distance : Out(...)
        Bytes in memory from the window's first byte to that of lane 0, modulo the size of a
        macro-bank.
    row : Out(8)
        Row of the window that lane 0 is in.
    lanes : Out(data.ArrayLayout(PackedLane, lanes))
    """

    def __init__(self, *, config):
        self._lanes = config.lanes
        super().__init__({
            "descriptor": In(ConvDescriptor),
            "restart": In(1),
            "advance": In(1),
            "ready": Out(1),
            "first": Out(1),
            "final": Out(1),
            "distance": Out(ceil_log2(config.bank_bytes)),
            "row": Out(8),
            "lanes": Out(data.ArrayLayout(PackedLane, config.lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        job = self.descriptor

        # The byte that is next, and the lane that gets it.
        lane = Signal(range(self._lanes))
        offset = Signal(range(PACKED_RUN + 1))
        row = Signal.like(self.row)
        row_distance = Signal.like(self.distance)
        far = Signal(range(PACKED_ROWS))
        looking = Signal()

        found = Signal(PackedLane)
        row_ends = Signal()
        m.d.comb += [
            found.far.eq(far),
            found.offset.eq(offset),
            found.used.eq(row != job.row_taps),
            row_ends.eq(offset + 1 == job.run),
            self.final.eq(row == job.row_taps),
        ]
        with m.If(looking):
            lanes = self.lanes.as_value()
            m.d.sync += [
                lanes.eq(Cat(lanes[len(found.as_value()) :], found)),
                lane.eq(lane + 1),
                offset.eq(offset + 1),
            ]
            with m.If(lane == 0):
                m.d.sync += [self.distance.eq(row_distance + offset), self.row.eq(row)]
            with m.If(found.used & row_ends):
                m.d.sync += [
                    offset.eq(0),
                    row.eq(row + 1),
                    row_distance.eq(row_distance + job.tap_row_step),
                    far.eq(far + 1),
                ]
            with m.If(lane == self._lanes - 1):
                m.d.sync += [looking.eq(0), self.ready.eq(1)]

        with m.If(self.advance):
            m.d.sync += [looking.eq(1), self.ready.eq(0), self.first.eq(0), far.eq(0)]
        with m.If(self.restart | (self.advance & self.final)):
            m.d.sync += [
                looking.eq(1),
                self.ready.eq(0),
                self.first.eq(1),
                lane.eq(0),
                offset.eq(0),
                row.eq(0),
                row_distance.eq(0),
                far.eq(0),
            ]
        return m
