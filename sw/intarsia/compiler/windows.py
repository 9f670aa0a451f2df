"""Geometry of convolutions and pools for the part of a map that a chip holds."""

from collections.abc import Iterator
from dataclasses import dataclass

from intarsia.compiler.boxes import Box
from intarsia.compiler.kernels import Job
from intarsia.compiler.needs import window_rows
from intarsia.compiler.storage import Grid
from intarsia.graph.ops import Window

__all__ = ["Region", "conv_geometry", "conv_run", "regions"]


def conv_run(window: Window, job: Job, pixel_step: int) -> dict[str, int]:
    """Fields of a convolution descriptor that follow from how rows of the window are cut."""
    tap_step = window.dilation[1] * pixel_step
    if job.dense:
        return dict(x_taps=1, run=window.kernel[1] * job.depth, tap_step=tap_step)
    return dict(x_taps=window.kernel[1], run=1 if job.depthwise else job.depth, tap_step=tap_step)


def conv_geometry(
    window: Window, shape: tuple[int, int, int], box: Box, source: Grid, first: int
) -> dict[str, int]:
    """Fields of a convolution descriptor that follow from the place of windows in the map.

    Only true borders are padded: inner edges of the part that the chip holds are not.

    Parameters
    ----------
    window : Window
        Of the convolution.
    shape : (int, int, int)
        The whole input map.
    box : Box
        Part of the output to compute.
    source : Grid
        Where the first of the input rows that `box` needs is, and channel 0 of its first pixel.
    first : int
        First input channel of the window, counted from there.

    Returns
    -------
    dict of str to int
        ``row_bytes`` is that of the pixels, from channel 0 of the first to the end of the last.
    """
    top, bottom = window_rows(window, box, shape[0])
    pad_top = top - (box.top * window.stride[0] - window.padding[0])
    pad_left = window.padding[1] * source.pixel_step - first
    return dict(
        in_height=bottom - top,
        row_taps=window.kernel[0],
        row_bytes=shape[1] * source.pixel_step,
        row_step=window.stride[0] * source.row_step,
        stride_y=window.stride[0],
        tap_row_step=window.dilation[0] * source.row_step,
        dilation_y=window.dilation[0],
        pixel_step=window.stride[1] * source.pixel_step,
        pad_top=pad_top,
        pad_left=pad_left,
        origin=-(pad_top * source.row_step + pad_left),
    )


@dataclass(frozen=True)
class Region:
    """Windows of one size, none of which leaves its map.

    Members
    -------
    top, rows, left, columns : int
        The part of the output.
    first_row, first_column : int
        Of the map, under the first window.
    taps_y, taps_x : int
        Size of the window, less what would be padding.
    """

    top: int
    rows: int
    left: int
    columns: int
    first_row: int
    first_column: int
    taps_y: int
    taps_x: int

    @property
    def taps(self) -> int:
        """Values under a window."""
        return self.taps_y * self.taps_x


def regions(
    window: Window, shape: tuple[int, int, int], rows: tuple[int, int], columns: int
) -> Iterator[Region]:
    """Cuts `rows` of a pool's output into regions.

    Parameters
    ----------
    window : Window
        Of the pool.
    shape : (int, int, int)
        The whole input map.
    rows : (int, int)
        First row of output, and the one after the last.
    columns : int
        Columns of output.
    """
    vertical = list(_strips(window, 0, shape[0], *rows))
    horizontal = list(_strips(window, 1, shape[1], 0, columns))
    for top, height, first_row, taps_y in vertical:
        for left, width, first_column, taps_x in horizontal:
            yield Region(top, height, left, width, first_row, first_column, taps_y, taps_x)


def _strips(
    window: Window, axis: int, length: int, start: int, stop: int
) -> Iterator[tuple[int, int, int, int]]:
    """Along one axis: first output, number of outputs, first input, taps."""
    stride, dilation = window.stride[axis], window.dilation[axis]
    taps = []
    for position in range(start, stop):
        origin = position * stride - window.padding[axis]
        inside = [
            tap for tap in range(window.kernel[axis]) if 0 <= origin + tap * dilation < length
        ]
        taps.append((inside[0], inside[-1] + 1))
    first = start
    for position in range(start, stop):
        if position + 1 == stop or taps[position + 1 - start] != taps[first - start]:
            low, high = taps[first - start]
            origin = first * stride - window.padding[axis] + low * dilation
            yield first, position + 1 - first, origin, high - low
            first = position + 1
