"""From accumulators to int8: the four roundings of the hardware's requantizer.

A :class:`Requantization` is what the compiler writes into descriptors; :func:`requantize` is what
the hardware does with it.
"""

from dataclasses import dataclass

import numpy as np

from intarsia.golden.rounding import (
    divide_by_power_of_two,
    doubling_high_multiply,
    quantize_multiplier,
)
from intarsia.isa.numerics import Rounding

__all__ = [
    "Requantization",
    "ScaleError",
    "double_integers",
    "fp32_integers",
    "reciprocal",
    "requantize",
    "round_accumulators",
]


class ScaleError(ValueError):
    """Scales that a numerics mode, or the hardware, can't compute with exactly."""


@dataclass(frozen=True)
class Requantization:
    """How accumulators become int8, as :class:`~intarsia.isa.numerics.Rounding` defines it.

    Members
    -------
    rounding : Rounding
    multiplier, shift : numpy.ndarray or int
        int64; one per channel, or one for all. m and s of the rounding.
    zero_point : int
        Added after rounding.
    low, high : int
        Bounds of the result, in -128..127.
    half : int
        Half of the divisor, in rounding MEAN.
    """

    rounding: Rounding
    multiplier: np.ndarray | int
    shift: np.ndarray | int
    zero_point: int = 0
    low: int = -128
    high: int = 127
    half: int = 0


def requantize(acc: np.ndarray, by: Requantization) -> np.ndarray:
    """`acc` as int8.

    Parameters
    ----------
    acc : numpy.ndarray
        int32, or int64 with at most 48 significant bits; channels innermost.
    by : Requantization
        Rounding and integers.
    """
    rounded = round_accumulators(acc, by)
    return np.clip(rounded + by.zero_point, by.low, by.high).astype(np.int8)


def round_accumulators(acc: np.ndarray, by: Requantization) -> np.ndarray:
    """What :func:`requantize` has before it adds the zero point: int64, or float64 of integers."""
    wide = acc.astype(np.int64)
    multiplier, shift = by.multiplier, by.shift
    match by.rounding:
        case Rounding.FP32:
            product = wide.astype(np.float32) * np.asarray(multiplier, np.float32)
            return np.rint(np.ldexp(product.astype(np.float64), -np.asarray(shift)))
        case Rounding.DOUBLE:
            shifted = (wide << np.maximum(shift, 0)).astype(np.int32).astype(np.int64)
            product = doubling_high_multiply(shifted, multiplier)
            return divide_by_power_of_two(product, np.maximum(np.negative(shift), 0))
        case Rounding.MEAN:
            return np.sign(wide) * (((np.abs(wide) + by.half) * multiplier) >> shift)
        case Rounding.HALF_UP:
            return (wide * multiplier + ((np.int64(1) << shift) >> 1)) >> shift


def fp32_integers(multiplier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers m and s of rounding FP32, for float32 multipliers.

    m is 0 or has exactly 24 bits; s is in 14..57. A multiplier too large or too small for that is
    replaced by one with which every accumulator of 32 bits gives the same int8.
    """
    bounded = np.minimum(multiplier.astype(np.float64), 2.0**9)
    fraction, exponent = np.frexp(np.where(bounded < 2.0**-34, 0.0, bounded))
    return np.ldexp(fraction, 24).astype(np.int64), 24 - exponent.astype(np.int64)


def double_integers(multiplier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers m and s of rounding DOUBLE, for float64 multipliers."""
    pairs = [quantize_multiplier(float(real)) for real in multiplier.flat]
    integers = np.array(pairs, np.int64).reshape(*multiplier.shape, 2)
    return integers[..., 0], integers[..., 1]


def reciprocal(divisor: int, largest: int) -> tuple[int, int]:
    """Integers m and s of rounding MEAN.

    ``x * m >> s`` is ``x // divisor`` for all x in 0..`largest`.
    """
    shift = 0
    while True:
        multiplier = -(-(1 << shift) // divisor)
        if (multiplier * divisor - (1 << shift)) * largest < 1 << shift:
            return multiplier, shift
        shift += 1
