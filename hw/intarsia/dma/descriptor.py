"""Checks of descriptors that need no knowledge of their meaning."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["DescriptorCheck"]

#: Faults in descriptors are located by words of as many bits.
WORD = 32


class DescriptorCheck(wiring.Component):
    """Finds the first word of a descriptor that can't be right, in the same cycle.

    Wrong are reserved fields that are not zero, and zeros in fields that must not be.

    Parameters
    ----------
    layout : type[data.Struct]
        Layout of the descriptor. Reserved are the fields whose name begins with ``reserved``.
    nonzero : sequence of str
        Fields that must not be zero.

    Members
    -------
    descriptor : In(layout)
    faulty : Out(1)
    word : Out(24)
        Index of the first wrong word.
    """

    def __init__(self, layout, *, nonzero):
        self.layout = layout
        self.nonzero = nonzero
        super().__init__({"descriptor": In(layout), "faulty": Out(1), "word": Out(24)})

    def elaborate(self, platform):
        m = Module()
        bits = self.descriptor.as_value()

        wrong = [[] for _ in range(0, len(bits), WORD)]
        for name, field in self.layout.as_shape():
            end = field.offset + field.width
            if name.startswith("reserved"):
                for word in range(field.offset // WORD, -(-end // WORD)):
                    part = bits[max(field.offset, WORD * word) : min(end, WORD * word + WORD)]
                    wrong[word].append(part.any())
            elif name in self.nonzero:
                wrong[field.offset // WORD].append(~bits[field.offset : end].any())

        for word in reversed(range(len(wrong))):
            with m.If(Cat(wrong[word]).any()):
                m.d.comb += [self.faulty.eq(1), self.word.eq(word)]

        return m
