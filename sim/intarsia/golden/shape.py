"""Operators that move bytes and compute nothing."""

import numpy as np

from intarsia.golden.requantize import ScaleError
from intarsia.graph import Concat, Pad, Reshape, Tensor

__all__ = ["concat", "pad", "reshape"]


def concat(
    op: Concat, x: tuple[np.ndarray, ...], sources: tuple[Tensor, ...], target: Tensor
) -> np.ndarray:
    """Inputs joined along an axis.

    Raises
    ------
    :exc:`ScaleError`
        If an input has not the output's scale and zero point.
    """
    for source in sources:
        if (source.scale, source.zero_point) != (target.scale, target.zero_point):
            raise ScaleError(
                f"Concat {op.name!r}: input {source.name!r} has not the scale and zero point of "
                f"{target.name!r}; requantize it first"
            )
    return np.concatenate(x, axis=op.axis - 3)


def pad(op: Pad, x: np.ndarray, source: Tensor) -> np.ndarray:
    """Zero points around a map."""
    top, left, bottom, right = op.padding
    widths = [(0, 0), (top, bottom), (left, right), (0, 0)]
    return np.pad(x, widths, constant_values=source.zero_point)


def reshape(_: Reshape, x: np.ndarray, target: Tensor) -> np.ndarray:
    """The same bytes in another shape."""
    return x.reshape(len(x), *target.shape)
