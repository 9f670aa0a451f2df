"""Regions cover a pool's output once, with windows that are exactly what lies in the map."""

import random

import pytest

from intarsia.compiler.boxes import Box
from intarsia.compiler.needs import window_rows
from intarsia.compiler.storage import Grid
from intarsia.compiler.windows import conv_geometry, regions
from intarsia.graph.ops import Window


def window_of(seed):
    rng = random.Random(seed)
    kernel = rng.randint(1, 5), rng.randint(1, 5)
    padding = tuple(rng.randint(0, kernel[side % 2] - 1) for side in range(4))
    window = Window(
        kernel=kernel,
        stride=(rng.randint(1, 3), rng.randint(1, 3)),
        dilation=(rng.randint(1, 2), rng.randint(1, 2)),
        padding=padding,
    )
    return window, (rng.randint(9, 14), rng.randint(9, 14), 1)


def under(window, axis, position, length):
    """What of the map lies under one window, along one axis."""
    start = position * window.stride[axis] - window.padding[axis]
    taps = (start + tap * window.dilation[axis] for tap in range(window.kernel[axis]))
    return [tap for tap in taps if 0 <= tap < length]


@pytest.mark.parametrize("seed", range(30))
def test_regions(seed):
    window, shape = window_of(seed)
    height, width = window.output(*shape[:2])
    rows = seed % 3, height - seed % 2
    seen = []
    for region in regions(window, shape, rows, width):
        for oy in range(region.rows):
            first = region.first_row + oy * window.stride[0]
            taps = [first + tap * window.dilation[0] for tap in range(region.taps_y)]
            assert taps == under(window, 0, region.top + oy, shape[0])
        for ox in range(region.columns):
            first = region.first_column + ox * window.stride[1]
            taps = [first + tap * window.dilation[1] for tap in range(region.taps_x)]
            assert taps == under(window, 1, region.left + ox, shape[1])
        seen += [
            (region.top + oy, region.left + ox)
            for oy in range(region.rows)
            for ox in range(region.columns)
        ]
    assert sorted(seen) == [(oy, ox) for oy in range(*rows) for ox in range(width)]


@pytest.mark.parametrize("seed", range(30))
def test_only_true_borders_are_padded(seed):
    window, shape = window_of(seed)
    height, _ = window.output(*shape[:2])
    rng = random.Random(seed)
    top = rng.randrange(height)
    box = Box(top, rng.randint(top + 1, height), 0, 1)
    first, stop = window_rows(window, box, shape[0])
    fields = conv_geometry(window, shape, box, Grid(0, shape[1], 1), 0)
    for oy in range(box.rows):
        stored = [
            oy * fields["stride_y"] - fields["pad_top"] + ky * fields["dilation_y"]
            for ky in range(fields["row_taps"])
        ]
        inside = [first + row for row in stored if 0 <= row < fields["in_height"]]
        assert inside == under(window, 0, box.top + oy, shape[0])
    assert stop - first == fields["in_height"] >= 1
