"""Boxes intersect, surround and contain each other as sets of points do."""

import itertools

import pytest

from intarsia.compiler.boxes import Box, split

BOXES = [
    Box(top, bottom, first, last)
    for (top, bottom), (first, last) in itertools.product([(0, 2), (1, 3), (2, 2)], repeat=2)
]


def points(box):
    return set(itertools.product(range(box.top, box.bottom), range(box.first, box.last)))


@pytest.mark.parametrize(("one", "other"), list(itertools.product(BOXES, repeat=2)))
def test_are_sets_of_points(one, other):
    assert points(one & other) == points(one) & points(other)
    assert (other in one) == (points(other) <= points(one))
    around = one | other
    assert points(one) | points(other) <= points(around)
    if one and other:
        assert (around.top, around.first) == (min(one.top, other.top), min(one.first, other.first))


def test_moves():
    assert Box(1, 2, 3, 4).shifted(10, -3) == Box(11, 12, 0, 1)


@pytest.mark.parametrize(("total", "parts"), [(7, 4), (3, 4), (0, 2), (12, 5), (9, 1)])
def test_split_is_even_and_complete(total, parts):
    ranges = split(total, parts)
    sizes = [stop - start for start, stop in ranges]
    assert [point for start, stop in ranges for point in range(start, stop)] == [*range(total)]
    assert len(sizes) == parts
    assert max(sizes) - min(sizes) <= 1
