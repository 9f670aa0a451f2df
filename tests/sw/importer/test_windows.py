"""Padding rules give just enough padding, compared with windows that are counted out."""

import math

import pytest

from intarsia.graph.ops import Window
from intarsia.importer import ModelError
from intarsia.importer.windows import ceil_padded, fitted, pool_fitted, same_padding, spans

SIZES = [
    (length, kernel, stride, dilation)
    for length in range(1, 12)
    for kernel in range(1, 5)
    for stride in (1, 2, 3)
    for dilation in (1, 2)
]


def window(kernel, stride, dilation, padding=(0, 0, 0, 0)):
    return Window(kernel=(kernel, 1), stride=(stride, 1), dilation=(dilation, 1), padding=padding)


@pytest.mark.parametrize("first", [False, True], ids=["upper", "lower"])
def test_same_padding(first):
    for length, kernel, stride, dilation in SIZES:
        padded = same_padding(window(kernel, stride, dilation), length, 1, extra_first=first)
        top, left, bottom, right = padded.padding
        assert padded.output(length, 1)[0] == math.ceil(length / stride)
        assert 0 <= (top - bottom if first else bottom - top) <= 1
        assert left == right == 0


def test_fitted_padding_is_what_the_last_window_reaches():
    for length, kernel, stride, dilation in SIZES:
        loose = window(kernel, stride, dilation, (1, 0, 4, 0))
        if loose.output(length, 1)[0] < 1:
            continue
        tight, (height, _) = fitted(loose, length, 1, "test")
        assert tight.output(length, 1) == loose.output(length, 1)
        end = (height - 1) * stride + spans(loose)[0] - 1  # of the last window, in the map
        assert tight.padding[2] == max(0, end - length)


def test_ceil_mode_counts_every_window_that_starts_before_the_end():
    for length, kernel, stride, dilation in SIZES:
        for first in (0, 1):
            floor = window(kernel, stride, dilation, (first, 0, 1, 0))
            if floor.output(length, 1)[0] < 1 or first >= spans(floor)[0]:
                continue
            ceil = ceil_padded(floor, length, 1).output(length, 1)[0]
            total = length + first + 1 - spans(floor)[0]
            expected = math.ceil(total / stride) + 1
            if (expected - 1) * stride >= length + first:
                expected -= 1
            assert ceil == max(expected, floor.output(length, 1)[0])


def test_a_window_that_does_not_fit():
    with pytest.raises(ModelError, match=r"here: a window of \(3, 1\) does not fit a 2x1 map"):
        fitted(window(3, 1, 1), 2, 1, "here")


def test_a_pool_with_a_position_outside_the_map():
    with pytest.raises(ModelError, match=r"here: padding .* is no less than the window"):
        pool_fitted(window(2, 1, 1, (2, 0, 0, 0)), 5, 1, "here")
