"""Maxima and means over windows, and over whole maps."""

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
    "average_pool",
    "average_requantization",
    "average_zero_point",
    "max_pool",
    "mean",
    "mean_requantization",
]

#: With zero points below this, the sum of some 10,000 bytes is exact in float32.
LARGEST_ZERO_POINT = 1 << 10


def max_pool(op: MaxPool, x: np.ndarray) -> np.ndarray:
    """Output of `op`: int8, ``(batch, height, width, channels)`` like `x`."""
    return np.clip(_reduce(np.maximum, x, op.window, -128), op.low, op.high).astype(np.int8)


def average_pool(
    op: AveragePool, x: np.ndarray, source: Tensor, target: Tensor, mode: Mode
) -> np.ndarray:
    """Output of `op`: int8, ``(batch, height, width, channels)`` like `x`."""
    ones = np.ones((*x.shape[1:3], 1), np.int64)
    counts = _reduce(np.add, ones, op.window, int(op.count_padding))[..., 0]
    zero = average_zero_point(source, target, mode)
    fill = source.zero_point - zero if op.count_padding else 0
    acc = _reduce(np.add, x.astype(np.int64) - zero, op.window, fill)
    y = np.empty(acc.shape, np.int8)
    for count in np.unique(counts).tolist():
        by = average_requantization(source, target, count, mode)
        clamped = replace(by, low=op.low, high=op.high)
        y[:, counts == count] = requantize(acc[:, counts == count], clamped)
    return y


def average_zero_point(source: Tensor, target: Tensor, mode: Mode) -> int:
    """What an average pool subtracts from each of its inputs, and from padding where that counts.

    Modes `xnnpack` and `tflite` take the mean of raw bytes, which is a mean only where input and
    output have one scale and zero point. Where they have not (TFLite knows no such pool), the pool
    is computed as :class:`~intarsia.graph.Mean` is.

    In mode `onnx`, the output's zero point is added before rounding, as onnxruntime does, since it
    decides which of two values is the even one. So it is brought in here, where that takes a whole
    number. Where it does not, ties are rare, and the zero point is added after rounding.
    """
    if _averages_bytes(source, target, mode):
        return 0
    return source.zero_point - _whole_zero_point(source, target, mode)


def average_requantization(
    source: Tensor, target: Tensor, count: int, mode: Mode
) -> Requantization:
    """How the sum of `count` values, each less :func:`average_zero_point`, becomes their mean."""
    if _averages_bytes(source, target, mode):
        half = count // 2
        multiplier, shift = reciprocal(count, 128 * count + half)
        return Requantization(Rounding.MEAN, multiplier, shift, half=half)
    by = mean_requantization(source, target, count, mode)
    return replace(by, zero_point=0) if _whole_zero_point(source, target, mode) else by


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


def _averages_bytes(source: Tensor, target: Tensor, mode: Mode) -> bool:
    same = (source.scale, source.zero_point) == (target.scale, target.zero_point)
    return mode is not Mode.ONNX and same


def _whole_zero_point(source: Tensor, target: Tensor, mode: Mode) -> int:
    """The output's zero point on the input's scale, in mode `onnx`; 0 where that is no integer."""
    scaled = target.zero_point * Fraction(float(target.scale)) / Fraction(float(source.scale))
    whole = scaled.denominator == 1 and abs(scaled) < LARGEST_ZERO_POINT
    return int(scaled) if mode is Mode.ONNX and whole else 0


def _reduce(by: np.ufunc, x: np.ndarray, window: Window, fill: int) -> np.ndarray:
    """Windows of `x` reduced tap by tap, which is fast because channels stay innermost."""
    windows = spread(x, window, fill)
    result = windows[..., 0, 0].copy()
    for tap in list(np.ndindex(*window.kernel))[1:]:
        by(result, windows[..., *tap], out=result)
    return result
