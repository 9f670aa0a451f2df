"""Steps over the input pixels of a depthwise convolution, and says when a window is complete."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.conv.passes import POSITION, Pass, Walk
from intarsia.conv.walker import Beat
from intarsia.isa.kernel import ConvDescriptor

__all__ = ["InputSlider"]


class InputSlider(wiring.Component):
    """Turns passes of a job that is ``sliding`` into a beat per input pixel, in raster order.

    Rows are walked from the first one stored, columns from the first one of the map. A beat
    completes the window of an output pixel (``emits``) when it brings the pixel of that window's
    last row and column. The last window of a row that is complete but for one column of padding
    goes with the first beat of the next row (``tail``), so that the padding costs no beat; other
    columns of padding take a beat each (``beyond``), as do pixels of rows below the map.

    A pass ends with the map, or when it has completed as many windows as an accumulator half has
    rows. One beat is produced per cycle, as long as it is accepted. A block of output channels
    begins up to five cycles after its first pass was accepted.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    descriptor : In(ConvDescriptor)
        Must be held while there are passes.
    i : In(stream.Signature(Pass(bank_bytes)))
        Where the first pixel is, is taken from passes that are ``fresh``; others go on.
    resume : Out(stream.Signature(Walk(bank_bytes), always_ready=True))
        A pass has ended, but not the map. What comes with it means nothing.
    o : Out(stream.Signature(Beat(lanes)))
    busy : Out(1)
        A pass is under way, or its last beat is left to be accepted.
    """

    def __init__(self, *, config):
        self._config = config
        super().__init__({
            "descriptor": In(ConvDescriptor),
            "i": In(stream.Signature(Pass(config.bank_bytes))),
            "resume": Out(stream.Signature(Walk(config.bank_bytes), always_ready=True)),
            "o": Out(stream.Signature(Beat(config))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        job, config = self.descriptor, self._config

        # Place of the beat, of the first beat of its row, and of the next beat that completes a
        # window; `first_target` is the place of the first one of a row of output.
        address = Signal.like(self.i.p.start.address)
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
        next_address = Signal.like(address)
        next_row = Signal.like(address)
        m.d.comb += [
            next_position.eq(position + job.tap_step),
            next_address.eq(address + job.tap_step),
            next_row.eq(row_address + job.tap_row_step),
        ]

        # What the beat completes, and what is left of its row of output then.
        wanted, completes, emits, end_of_map, last = (Signal() for _ in range(5))
        columns_left = Signal.like(columns)
        next_target = Signal.like(target)
        m.d.comb += [
            wanted.eq((y == target_row) & (rows != 0)),
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

        step = Signal()
        bank = job.input.offset[len(address) :]
        beat = self.o.p
        m.d.comb += self.busy.eq(self.o.valid)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

        with m.FSM():
            taps = Signal.like(job.x_taps)

            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid):
                    m.next = "WALK"
                with m.If(self.i.valid & self.i.p.fresh):
                    m.d.sync += [
                        address.eq(self.i.p.start.address),
                        position.eq(self.i.p.start.position),
                        first_target.eq(self.i.p.start.position),
                        y.eq(self.i.p.start.y),
                        target_row.eq(self.i.p.start.y + job.row_taps - 1),
                        taps.eq(job.x_taps),
                        columns.eq(job.out_width),
                        rows.eq(job.out_height),
                        index.eq(0),
                        tail.eq(0),
                    ]
                    m.next = "SEEK"

            # From the first window's corner to the first pixel that is stored.
            with m.State("SEEK"):
                m.d.comb += self.busy.eq(1)
                with m.If(position < 0):
                    m.d.sync += [position.eq(next_position), address.eq(next_address)]
                with m.Elif(y < 0):
                    m.d.sync += [y.eq(y + 1), address.eq(address + job.tap_row_step)]
                with m.If(taps != 1):
                    m.d.sync += [taps.eq(taps - 1), first_target.eq(first_target + job.tap_step)]
                with m.Elif((position >= 0) & (y >= 0)):
                    m.d.sync += [
                        row_address.eq(address),
                        row_position.eq(position),
                        row_start.eq(1),
                        target.eq(first_target),
                    ]
                    m.next = "WALK"

            with m.State("WALK"):
                m.d.comb += [
                    self.busy.eq(1),
                    step.eq(~self.o.valid | self.o.ready),
                    self.resume.valid.eq(step & last & ~end_of_map),
                ]
                with m.If(step & last):
                    m.next = "IDLE"

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
                beat.slide.above.eq(Mux(y >= 2, 2, y[:2])),
                index.eq(index + emits),
                tail.eq(0),
                row_start.eq(0),
                target.eq(next_target),
                columns.eq(columns_left),
                position.eq(next_position),
                address.eq(next_address),
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
