"""Descriptors that the engine can't execute."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.kernel import ConvDescriptor
from intarsia.isa.numerics import Rounding

__all__ = ["DescriptorCheck"]

#: Bits that faults number descriptors by.
WORD = 32

NOT_ZERO = ("row_taps", "x_taps", "out_height", "out_width", "out_channels", "run")
RESERVED = ("reserved", "reserved1")


class DescriptorCheck(wiring.Component):
    """Looks for fields that are zero, reserved, or unknown.

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

    def elaborate(self, platform):
        m = Module()
        job = self.descriptor

        wrong = {name: Value.cast(job[name]) == 0 for name in NOT_ZERO}
        wrong |= {name: job[name] != 0 for name in RESERVED}
        wrong["run"] |= job.diagonal & (job.run != 1)
        wrong["rounding"] = ~Value.cast(job.rounding).matches(*(mode.value for mode in Rounding))

        offsets = {name: field.offset for name, field in ConvDescriptor.as_shape()}
        for name in sorted(wrong, key=lambda name: -offsets[name]):
            with m.If(wrong[name]):
                m.d.comb += [self.refused.eq(1), self.word.eq(offsets[name] // WORD)]

        return m
