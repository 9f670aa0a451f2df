"""Every cycle of an inference is booked, on the layer that it was spent for."""

import random

import numpy as np
import pytest

from intarsia.isa.counters import ACTIVITIES, Activity
from intarsia.isa.instruction import Stream
from intarsia.runtime.stalls import Ledger, Stall, stalls

LAYERS = 3
NONE = LAYERS
BUSY, OPERANDS, IDLE = Activity.BUSY.value, Activity.OPERANDS.value, Activity.IDLE.value


class Chip:
    """A chip that says what its streams do, cycle by cycle."""

    def __init__(self):
        self.cycle = 0
        self.counts = np.zeros((len(Stream), ACTIVITIES), np.int64)
        self.marks = {}
        self.events = []

    def spend(self, cycles, **doing):
        """Let cycles pass; streams that are not named are idle."""
        for _ in range(cycles):
            self.marks[self.cycle] = self.counts.copy()
            for stream in Stream:
                self.counts[stream.value, doing.get(stream.name.lower(), IDLE)] += 1
            self.cycle += 1
        self.marks[self.cycle] = self.counts.copy()

    def report(self, stream, layer=None):
        """An instruction of a layer begins, or ends."""
        before = self.counts[stream.value].tolist()
        self.events.append((self.cycle, stream.value, 0, layer or 0, layer is None, before))

    def book(self, ledger, begin, end):
        found = ledger.book([self.events], end, self.marks[begin][None], self.marks[end][None])
        self.events = []
        assert (found.sum(axis=2) == self.marks[end] - self.marks[begin]).all()
        return found[0]


@pytest.fixture
def chip():
    return Chip()


@pytest.fixture
def ledger():
    return Ledger(1, LAYERS)


def conv(booked, layer):
    """What the convolution engine did for a layer: busy, waiting for operands, idle."""
    return tuple(booked[Stream.CONV.value, layer, (BUSY, OPERANDS, IDLE)])


def test_waiting_is_for_what_comes_next(chip, ledger):
    chip.spend(10)
    chip.spend(5, conv=OPERANDS)
    chip.report(Stream.CONV, 1)
    chip.spend(20, conv=BUSY)
    chip.report(Stream.CONV)
    chip.spend(7, conv=OPERANDS)
    chip.report(Stream.CONV, 2)
    chip.spend(3, conv=BUSY)
    chip.report(Stream.CONV)
    chip.spend(4)
    booked = chip.book(ledger, 2, 48)
    assert conv(booked, 1) == (20, 5, 8)
    assert conv(booked, 2) == (3, 7, 0)
    assert conv(booked, NONE) == (0, 0, 3)


def test_streams_do_not_mix(chip, ledger):
    chip.report(Stream.CONV, 1)
    chip.spend(4, conv=BUSY)
    chip.report(Stream.VECTOR, 2)
    chip.spend(6, conv=BUSY, vector=BUSY)
    chip.report(Stream.CONV)
    chip.report(Stream.VECTOR)
    booked = chip.book(ledger, 0, 10)
    assert conv(booked, 1) == (10, 0, 0)
    assert booked[Stream.VECTOR.value, 2, BUSY] == 6
    assert booked[Stream.VECTOR.value, 2, IDLE] == 4


def test_inferences_share_what_runs_across_their_border(chip, ledger):
    chip.report(Stream.CONV, 1)
    chip.spend(10, conv=BUSY)
    assert conv(chip.book(ledger, 0, 4), 1) == (4, 0, 0)
    chip.spend(5, conv=BUSY)
    chip.report(Stream.CONV)
    chip.spend(5, conv=OPERANDS)
    booked = chip.book(ledger, 6, 20)
    assert conv(booked, 1) == (9, 0, 0)
    assert conv(booked, NONE) == (0, 5, 0)


def test_waiting_for_the_next_inference_is_for_no_layer(chip, ledger):
    """Even if what ends it is seen in time."""
    chip.spend(8, conv=OPERANDS)
    chip.report(Stream.CONV, 0)
    chip.spend(2, conv=BUSY)
    assert conv(chip.book(ledger, 0, 6), NONE) == (0, 6, 0)
    chip.report(Stream.CONV)
    assert conv(chip.book(ledger, 7, 10), 0) == (2, 1, 0)


def test_what_happened_before_an_inference_is_left_out(chip, ledger):
    for layer in range(LAYERS):
        chip.report(Stream.CONV, layer)
        chip.spend(5, conv=BUSY)
        chip.report(Stream.CONV)
    chip.spend(3)
    assert conv(chip.book(ledger, 7, 18), 0) == (0, 0, 0)


def test_stalls_are_what_took_cycles(chip, ledger):
    chip.report(Stream.CONV, 1)
    chip.spend(3, conv=BUSY)
    booked = ledger.book([chip.events], 3, chip.marks[0][None], chip.counts[None])
    cycles = [0] * ACTIVITIES
    cycles[BUSY] = 3
    found = stalls(booked)
    assert Stall(0, Stream.CONV, 1, tuple(cycles)) in found
    assert len(found) == len(Stream)
    assert {stall.layer for stall in found if stall.stream is not Stream.CONV} == {None}
    conv_stall = next(stall for stall in found if stall.layer == 1)
    assert (conv_stall.at(Activity.BUSY), conv_stall.total) == (3, 3)


@pytest.mark.parametrize("seed", range(10))
def test_random_work_cycle_by_cycle(seed, chip, ledger):
    rng = random.Random(seed)
    spent_for = []  # Of each cycle: the layer of the instruction that ends next.
    border = []
    for _ in range(3):
        border.append(chip.cycle)
        for _ in range(rng.randint(1, 5)):
            layer = rng.randrange(LAYERS)
            begin = chip.cycle
            chip.spend(rng.randint(1, 6), conv=rng.randrange(ACTIVITIES))
            chip.report(Stream.CONV, layer)
            chip.spend(rng.randint(1, 9), conv=rng.randrange(ACTIVITIES))
            chip.report(Stream.CONV)
            spent_for += [layer] * (chip.cycle - begin)
        begin = chip.cycle
        chip.spend(rng.randint(0, 4), conv=rng.randrange(ACTIVITIES))
        spent_for += [NONE] * (chip.cycle - begin)
        found = chip.book(ledger, border[-1], chip.cycle)
        cycles = np.bincount(spent_for[border[-1] :], minlength=LAYERS + 1)
        assert (found[Stream.CONV.value].sum(axis=1) == cycles).all()
