"""CRCs of 32 bits of a stream of words, a whole word per cycle."""

from functools import reduce
from operator import xor

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.crc import Algorithm
from amaranth.lib.wiring import In, Out

__all__ = ["CRC32", "CRC32C", "Crc32"]

#: The CRC of Ethernet (ISO-HDLC).
CRC32 = Algorithm(
    crc_width=32,
    polynomial=0x04C11DB7,
    initial_crc=0xFFFFFFFF,
    reflect_input=True,
    reflect_output=True,
    xor_output=0xFFFFFFFF,
)

#: CRC-32C, that of Castagnoli.
CRC32C = Algorithm(
    crc_width=32,
    polynomial=0x1EDC6F41,
    initial_crc=0xFFFFFFFF,
    reflect_input=True,
    reflect_output=True,
    xor_output=0xFFFFFFFF,
)


class Crc32(wiring.Component):
    """CRC of 32 bits over the words for which `valid` was high since `start`.

    What :class:`amaranth.lib.crc.Processor` computes, in a form that simulators evaluate about ten
    times as fast, and not at all in cycles without a word.

    Parameters
    ----------
    width : int
        Bits of a word; a multiple of 8. The lowest byte goes first.
    algorithm : Algorithm
        `CRC32` or `CRC32C`.

    Members
    -------
    start : In(1)
        This word is the first one (if `valid`), or none has come yet.
    valid : In(1)
    word : In(width)
    crc : Out(32)
        Of all words that came before this cycle; of none, after a cycle with `start` alone.
    """

    def __init__(self, *, width, algorithm=CRC32):
        if not isinstance(width, int) or width <= 0 or width % 8:
            raise ValueError(f"Width must be a positive multiple of 8, not {width!r}")
        self.width = width
        self.algorithm = algorithm
        super().__init__({
            "start": In(1),
            "valid": In(1),
            "word": In(width),
            "crc": Out(32),
        })

    def elaborate(self, platform):
        m = Module()

        # The CRC is linear in (state, word): each bit that is set adds its own effect. A bit of the
        # state has the effect of the same bit of the word; so their sum is taken first.
        initial = self.algorithm.initial_crc
        state = Signal(32, init=initial)
        both = Signal(max(32, self.width))
        m.d.comb += both.eq(Mux(self.start, initial, state) ^ self.word)
        effects = [Mux(bit, Const(self._advance(1 << n), 32), 0) for n, bit in enumerate(both)]
        with m.If(self.valid):
            m.d.sync += state.eq(reduce(xor, effects))
        with m.Elif(self.start):
            m.d.sync += state.eq(initial)
        m.d.comb += self.crc.eq(state ^ self.algorithm.xor_output)

        return m

    def _advance(self, value):
        """What `value`, state plus word, has become in the reflected register after a word."""
        reflected = int(f"{self.algorithm.polynomial:032b}"[::-1], 2)
        for _ in range(self.width):
            value = value >> 1 ^ (reflected if value & 1 else 0)
        return value
