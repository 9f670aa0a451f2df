"""Chunks of a window, one after another: how far each is from the first."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from intarsia.conv.packing import PackedChunks, PackedLane
from intarsia.isa.kernel import ConvDescriptor

__all__ = ["POSITION", "WindowChunks"]

#: Byte position within an input row, and number of an input row; both may be outside of the map.
POSITION = signed(26)


def _outputs(config):
    """What is said of a chunk."""
    return {
        "first": Out(1),
        "final": Out(1),
        "distance": Out(ceil_log2(config.bank_bytes)),
        "position": Out(POSITION),
        "row": Out(POSITION),
    }


class WindowChunks(wiring.Component):
    """Goes round the chunks of a window, whichever way it is cut.

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
        What follows is known. Takes a cycle, or with ``packed`` as many as there are lanes.
    first, final : Out(1)
    distance : Out(...)
        Bytes in memory, modulo the size of a macro-bank.
    position : Out(POSITION)
        Bytes in the row. With ``packed``, 0: lanes have offsets of their own.
    row : Out(POSITION)
        Rows.
    lanes : Out(data.ArrayLayout(PackedLane, lanes))
        With ``packed``, what each lane has. There if the configuration packs.
    """

    def __init__(self, *, config):
        self._config = config
        lanes = data.ArrayLayout(PackedLane, config.lanes)
        super().__init__({
            "descriptor": In(ConvDescriptor),
            "restart": In(1),
            "advance": In(1),
            "ready": Out(1),
            **_outputs(config),
            **({"lanes": Out(lanes)} if config.packs else {}),
        })

    def elaborate(self, platform):
        m = Module()
        job = self.descriptor

        m.submodules.runs = runs = _RunChunks(config=self._config)
        m.d.comb += [
            self.ready.eq(1),
            runs.descriptor.eq(job),
            runs.restart.eq(self.restart),
            runs.advance.eq(self.advance),
        ]
        m.d.comb += [getattr(self, name).eq(getattr(runs, name)) for name in _outputs(self._config)]
        if self._config.packs:
            m.submodules.packed = packed = PackedChunks(config=self._config)
            m.d.comb += [
                packed.descriptor.eq(job),
                packed.restart.eq(self.restart & job.packed),
                packed.advance.eq(self.advance & job.packed),
                self.lanes.eq(packed.lanes),
            ]
            with m.If(job.packed):
                m.d.comb += [
                    self.ready.eq(packed.ready),
                    self.first.eq(packed.first),
                    self.final.eq(packed.final),
                    self.distance.eq(packed.distance),
                    self.position.eq(0),
                    self.row.eq(packed.row * job.dilation_y),
                ]
        return m


class _RunChunks(wiring.Component):
    """Goes round the chunks (ky, kx, c) of a window that is cut run by run.

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
            **_outputs(config),
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
