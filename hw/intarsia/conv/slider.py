"""Steps over the input pixels of a depthwise convolution, and says when a window is complete."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from intarsia.conv.loops import POSITION
from intarsia.conv.passes import Pass
from intarsia.conv.walker import Beat
from intarsia.isa.kernel import ConvDescriptor

__all__ = ["InputSlider"]


class InputSlider(wiring.Component):
    """Turns passes of a job that is ``sliding`` into a beat per input pixel, in raster order.

    Rows are walked from the first one stored, columns from the first one of the map. A beat
    completes the window of an output pixel (``emits``) when it brings the pixel of that window's
    last row and column. The last window of a row that is complete but for one column of padding
    goes with the first beat of the next row (``tail``), so that the padding costs no beat; other
    columns of padding take a beat each (``beyond``). Windows whose last row is the one below the
    map go with the map's last row, if that completes none of its own (``below``); other rows of
    padding take a beat per pixel.

    A pass ends with the map, or when it has completed as many windows as an accumulator half has
    rows. One beat is produced per cycle, as long as it is accepted; nothing is lost between passes,
    if they come early enough: where a block of output channels begins takes up to five cycles to
    find.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    descriptor : In(ConvDescriptor)
        Must be held while there are passes.
    i : In(stream.Signature(Pass(config)))
        Where the first pixel is, is taken from passes that are ``fresh``; others go on.
    o : Out(stream.Signature(Beat(lanes)))
    busy : Out(1)
        A pass is under way, or its last beat is left to be accepted.
    """

    def __init__(self, *, config):
        self._config = config
        super().__init__({
            "descriptor": In(ConvDescriptor),
            "i": In(stream.Signature(Pass(config))),
            "o": Out(stream.Signature(Beat(config))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        job, config = self.descriptor, self._config

        m.submodules.seeker = seeker = _Seeker(config=config)
        wiring.connect(m, wiring.flipped(self.i), seeker.i)
        m.d.comb += seeker.descriptor.eq(job)
        start = seeker.o.p

        # Place of the beat, of the first beat of its row, and of the next beat that completes a
        # window; `first_target` is the place of the first one of a row of output.
        address = Signal.like(start.address)
        row_address = Signal.like(address)
        position, row_position = Signal(POSITION), Signal(POSITION)
        target, first_target = Signal(POSITION), Signal(POSITION)
        y, target_row = Signal(POSITION), Signal(POSITION)
        columns = Signal.like(job.out_width)  # of output left in this row
        rows = Signal.like(job.out_height)  # of output left, this one included
        index = Signal(range(config.accumulators))
        tail = Signal()
        row_start = Signal()

        next_position = Signal(POSITION)
        next_row = Signal.like(address)
        m.d.comb += [
            next_position.eq(position + job.tap_step),
            next_row.eq(row_address + job.tap_row_step),
        ]

        # What the beat completes, and what is left of its row of output then.
        wanted, below, completes, emits, end_of_map, last = (Signal() for _ in range(6))
        columns_left = Signal.like(columns)
        next_target = Signal.like(target)
        m.d.comb += [
            below.eq((y + 1 == job.in_height) & (y + 1 == target_row)),
            wanted.eq(((y == target_row) | below) & (rows != 0)),
            completes.eq(wanted & (columns != 0) & (position >= target)),
            emits.eq(completes | tail),
            columns_left.eq(columns - completes),
            next_target.eq(Mux(completes, target + job.pixel_step, target)),
            end_of_map.eq(Mux(tail, rows == 0, completes & (rows == 1) & (columns_left == 0))),
            last.eq(emits & (end_of_map | (index == config.accumulators - 1))),
        ]

        # The end of the row.
        wraps, row_ends = Signal(), Signal()
        m.d.comb += [
            wraps.eq(
                wanted
                & (columns_left == 1)
                & (next_target <= next_position)
                & (first_target > row_position)
            ),
            row_ends.eq((next_position >= job.row_bytes) & (~wanted | (columns_left == 0) | wraps)),
        ]

        active = Signal()
        step = Signal()
        bank = job.input.offset[len(address) :]
        beat = self.o.p
        m.d.comb += [
            step.eq(active & (~self.o.valid | self.o.ready)),
            seeker.o.ready.eq(~active | (step & last)),
            self.busy.eq(seeker.busy | active | self.o.valid),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

        with m.If(step):
            m.d.sync += [
                self.o.valid.eq(1),
                beat.address.eq(Cat(address, bank)),
                beat.mask.eq(self._stored_lanes(m, position, y)),
                beat.first.eq(1),
                beat.final.eq(1),
                beat.last.eq(last),
                beat.slide.emits.eq(emits),
                beat.slide.tail.eq(tail),
                beat.slide.row_start.eq(row_start),
                beat.slide.beyond.eq(position >= job.row_bytes),
                beat.slide.below.eq(below),
                beat.slide.above.eq(Mux(y >= 2, 2, y[:2])),
                index.eq(index + emits),
                tail.eq(0),
                row_start.eq(0),
                target.eq(next_target),
                columns.eq(columns_left),
                position.eq(next_position),
                address.eq(address + job.tap_step),
            ]
            with m.If(row_ends):
                m.d.sync += [
                    y.eq(y + 1),
                    position.eq(row_position),
                    address.eq(next_row),
                    row_address.eq(next_row),
                    row_start.eq(1),
                ]
            with m.If(row_ends & wanted):
                m.d.sync += [
                    tail.eq(wraps),
                    target.eq(first_target),
                    target_row.eq(target_row + job.stride_y),
                    columns.eq(job.out_width),
                    rows.eq(rows - 1),
                ]

        with m.If(step & last):
            m.d.sync += active.eq(0)
        with m.If(seeker.o.valid & seeker.o.ready):
            m.d.sync += active.eq(1)
            with m.If(start.fresh):
                m.d.sync += [
                    address.eq(start.address),
                    row_address.eq(start.address),
                    position.eq(start.position),
                    row_position.eq(start.position),
                    target.eq(start.target),
                    first_target.eq(start.target),
                    y.eq(0),
                    target_row.eq(start.target_row),
                    columns.eq(job.out_width),
                    rows.eq(job.out_height),
                    index.eq(0),
                    row_start.eq(1),
                    tail.eq(0),
                ]

        return m

    def _stored_lanes(self, m, position, y):
        """Mask of the lanes that are bytes of a stored row; all of a pixel's, or its last ones."""
        job, lanes = self.descriptor, self._config.lanes
        left = Signal(signed(len(position) + 1))
        mask = Signal(lanes)
        m.d.comb += left.eq(job.row_bytes - position)
        with m.If(y < job.in_height):
            m.d.comb += mask.eq(Cat(lane < left for lane in range(lanes)))
        return mask


