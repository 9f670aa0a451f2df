"""Roundings that the numerics modes are made of: exact, and vectorized."""

import math

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "divide_by_power_of_two",
    "doubling_high_multiply",
    "fma32",
    "quantize_multiplier",
    "round_to_float32",
]


def round_to_float32(x: np.ndarray) -> np.ndarray:
    """Integers rounded to 24 significant bits, ties to even (RNE24): what float32 keeps of them.

    Parameters
    ----------
    x : numpy.ndarray
        int64, magnitude below 2**62.
    """
    return x.astype(np.float32).astype(np.int64)


def fma32(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> np.ndarray:
    """Float32 nearest to ``a * b + c``, rounded once, as a fused multiply-add does.

    The product of two float32 is exact in float64. The sum is rounded to odd there, which keeps the
    second rounding, to float32, from seeing ties that are none.
    """
    product = np.multiply(a, b, dtype=np.float64)
    addend = np.asarray(c, dtype=np.float64)
    total = np.asarray(product + addend)
    addend_in_total = total - product
    error = (product - (total - addend_in_total)) + (addend - addend_in_total)
    even = (total.view(np.int64) & 1) == 0
    neighbour = np.nextafter(total, np.copysign(np.inf, error))
    return np.where((error != 0) & even, neighbour, total).astype(np.float32)


def doubling_high_multiply(x: np.ndarray, multiplier: np.ndarray | int) -> np.ndarray:
    """``x * multiplier / 2**31``, ties up: gemmlowp's SaturatingRoundingDoublingHighMul.

    Parameters
    ----------
    x : numpy.ndarray
        int64, in the range of int32.
    multiplier : numpy.ndarray or int
        In 0..2**31 - 1, with which nothing saturates.
    """
    return (x * multiplier + (1 << 30)) >> 31


def divide_by_power_of_two(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """``x / 2**exponent``, ties away from zero: gemmlowp's RoundingDivideByPOT."""
    half = (np.int64(1) << exponent) >> 1
    return np.sign(x) * ((np.abs(x) + half) >> exponent)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Integers (q, s) with ``q * 2**(s - 31)`` nearest to `real`: TFLite's QuantizeMultiplier.

    q is 0, or has exactly 31 bits. A `real` below 2**-32 gives (0, 0).
    """
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2.0**31 + 0.5)
    if multiplier == 1 << 31:
        multiplier, shift = 1 << 30, shift + 1
    return (multiplier, shift) if shift >= -31 else (0, 0)
