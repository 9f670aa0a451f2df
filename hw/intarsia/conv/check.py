"""Descriptors that the engine can't execute."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from intarsia.isa.kernel import PACKED_ROWS, PACKED_RUN, WINDOW, ConvDescriptor
from intarsia.isa.numerics import Rounding

__all__ = ["DescriptorCheck"]

#: Bits that faults number descriptors by.
WORD = 32

NOT_ZERO = ("row_taps", "x_taps", "out_height", "out_width", "out_channels", "run")
RESERVED = ("reserved", "reserved1")


class DescriptorCheck(wiring.Component):
    """Looks for fields that are zero, reserved, unknown, or that don't go together.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    descriptor : In(ConvDescriptor)
    refused : Out(1)
        There is one, within the cycle.
    word : Out(...)
        Index of the first 32-bit word that has one.
    """

    descriptor: In(ConvDescriptor)
    refused: Out(1)
    word: Out(range(ConvDescriptor.as_shape().size // WORD))

    def __init__(self, *, config):
        self._line_pixels = config.line_pixels
        self._wide = config.weight_ports > 1
        self._lanes = config.lanes if config.packs else None
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        job = self.descriptor

        wrong = {name: Value.cast(job[name]) == 0 for name in NOT_ZERO}
        wrong |= {name: job[name] != 0 for name in RESERVED}
        wrong["run"] |= (job.diagonal | job.sliding) & (job.run != 1)
        if self._line_pixels:
            wrong |= self._wrong_window(wrong)
        else:
            wrong["sliding"] = job.sliding
        wrong["striped"] = job.striped & job.diagonal if self._wide else job.striped
        wrong["packed"] = job.packed
        if self._lanes:
            wrong |= self._wrong_packing(wrong)
        wrong["rounding"] = ~Value.cast(job.rounding).matches(*(mode.value for mode in Rounding))

        offsets = {name: field.offset for name, field in ConvDescriptor.as_shape()}
        for name in sorted(wrong, key=lambda name: -offsets[name]):
            with m.If(wrong[name]):
                m.d.comb += [self.refused.eq(1), self.word.eq(offsets[name] // WORD)]

        return m

    def _wrong_window(self, wrong):
        """Fields that the windows of ``sliding`` don't have, besides those that are `wrong`."""
        job = self.descriptor
        columns = job.x_taps - 1
        reach = Mux(job.x_taps == WINDOW, job.tap_step << 1, Mux(columns == 0, 0, job.tap_step))
        pixels = job.row_bytes <= job.tap_step
        pixels |= job.row_bytes > job.tap_step << ceil_log2(self._line_pixels)
        found = {
            "row_taps": job.row_taps > WINDOW,
            "x_taps": job.x_taps > WINDOW,
            "row_bytes": pixels,
            "dilation_y": job.dilation_y != 1,
            "pad_top": (job.pad_top < 0) | (job.pad_top >= job.row_taps),
            "tap_step": job.tap_step == 0,
            "sliding": job.diagonal,
            "pad_left": job.pad_left > reach,
        }
        return {name: wrong.get(name, 0) | job.sliding & found[name] for name in found}

    def _wrong_packing(self, wrong):
        """The same, for ``packed``."""
        job, lanes = self.descriptor, self._lanes
        few = (job.run << ceil_log2(PACKED_ROWS) < lanes) & (job.row_taps > PACKED_ROWS)
        unaligned = (job.tap_row_step - job.run)[: ceil_log2(lanes)].any()
        found = {
            "x_taps": job.x_taps != 1,
            "run": (job.run > PACKED_RUN) | few,
            "tap_row_step": unaligned,
        }
        found = {name: wrong.get(name, 0) | job.packed & found[name] for name in found}
        return found | {"packed": job.packed & (job.diagonal | job.sliding)}
