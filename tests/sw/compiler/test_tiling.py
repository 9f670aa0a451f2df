"""Segments cover all operators in order, and take no more memory than they may."""

import random

import pytest

from intarsia.compiler.errors import MemoryShortageError
from intarsia.compiler.estimates import Room
from intarsia.compiler.tiling import tile
from intarsia.compiler.workload import Workload
from intarsia.graph import Conv
from intarsia.graph.ops import Window
from intarsia.isa.config import config
from tests.sw.compiler.networks import Builder, made_up

CHIP = config("tiny")


def chain(rows=24):
    """Two convolutions over a map of which a chip of configuration `tiny` can't hold half."""
    builder = Builder(5, (rows, 24, 16))
    window = Window(kernel=(3, 3), padding=(1, 1, 1, 1))
    middle = builder.conv("input", window, 16, groups=1)
    return builder.network([builder.conv(middle, window, 8, groups=1)])


def block():
    """A block as MobileNetV2 has them, with maps as large as a macro-bank of `tiny`, and more."""
    builder = Builder(8, (40, 12, 12))
    wide = builder.conv("input", Window(kernel=(1, 1)), 24, groups=1)
    wide = builder.conv(wide, Window(kernel=(3, 3), padding=(1, 1, 1, 1)), 24, groups=24)
    narrow = builder.conv(wide, Window(kernel=(1, 1)), 12, groups=1)
    return builder.network([builder.pool(builder.sum(narrow, "input"))])


@pytest.mark.parametrize("seed", range(20))
def test_every_operator_is_in_one_segment(seed):
    workload = Workload.of(made_up(seed, random.Random(seed).randint(1, 8)))
    segments = tile(workload, CHIP, Room(CHIP.memory_bytes, 1000, 1000)).segments
    covered = [at for segment in segments for at in range(segment.first, segment.last)]
    assert covered == [*range(len(workload.ops))]


def test_what_fits_stays_in_the_chip_with_all_weights():
    workload = Workload.of(made_up(3, 4))
    tiling = tile(workload, config("large"), Room(1 << 20, 1 << 17, 1 << 16))
    crossing = {
        root
        for segment in tiling.segments
        for root in tiling.spans.crossing(segment.first, segment.last)
    }
    assert crossing <= tiling.resident
    kept = set().union(*(segment.kept for segment in tiling.segments))
    assert kept == {at for at, (_, op) in enumerate(workload.ops) if isinstance(op, Conv)}


def test_less_room_makes_more_stripes():
    workload, found = Workload.of(chain()), []
    for size in (40_000, 12_000, 9_000):
        segments = tile(workload, CHIP, Room(size, 0, 2_000)).segments
        found.append(max(segment.stripes for segment in segments))
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_short_programs_take_fewer_stripes_or_segments():
    def instructions(price):
        segments = tile(Workload.of(block()), CHIP, Room(12_000, 0, 1_000, price)).segments
        return sum(segment.stripes * (segment.last - segment.first) for segment in segments)

    assert instructions(5_000) < instructions(0)


def test_maps_stay_only_where_they_may():
    workload = Workload.of(chain(12))
    assert not tile(workload, CHIP, Room(12_000, 0, 1_000)).resident
    for root in tile(workload, CHIP, Room(12_000, 4_000, 1_000)).resident:
        assert workload.network.tensors[root].size <= 4_000


def test_refuses_what_does_not_fit_row_by_row():
    with pytest.raises(MemoryShortageError, match=r"'conv0' does not fit into .* 'tiny' even"):
        tile(Workload.of(chain()), CHIP, Room(3_000, 0, 1_000))
