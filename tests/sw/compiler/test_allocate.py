"""Buffers in use at the same time share no byte, slots none at all; banks are not exceeded."""

import itertools
import random

import pytest

from intarsia.compiler.allocate import ALIGNMENT, allocate
from intarsia.compiler.errors import MemoryShortageError
from intarsia.compiler.work import Access, Buffer, Work
from intarsia.isa.config import config
from intarsia.isa.instruction import ConvOp, Stream


def work(*buffers, write=False):
    accesses = tuple(Access(buffer, None, write) for buffer in buffers)
    return Work(Stream.CONV, ConvOp.CONV, 0, {}, accesses)


def scene(seed, count=40):
    rng = random.Random(seed)
    buffers = [Buffer(f"buffer {n}", rng.randint(1, 900)) for n in range(count)]
    works = []
    for start in range(count - 2):
        works.append(work(*rng.sample(buffers[start : start + 4], 2)))
    return works


def lives(works):
    found = {}
    for index, item in enumerate(works):
        for access in item.accesses:
            found.setdefault(access.buffer, []).append(index)
    return {buffer: (min(indices), max(indices)) for buffer, indices in found.items()}


@pytest.mark.parametrize("seed", range(20))
def test_nothing_meets(seed):
    works, chip = scene(seed), config("tiny")
    memory = allocate(0, 500, [], works, chip)
    for one, other in itertools.combinations(lives(works).items(), 2):
        (a, (a_first, a_last)), (b, (b_first, b_last)) = one, other
        if a_first <= b_last and b_first <= a_last:
            x, y = memory.places[a], memory.places[b]
            apart = x.offset + a.size <= y.offset or y.offset + b.size <= x.offset
            assert x.slot != y.slot or apart
    for buffer in lives(works):
        place = memory.places[buffer]
        assert place.offset + buffer.size <= memory.slots[place.slot].size
        assert place.slot != 0 or place.offset >= 500
    for bank in range(chip.macro_banks):
        assert sum(slot.size for slot in memory.slots if slot.bank == bank) <= chip.bank_bytes
    assert [slot.number for slot in memory.slots] == [*range(len(memory.slots))]
    assert all(slot.size % ALIGNMENT == 0 for slot in memory.slots)


def test_buffers_that_follow_one_another_take_no_more_room_than_they_need():
    rng = random.Random(8)
    sizes = [rng.choice([700, 1000, 1400, 2000, 2100, 2800]) for _ in range(24)]
    buffers = [Buffer(f"buffer {n}", size) for n, size in enumerate(sizes)]
    works = [work(*buffers[start : start + 7]) for start in range(18)]
    memory = allocate(0, 16, [], works, config("tiny"))
    assert {*buffers} <= {*memory.places}


def test_what_is_loaded_once_keeps_its_place():
    stays, *others = [Buffer(f"buffer {n}", 2000) for n in range(5)]
    works = [work(buffer) for buffer in (*others[:2], stays, *others[2:])]
    memory = allocate(0, 100, [work(stays, write=True)], works, config("tiny"))
    slot = memory.places[stays].slot
    assert all(memory.places[buffer].slot != slot for buffer in others)


def test_operands_of_an_instruction_lie_in_different_banks():
    buffers = [Buffer(name, 1000) for name in ("input", "weights", "output")]
    memory = allocate(0, 100, [], [work(*buffers)], config("tiny"))
    banks = {memory.slots[memory.places[buffer].slot].bank for buffer in buffers}
    assert len(banks) == 3


def test_banks_are_shared_where_there_is_no_other_room():
    buffers = [Buffer(f"buffer {n}", 1300) for n in range(11)]
    memory = allocate(0, 100, [], [work(*buffers)], config("tiny"))
    assert len({memory.places[buffer] for buffer in buffers}) == 11


def test_slots_are_no_more_than_a_context_has():
    chip = config("large")
    buffers = [Buffer(f"buffer {n}", 100) for n in range(3 * chip.slots)]
    memory = allocate(0, 100, [], [work(*buffers)], chip)
    assert len(memory.slots) == chip.slots
    assert len({memory.places[buffer] for buffer in buffers}) == len(buffers)


def test_names_a_buffer_that_no_bank_holds():
    large = Buffer("part of 'conv1' of chip 3", 5000)
    with pytest.raises(
        MemoryShortageError, match=r"'conv1' of chip 3 takes 5000 .*'tiny' has 4096"
    ):
        allocate(3, 100, [], [work(large)], config("tiny"))


def test_names_what_is_needed_at_once():
    buffers = [Buffer(f"buffer {n}", 4000) for n in range(5)]
    with pytest.raises(MemoryShortageError, match=r"Chip 2 needs 20100 bytes .*16384 in 4"):
        allocate(2, 100, [], [work(*buffers)], config("tiny"))