class _Start(data.StructLayout):
    """Where a pass begins.

    ``target`` and ``target_row`` are the place of the first pixel that completes a window; the
    first stored pixel is in row 0, at ``position``. Passes that are not ``fresh`` go on instead.
    """

    def __init__(self, bank_bytes):
        super().__init__({
            "fresh": 1,
            "address": ceil_log2(bank_bytes),
            "position": POSITION,
            "target": POSITION,
            "target_row": POSITION,
        })


class _Seeker(wiring.Component):
    """Goes from the corner of the first window to the first stored pixel, a step per cycle.

    Members
    -------
    descriptor : In(ConvDescriptor)
        Must be held while ``busy``.
    i : In(stream.Signature(Pass(config)))
    o : Out(stream.Signature(_Start(bank_bytes)))
    busy : Out(1)
    """

    def __init__(self, *, config):
        super().__init__({
            "descriptor": In(ConvDescriptor),
            "i": In(stream.Signature(Pass(config))),
            "o": Out(stream.Signature(_Start(config.bank_bytes))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        job, found, given = self.descriptor, self.o.p, self.i.p.start

        y = Signal(POSITION)
        taps = Signal.like(job.x_taps)
        outside, seeking = Signal(), Signal()
        m.d.comb += [
            outside.eq((found.position < 0) | (y < 0) | (taps != 1)),
            self.o.valid.eq(seeking & (~found.fresh | ~outside)),
            self.i.ready.eq(~seeking | (self.o.valid & self.o.ready)),
            self.busy.eq(seeking),
        ]
        with m.If(found.position < 0):
            m.d.sync += [
                found.position.eq(found.position + job.tap_step),
                found.address.eq(found.address + job.tap_step),
            ]
        with m.Elif(y < 0):
            m.d.sync += [y.eq(y + 1), found.address.eq(found.address + job.tap_row_step)]
        with m.If(taps != 1):
            m.d.sync += [taps.eq(taps - 1), found.target.eq(found.target + job.tap_step)]

        with m.If(self.i.ready):
            m.d.sync += seeking.eq(self.i.valid)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                found.fresh.eq(self.i.p.fresh),
                found.address.eq(given.address),
                found.position.eq(given.position),
                found.target.eq(given.position),
                found.target_row.eq(given.y + job.row_taps - 1),
                y.eq(given.y),
                taps.eq(job.x_taps),
            ]
        return m
