"""Rounding modes of the requantizer, and the per-channel records of the convolution engine.

With ``acc`` a signed integer, ``m`` the unsigned ``multiplier``, ``s`` the signed ``shift``, and
RNE24 rounding to 24 significant bits, ties to even:

- ``FP32``: ``RNE(RNE24(RNE24(acc) * m) * 2**-s)``, what float32 arithmetic gives for
  ``acc * (m * 2**-s)``; m has 24 bits.
- ``DOUBLE``: gemmlowp's ``RoundingDivideByPOT(SRDHM(acc << max(s, 0), m), max(-s, 0))``; m has 31
  bits; the left shift saturates nowhere, and wraps to 32 bits.
- ``MEAN``: ``sign(acc) * (((abs(acc) + half) * m) >> s)``: the mean of n values, ties away from
  zero, with half = n // 2 and m, s a reciprocal of n that is exact for all sums of n int8 values.
- ``HALF_UP``: ``(acc * m + 2**(s-1)) >> s``, rounded down; m has 16 bits, s is positive.

The output zero point is added to the result, which is then clamped to [low, high].
"""

from amaranth import *
from amaranth.lib import data, enum

__all__ = ["ChannelRecord", "Rounding"]


class Rounding(enum.Enum, shape=4):
    """How an accumulator becomes an int8."""

    FP32 = 0
    DOUBLE = 1
    MEAN = 2
    HALF_UP = 3


class ChannelRecord(data.Struct):
    """Requantization of one output channel: 16 bytes."""

    bias: signed(32)
    """Added to the accumulator. Includes ``-zero_point * sum(weights)`` of the input, modulo 2^32,
    since the array multiplies stored bytes, and padding enters it as the zero point."""

    multiplier: 32
    """m of the rounding mode."""

    shift: signed(8)
    """s of the rounding mode."""

    reserved: 56
    """Must be zero."""
