"""Padding rules of the model formats, brought to explicit padding that is just enough."""

import dataclasses
import math

from intarsia.graph.ops import Window
from intarsia.importer.errors import ModelError

__all__ = ["ceil_padded", "fitted", "pool_fitted", "same_padding", "spans"]


def same_padding(window: Window, height: int, width: int, *, extra_first: bool = False) -> Window:
    """`window` with the padding that makes the output ``ceil(length / stride)`` long.

    An odd element goes to the bottom and right, with `extra_first` to the top and left.
    """
    before, after = [], []
    for length, span, stride in zip((height, width), spans(window), window.stride, strict=True):
        total = max((math.ceil(length / stride) - 1) * stride + span - length, 0)
        first = (total + extra_first) // 2
        before.append(first)
        after.append(total - first)
    return dataclasses.replace(window, padding=(*before, *after))


def ceil_padded(window: Window, height: int, width: int) -> Window:
    """`window` with as much more padding at the bottom and right as ``ceil_mode`` needs.

    A last window that would start in the padding behind the map is dropped, as ONNX says.
    """
    after = list(window.padding[2:])
    sizes = zip((height, width), spans(window), window.stride, window.padding[:2], strict=True)
    for axis, (length, span, stride, first) in enumerate(sizes):
        steps = math.ceil((length + first + after[axis] - span) / stride)
        if steps * stride >= length + first:
            steps -= 1
        after[axis] = max(after[axis], steps * stride + span - first - length)
    return dataclasses.replace(window, padding=(*window.padding[:2], *after))


def fitted(window: Window, height: int, width: int, where: str) -> tuple[Window, tuple[int, int]]:
    """`window` without padding that no position of it reaches; and the size of the output."""
    size = window.output(height, width)
    if min(size) < 1:
        raise ModelError(
            f"{where}: a window of {window.kernel} does not fit a {height}x{width} map"
        )
    after = [
        min(pad, max(0, (count - 1) * stride + span - first - length))
        for pad, count, stride, span, first, length in zip(
            window.padding[2:],
            size,
            window.stride,
            spans(window),
            window.padding[:2],
            (height, width),
            strict=True,
        )
    ]
    return dataclasses.replace(window, padding=(*window.padding[:2], *after)), size


def pool_fitted(
    window: Window, height: int, width: int, where: str
) -> tuple[Window, tuple[int, int]]:
    """Like :func:`fitted`, but some of the map must be in every position of the window."""
    window, size = fitted(window, height, width, where)
    top, left, bottom, right = window.padding
    rows, columns = spans(window)
    if max(top, bottom) >= rows or max(left, right) >= columns:
        raise ModelError(f"{where}: padding {window.padding} is no less than the window")
    return window, size


def spans(window: Window) -> tuple[int, int]:
    """Rows and columns between the first and the last element of a window, both included."""
    (height, width), (down, right) = window.kernel, window.dilation
    return (height - 1) * down + 1, (width - 1) * right + 1
