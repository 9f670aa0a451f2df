"""Convolutions of any kind."""

import numpy as np

from intarsia.golden.requantize import (
    Requantization,
    double_integers,
    fp32_integers,
    requantize,
)
from intarsia.golden.windows import spread
from intarsia.graph import Conv, Mode, Tensor
from intarsia.isa.numerics import Rounding

__all__ = ["accumulate", "convolve", "requantization"]

#: Values of unfolded windows that are held at a time.
CHUNK = 1 << 23


def convolve(op: Conv, x: np.ndarray, source: Tensor, target: Tensor, mode: Mode) -> np.ndarray:
    """Output of `op`: int8, ``(batch, height, width, channels)`` like `x`."""
    by = requantization(op, source, target, mode)
    return requantize(accumulate(op, x, source.zero_point), by)


def requantization(op: Conv, source: Tensor, target: Tensor, mode: Mode) -> Requantization:
    """Integers that the accumulators of `op` are requantized with, one pair per output channel."""
    if mode is Mode.TFLITE:
        scales = np.float64(source.scale) * op.weight_scales.astype(np.float64)
        rounding, integers = Rounding.DOUBLE, double_integers(scales / np.float64(target.scale))
    else:
        with np.errstate(over="ignore"):
            scales = np.float32(source.scale) * op.weight_scales.astype(np.float32)
            rounding, integers = Rounding.FP32, fp32_integers(scales / np.float32(target.scale))
    return Requantization(rounding, *integers, target.zero_point, op.low, op.high)


def accumulate(op: Conv, x: np.ndarray, zero_point: int) -> np.ndarray:
    """Accumulators of `op`, bias included; they wrap as int32 do.

    Parameters
    ----------
    op : Conv
        Operator, for its window, weights and bias.
    x : numpy.ndarray
        int8, ``(batch, height, width, channels)``.
    zero_point : int
        Of the input.

    Returns
    -------
    numpy.ndarray
        int32, ``(batch, output height, output width, output channels)``.
    """
    height, width = op.window.output(*x.shape[1:3])
    channels, *kernel, depth = op.weights.shape
    per_image = height * width * op.groups * depth * kernel[0] * kernel[1]
    step = max(1, CHUNK // per_image)
    factors = op.weights.reshape(op.groups, channels // op.groups, -1).transpose(0, 2, 1)
    # No partial sum of a product exceeds this, so that a float holds all of them exactly.
    bound = np.abs(op.weights.astype(np.int64)).sum(axis=(1, 2, 3)).max() * 255
    exact = np.float32 if bound < 1 << 24 else np.float64
    parts = [
        _unfold(x[start : start + step].astype(exact) - exact(zero_point), op)
        @ factors.astype(exact)
        for start in range(0, len(x), step)
    ]
    # (group, position, channel of the group) to (position, channel)
    sums = np.concatenate(parts, axis=1).transpose(1, 0, 2)
    acc = sums.reshape(len(x), height, width, channels).astype(np.int64) + op.bias
    return acc.astype(np.int32)


def _unfold(x: np.ndarray, op: Conv) -> np.ndarray:
    """Windows as rows of a matrix per group: ``(groups, positions, kernel * channels)``."""
    windows = spread(x, op.window, 0)
    batch, height, width, channels, *kernel = windows.shape
    grouped = windows.reshape(batch, height, width, op.groups, channels // op.groups, *kernel)
    ordered = grouped.transpose(3, 0, 1, 2, 5, 6, 4)
    return ordered.reshape(op.groups, batch * height * width, -1)
