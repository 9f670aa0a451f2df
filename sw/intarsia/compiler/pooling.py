"""Pools over several windows of what a convolution hands on: which ones, how, and whether it pays.

The vector engine keeps what it knows of windows that have begun; there is room for some of them.
It takes a cycle for each window that a vector is in, and at least one.
"""

import numpy as np

from intarsia.compiler import records
from intarsia.compiler.boxes import Box
from intarsia.compiler.costs import compute_cycles
from intarsia.compiler.windows import regions
from intarsia.compiler.workload import Workload
from intarsia.graph import AveragePool, Conv, MaxPool, Mode
from intarsia.graph.ops import Window
from intarsia.isa.config import ChipConfig
from intarsia.isa.elementwise import Windows

__all__ = ["is_hidden", "is_possible", "window_fields"]

#: The longest window, and the longest stride: what a field holds.
LONGEST = (1 << Windows.as_shape()["left"].width) - 1


def is_possible(
    workload: Workload, op: MaxPool | AveragePool, config: ChipConfig, mode: Mode
) -> bool:
    """Whether a chip can pool what a convolution hands on for `op`, or for any rows of it.

    Means must all be requantized in the same way. Those over windows that padding cuts off are
    not, unless it counts, and is zero.
    """
    source = workload.network.tensors[op.inputs[0]]
    target = workload.network.tensors[op.output]
    rows, columns, _ = target.shape
    window = op.window
    if (
        window.dilation != (1, 1)
        or max(*window.kernel, *window.stride) > LONGEST
        or any(pad >= span for pad, span in zip(window.padding[:2], window.kernel, strict=True))
        or _open(window, columns) > config.pool_entries
    ):
        return False
    if isinstance(op, MaxPool):
        return True
    cut = regions(window, source.shape, (0, rows), columns)
    first, *rest = (records.average_fields(op, region, source, target, mode) for region in cut)
    return all(fields == first for fields in rest)


def _open(window: Window, columns: int) -> int:
    """Windows, from the first that is not complete to the last that has begun, at most."""
    across = min(-(-window.kernel[1] // window.stride[1]), columns)
    return across if window.kernel[0] == 1 else -(-window.kernel[0] // window.stride[0]) * columns


def window_fields(window: Window, box: Box, columns: int, taken: Box, width: int) -> dict:
    """Fields of a chained pool that say where its windows are.

    Parameters
    ----------
    window : Window
    box : Box
        What is computed of the pool's output.
    columns : int
        Of that.
    taken : Box
        The part of the map that the convolution hands on.
    width : int
        Of the map.
    """
    above = taken.top - (box.top * window.stride[0] - window.padding[0])
    return dict(
        out_height=box.rows,
        out_width=columns,
        taps_y=taken.rows,
        taps_x=width,
        down=_axis(window.kernel[0], window.stride[0], above, box.rows),
        across=_axis(window.kernel[1], window.stride[1], window.padding[1], columns),
    )


def _axis(span: int, stride: int, before: int, count: int) -> dict[str, int]:
    """Windows along one axis, the first of which begins `before` the map."""
    return dict(
        begun=min(before // stride + 1, count),
        wait=stride - before % stride,
        left=span - before,
        stride=stride,
    )


def is_hidden(
    workload: Workload, conv: Conv, op: MaxPool | AveragePool, config: ChipConfig
) -> bool:
    """Whether the pool of a whole map takes no longer than the convolution that hands it on."""
    network = workload.network
    height, width, channels = network.tensors[op.inputs[0]].shape
    rows, columns, _ = network.tensors[op.output].shape
    window = op.window
    windows = np.outer(
        _inside(window.kernel[0], window.stride[0], window.padding[0], rows, height),
        _inside(window.kernel[1], window.stride[1], window.padding[1], columns, width),
    )
    blocks, groups = -(-channels // config.lanes), config.lanes // config.requant_lanes
    taps = int(np.maximum(windows, 1).sum())
    outgoing = height * width * blocks * groups
    computed = compute_cycles(conv, Box.whole((height, width, channels)), network, config)
    return max(taps, rows * columns * groups) * blocks <= max(computed, outgoing)


def _inside(span: int, stride: int, before: int, count: int, length: int) -> np.ndarray:
    """Windows that each row of a map is in."""
    starts = np.arange(count)[:, None] * stride - before
    rows = np.arange(length)
    return ((starts <= rows) & (rows < starts + span)).sum(axis=0)
