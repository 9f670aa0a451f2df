"""What the loops of a convolution count: chunks of the window, and blocks of pixels."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from intarsia.isa.kernel import ConvDescriptor

__all__ = ["POSITION", "Chunks", "PixelCount"]

#: Byte position within an input row, and number of an input row; both may be outside of the map.
POSITION = signed(26)

#: Pixels of a map.
PIXELS = unsigned(32)


class Chunks(wiring.Component):
    """Goes round the chunks (ky, kx, c) of the window, and says how far each is from the first.

    Members
    -------
    descriptor : In(ConvDescriptor)
    restart : In(1)
        Go to the first chunk.
    advance : In(1)
        Go to the next chunk; from the last one, to the first.
    first, final : Out(1)
    distance : Out(...)
        Bytes in memory, modulo the size of a macro-bank.
    position : Out(POSITION)
        Bytes in the row.
    row : Out(POSITION)
        Rows.
    """

    def __init__(self, *, config):
        self._lanes = config.lanes
        super().__init__({
            "descriptor": In(ConvDescriptor),
            "restart": In(1),
            "advance": In(1),
            "first": Out(1),
            "final": Out(1),
            "distance": Out(ceil_log2(config.bank_bytes)),
            "position": Out(POSITION),
            "row": Out(POSITION),
        })

    def elaborate(self, platform):
        m = Module()
        job = self.descriptor

        # What is left of the loops, the current round included; distances where they began.
        run = Signal.like(job.run)
        taps = Signal.like(job.x_taps)
        rows = Signal.like(job.row_taps)
        row_distance = Signal.like(self.distance)
        tap_distance = Signal.like(self.distance)
        tap_position = Signal.like(self.position)

        last_run, last_tap, last_row = Signal(), Signal(), Signal()
        m.d.comb += [
            last_run.eq(run <= self._lanes),
            last_tap.eq(taps == 1),
            last_row.eq(rows == 1),
            self.final.eq(last_run & last_tap & last_row | job.sliding),
        ]

        with m.If(self.advance):
            m.d.sync += self.first.eq(0)
            with m.If(~last_run):
                m.d.sync += [
                    run.eq(run - self._lanes),
                    self.distance.eq(self.distance + self._lanes),
                    self.position.eq(self.position + self._lanes),
                ]
            with m.Elif(~last_tap):
                m.d.sync += [
                    run.eq(job.run),
                    taps.eq(taps - 1),
                    self.distance.eq(tap_distance + job.tap_step),
                    tap_distance.eq(tap_distance + job.tap_step),
                    self.position.eq(tap_position + job.tap_step),
                    tap_position.eq(tap_position + job.tap_step),
                ]
            with m.Else():
                m.d.sync += [
                    run.eq(job.run),
                    taps.eq(job.x_taps),
                    rows.eq(rows - 1),
                    self.distance.eq(row_distance + job.tap_row_step),
                    tap_distance.eq(row_distance + job.tap_row_step),
                    row_distance.eq(row_distance + job.tap_row_step),
                    self.position.eq(0),
                    tap_position.eq(0),
                    self.row.eq(self.row + job.dilation_y),
                ]

        with m.If(self.restart | (self.advance & self.final)):
            m.d.sync += [
                run.eq(job.run),
                taps.eq(job.x_taps),
                rows.eq(job.row_taps),
                self.distance.eq(0),
                tap_distance.eq(0),
                row_distance.eq(0),
                self.position.eq(0),
                tap_position.eq(0),
                self.row.eq(0),
                self.first.eq(1),
            ]

        return m


class PixelCount(wiring.Component):
    """Counts the pixels that are left of a map, by blocks.

    How many there are takes up to 16 cycles to compute, by additions.

    Members
    -------
    descriptor : In(ConvDescriptor)
    start : In(1)
        Compute the pixels of the map.
    counted : Out(1)
        They are known.
    restart, advance : In(1)
        Go to the first, or to the next block of pixels; only when they are known.
    last : Out(1)
        This block is the last one.
    """

    descriptor: In(ConvDescriptor)
    start: In(1)
    counted: Out(1)
    restart: In(1)
    advance: In(1)
    last: Out(1)

    def __init__(self, *, block):
        self._block = block
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        rows = Signal.like(self.descriptor.out_height)
        width = Signal(PIXELS)
        total = Signal(PIXELS)
        done = Signal(PIXELS)  # pixels up to the end of this block

        m.d.comb += [self.counted.eq(rows == 0), self.last.eq(done >= total)]

        with m.If(~self.counted):
            m.d.sync += [rows.eq(rows >> 1), width.eq(width << 1)]
            with m.If(rows & 1):
                m.d.sync += total.eq(total + width)
        with m.If(self.advance):
            m.d.sync += done.eq(done + self._block)
        with m.If(self.start | self.restart):
            m.d.sync += done.eq(self._block)
        with m.If(self.start):
            m.d.sync += [
                rows.eq(self.descriptor.out_height),
                width.eq(self.descriptor.out_width),
                total.eq(0),
            ]

        return m
