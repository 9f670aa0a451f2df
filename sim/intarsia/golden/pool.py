"""Maxima and means over windows, and over whole maps."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from intarsia.golden.requantize import (
    Requantization,
    fp32_integers,
    reciprocal,
    requantize,
)
from intarsia.golden.rounding import quantize_multiplier
from intarsia.golden.windows import spread
from intarsia.graph import AveragePool, MaxPool, Mean, Mode, Tensor
from intarsia.graph.ops import Window
from intarsia.isa.numerics import Rounding

__all__ = [
    "average_integers",
    "average_pool",
    "max_pool",
    "mean",
    "mean_requantization",
]

#: With zero points below this, sums of less than 2**23 stay exact in float32.
LARGEST_ZERO = 1 << 23


def max_pool(op: MaxPool, x: np.ndarray) -> np.ndarray:
    """Output of `op`: int8, ``(batch, height, width, channels)`` like `x`."""
    return np.clip(_reduce(np.maximum, x, op.window, -128), op.low, op.high).astype(np.int8)


def average_pool(
    op: AveragePool, x: np.ndarray, source: Tensor, target: Tensor, mode: Mode
) -> np.ndarray:
    """Output of `op`: int8, ``(batch, height, width, channels)`` like `x`."""
    ones = np.ones((*x.shape[1:3], 1), np.int64)
    taps = _reduce(np.add, ones, op.window, 0)[..., 0]
    sums = _reduce(np.add, x.astype(np.int64), op.window, 0)
    y = np.empty(sums.shape, np.int8)
    for inside in np.unique(taps).tolist():
        count = math.prod(op.window.kernel) if op.count_padding else inside
        bias, by = average_integers(source, target, inside, count, mode)
        where = taps == inside
        clamped = replace(by, low=op.low, high=op.high)
        y[:, where] = requantize(sums[:, where] + bias, clamped)
    return y


def average_integers(
    source: Tensor, target: Tensor, taps: int, count: int, mode: Mode
) -> tuple[int, Requantization]:
    """What is added to a sum of raw bytes, and how that is requantized, in an average pool.

    Modes `xnnpack` and `tflite` take the mean of raw bytes, which is a mean only where input and
    output have one scale and zero point. Where they have not (TFLite knows no such pool), the pool
    is computed as :class:`~intarsia.graph.Mean` is.

    In mode `onnx`, the output's zero point is added before rounding, as onnxruntime does: which of
    two values is the even one depends on it. That takes a sum in which the zero point is a whole
    number; where it is none, ties are rare, and it is added after rounding.

    Parameters
    ----------
    source, target : Tensor
        Input and output.
    taps : int
        Bytes in the sum: those of the window that lie in the map.
    count : int
        What the sum is divided by: `taps`, or the size of the window where padding counts.
    mode : Mode
        Numerics mode.
    """
    same = (source.scale, source.zero_point) == (target.scale, target.zero_point)
    if mode is not Mode.ONNX and same:
        half = count // 2
        multiplier, shift = reciprocal(count, 128 * count + half)
        padding = (count - taps) * source.zero_point
        return padding, Requantization(Rounding.MEAN, multiplier, shift, half=half)
    bias = -taps * source.zero_point
    by = mean_requantization(source, target, count, mode)
    zero = target.zero_point * count * Fraction(float(target.scale)) / Fraction(float(source.scale))
    if mode is Mode.ONNX and zero.denominator == 1 and abs(zero) < LARGEST_ZERO:
        return bias + int(zero), replace(by, zero_point=0)
    return bias, by


def mean(op: Mean, x: np.ndarray, source: Tensor, target: Tensor, mode: Mode) -> np.ndarray:
    """Output of `op`: int8, ``(batch, 1, 1, channels)``."""
    by = mean_requantization(source, target, x.shape[1] * x.shape[2], mode)
    acc = (x.astype(np.int64) - source.zero_point).sum(axis=(1, 2), keepdims=True)
    return requantize(acc, replace(by, low=op.low, high=op.high))


def mean_requantization(source: Tensor, target: Tensor, count: int, mode: Mode) -> Requantization:
    """How a sum of `count` values, each without its zero point, becomes their mean."""
    if mode is Mode.TFLITE:
        multiplier, shift = quantize_multiplier(float(source.scale) / float(target.scale))
        fold = min(count.bit_length() - 1, 32, 31 + shift)
        integers = (multiplier << fold) // count, shift - fold
        return Requantization(Rounding.DOUBLE, *integers, target.zero_point)
    scale = np.float32(source.scale) / (np.float32(target.scale) * np.float32(count))
    multiplier, shift = fp32_integers(np.asarray(scale))
    return Requantization(Rounding.FP32, multiplier, shift, target.zero_point)


def _reduce(by: np.ufunc, x: np.ndarray, window: Window, fill: int) -> np.ndarray:
    """Windows of `x` reduced tap by tap, which is fast because channels stay innermost."""
    windows = spread(x, window, fill)
    result = windows[..., 0, 0].copy()
    for tap in list(np.ndindex(*window.kernel))[1:]:
        by(result, windows[..., *tap], out=result)
    return result
