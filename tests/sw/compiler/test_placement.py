"""Every placement is legal: slots apart and in one macro-bank each, fragments apart."""

import itertools
import random

import pytest

from intarsia.compiler import NodeHolder, compile_network, place
from intarsia.compiler.placement import room
from intarsia.graph import Mode
from intarsia.isa.config import config
from tests.sw.compiler.networks import made_up


@pytest.fixture(scope="module")
def plan():
    return compile_network(made_up(8, 8), config=config("ecp5-85k"), chips=3, mode=Mode.ONNX)


def ranges_meet(ranges):
    return any(a < d and c < b for (a, b), (c, d) in itertools.combinations(ranges, 2))


@pytest.mark.parametrize("seed", [None, *range(20)])
def test_is_legal(plan, seed):
    placed = place(plan, None if seed is None else random.Random(seed))
    bank = plan.config.bank_bytes
    for chip, bases in zip(plan.chips, placed.slots, strict=True):
        slots = [(base, base + slot.size) for base, slot in zip(bases, chip.slots, strict=True)]
        assert not ranges_meet(slots)
        assert all(start // bank == (stop - 1) // bank for start, stop in slots)
        assert bases[0] % 16 == 0
        assert max(stop for _, stop in slots) <= plan.config.memory_bytes
    for holder in NodeHolder:
        fragments = [
            (base, base + fragment.size)
            for base, fragment in zip(placed.fragments, plan.fragments, strict=True)
            if fragment.holder is holder
        ]
        assert not ranges_meet(fragments)


def test_random_places_are_elsewhere(plan):
    places = [place(plan, random.Random(seed)) for seed in range(5)]
    for chip in range(3):
        assert len({placed.slots[chip] for placed in places}) == 5
    assert len({placed.fragments for placed in places}) == 5


def test_is_deterministic(plan):
    assert place(plan) == place(plan)
    assert place(plan, random.Random(1)) == place(plan, random.Random(1))


@pytest.mark.parametrize("seed", [None, 3, 4])
def test_room_is_what_no_slot_takes(seed):
    """Every byte of a chip is either a slot's or in one part of the room, within a macro-bank."""
    plan = compile_network(made_up(1, 6), config=config("tiny"), chips=3, mode=Mode.ONNX)
    placement = place(plan, None if seed is None else random.Random(seed))
    for chip, held in enumerate(plan.chips):
        uses = [0] * plan.config.memory_bytes
        parts = room(plan, placement, chip)
        assert parts == sorted(parts) and parts
        for start, stop in parts:
            assert start // plan.config.bank_bytes == (stop - 1) // plan.config.bank_bytes
        slots = [(placement.slots[chip][slot.number], slot.size) for slot in held.slots]
        for start, size in [*slots, *((start, stop - start) for start, stop in parts)]:
            for byte in range(start, start + size):
                uses[byte] += 1
        assert set(uses) == {1}
