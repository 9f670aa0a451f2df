"""Steps over the output pixels of a pass: addresses, and which lanes are padding."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.conv.passes import Pass, Walk
from intarsia.isa.address import LOCAL
from intarsia.isa.kernel import PACKED_ROWS, PACKED_RUN, ConvDescriptor

__all__ = ["Beat", "PixelWalker", "Slide"]


class Slide(data.StructLayout):
    """What a pixel does to a window that slides."""

    def __init__(self):
        super().__init__({
            "emits": 1,  # it completes a window
            "tail": 1,  # and that is the last one of the row before
            "row_start": 1,  # first pixel of its row
            "beyond": 1,  # right of the map
            "above": 2,  # rows of the map above it, at most two
            "below": 1,  # the last row of its window is the padding below it
        })

    @classmethod
    def of(cls, config):
        """The field of a beat that has this; none, where there are no line buffers."""
        return {"slide": cls()} if config.line_pixels else {}


class Beat(data.StructLayout):
    """What the array takes in one cycle, before it is read."""

    def __init__(self, config):
        super().__init__({
            "address": LOCAL,
            "mask": config.lanes,  # lanes that are not padding
            "first": 1,  # of the pass, as in `Pass`
            "final": 1,  # of the pass, as in `Pass`
            "last": 1,  # last one of the pass
            **Slide.of(config),
            # Rows of the window that lanes are away from that of the address.
            **({"far": data.ArrayLayout(2, config.lanes)} if config.packs else {}),
        })


class PixelWalker(wiring.Component):
    """Turns each pass into a beat per output pixel, in raster order.

    A pass ends with the map, or when it has as many pixels as an accumulator half. One beat is
    produced per cycle, as long as it is accepted; nothing is lost between passes.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    descriptor : In(ConvDescriptor)
        Must be held while there are passes.
    i : In(stream.Signature(Pass(config)))
    resume : Out(stream.Signature(Walk(bank_bytes), always_ready=True))
        The pixel that follows a pass that is ``first``, unless it reaches the end of the map.
    o : Out(stream.Signature(Beat(config)))
    busy : Out(1)
        A pass is under way, or its last beat is left to be accepted.
    """

    def __init__(self, *, config):
        self._config = config
        super().__init__({
            "descriptor": In(ConvDescriptor),
            "i": In(stream.Signature(Pass(config))),
            "resume": Out(stream.Signature(Walk(config.bank_bytes), always_ready=True)),
            "o": Out(stream.Signature(Beat(config))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        job = self.descriptor

        active = Signal()
        index = Signal(range(self._config.accumulators))
        current = Signal.like(self.i.p)
        walk = current.start

        last_column, last_row, end_of_map, last = Signal(), Signal(), Signal(), Signal()
        step = Signal()
        m.d.comb += [
            last_column.eq(walk.columns == 1),
            last_row.eq(walk.rows == 1),
            end_of_map.eq(last_column & last_row),
            last.eq((index == self._config.accumulators - 1) | end_of_map),
            step.eq(active & (~self.o.valid | self.o.ready)),
            self.i.ready.eq(~active | (step & last)),
            self.busy.eq(active | self.o.valid),
        ]

        after = self.resume.p
        m.d.comb += after.eq(walk)
        with m.If(last_column):
            row_address = (walk.row_address + job.row_step)[: len(walk.address)]
            m.d.comb += [
                after.address.eq(row_address),
                after.row_address.eq(row_address),
                after.position.eq(walk.row_position),
                after.y.eq(walk.y + job.stride_y),
                after.columns.eq(job.out_width),
                after.rows.eq(walk.rows - 1),
            ]
        with m.Else():
            m.d.comb += [
                after.address.eq(walk.address + job.pixel_step),
                after.position.eq(walk.position + job.pixel_step),
                after.columns.eq(walk.columns - 1),
            ]
        m.d.comb += self.resume.valid.eq(step & last & current.first & ~end_of_map)

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        if self._config.packs:
            far = Cat(lane.far & job.packed.replicate(2) for lane in current.lanes)
            with m.If(step):
                m.d.sync += self.o.p.far.eq(far)
        with m.If(step):
            bank = job.input.offset[len(walk.address) :]
            m.d.sync += [
                self.o.valid.eq(1),
                self.o.p.address.eq(Cat(walk.address, bank)),
                self.o.p.mask.eq(self._stored_lanes(m, current)),
                self.o.p.first.eq(current.first),
                self.o.p.final.eq(current.final),
                self.o.p.last.eq(last),
                walk.eq(after),
                index.eq(Mux(last, 0, index + 1)),
            ]
            with m.If(last):
                m.d.sync += active.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [current.eq(self.i.p), active.eq(1)]

        return m

    def _stored_lanes(self, m, current):
        """Mask of the lanes that are bytes of a stored row: begin, begin + 1, … end - 1."""
        job, lanes, walk = self.descriptor, self._config.lanes, current.start
        begin = Signal(range(lanes + 1))
        end = Signal(range(lanes + 1))
        left = Signal(signed(len(walk.position) + 1))
        row_stored = Signal()
        mask = Signal(lanes)

        m.d.comb += [
            left.eq(job.row_bytes - walk.position),
            row_stored.eq((walk.y >= 0) & (walk.y < job.in_height)),
        ]
        with m.If(walk.position < 0):
            m.d.comb += begin.eq(Mux(walk.position <= -lanes, lanes, -walk.position))
        with m.If(row_stored & (left > 0)):
            m.d.comb += end.eq(Mux(left >= lanes, lanes, left))
        m.d.comb += mask.eq(Cat((lane >= begin) & (lane < end) for lane in range(lanes)))
        if self._config.packs:
            with m.If(job.packed):
                m.d.comb += mask.eq(self._packed_lanes(m, current, left))
        return mask

    def _packed_lanes(self, m, current, left):
        """The same, where lanes are bytes of several rows; positions are those of the window."""
        job, walk = self.descriptor, current.start
        begin = Signal(range(PACKED_RUN + 2))
        end = Signal(range(PACKED_RUN + 2))
        rows = Signal(PACKED_ROWS)
        with m.If(walk.position < 0):
            m.d.comb += begin.eq(Mux(walk.position < -PACKED_RUN, PACKED_RUN + 1, -walk.position))
        with m.If(left > 0):
            m.d.comb += end.eq(Mux(left > PACKED_RUN, PACKED_RUN + 1, left))
        for far in range(PACKED_ROWS):
            y = walk.y + far * job.dilation_y
            m.d.comb += rows[far].eq((y >= 0) & (y < job.in_height))
        return Cat(
            lane.used & (lane.offset >= begin) & (lane.offset < end) & rows.bit_select(lane.far, 1)
            for lane in current.lanes
        )
