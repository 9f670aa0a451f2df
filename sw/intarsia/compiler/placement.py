"""Places for what plans leave open: bases of slots, and of fragments at other nodes."""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intarsia.compiler.allocate import ALIGNMENT
from intarsia.compiler.plan import ChipHolder, ChipPlan, NodeHolder, Plan, Slot
from intarsia.isa.address import PROGRAM_SLOT
from intarsia.isa.config import ChipConfig

__all__ = ["Placement", "place", "room"]


@dataclass(frozen=True)
class Placement:
    """Addresses.

    Members
    -------
    slots : tuple of tuple of int
        For each chip, the base of each slot.
    fragments : tuple of int
        For each fragment, the address of its first byte at its node.
    """

    slots: tuple[tuple[int, ...], ...]
    fragments: tuple[int, ...]


def place(plan: Plan, rng: random.Random | None = None) -> Placement:
    """Places for all slots and fragments of `plan`.

    Parameters
    ----------
    plan : Plan
        What is to be placed.
    rng : random.Random or None
        Where given, every place is random: which macro-banks, in which order, with which gaps.
        Otherwise everything lies as low as it can.
    """
    slots = tuple(_place_slots(chip, plan.config, rng) for chip in plan.chips)
    bases = [0] * len(plan.fragments)
    for holder in NodeHolder:
        numbers = [number for number, item in enumerate(plan.fragments) if item.holder is holder]
        for number, base in _place_fragments(plan, numbers, rng):
            bases[number] = base
    for number, fragment in enumerate(plan.fragments):
        if isinstance(fragment.holder, ChipHolder):
            held = fragment.holder
            bases[number] = slots[held.chip][held.slot] + held.offset
    return Placement(slots, tuple(bases))


def room(plan: Plan, placement: Placement, chip: int) -> list[tuple[int, int]]:
    """First byte, and the one behind the last, of each part of a chip that no slot takes.

    Parts lie in one macro-bank each; they are in ascending order.
    """
    bases = placement.slots[chip]
    taken = [
        (bases[slot.number], bases[slot.number] + slot.size) for slot in plan.chips[chip].slots
    ]
    size, found = plan.config.bank_bytes, []
    for start in range(0, plan.config.memory_bytes, size):
        cuts = sorted(each for each in taken if start <= each[0] < start + size)
        edges = [start, *itertools.chain.from_iterable(cuts), start + size]
        found += [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
    return found


def _place_slots(chip: ChipPlan, config: ChipConfig, rng: random.Random | None) -> tuple[int, ...]:
    bases = [0] * len(chip.slots)
    banks = list(range(config.macro_banks))
    if rng is not None:
        rng.shuffle(banks)
    for bank, physical in enumerate(banks):
        slots = [slot for slot in chip.slots if slot.bank == bank]
        free = config.bank_bytes - sum(slot.size for slot in slots)
        cursor = physical * config.bank_bytes
        for slot, gap in zip(_ordered(slots, rng), _gaps(len(slots), free, rng), strict=True):
            cursor += gap - gap % ALIGNMENT if slot.number == PROGRAM_SLOT else gap
            bases[slot.number] = cursor
            cursor += slot.size
    return tuple(bases)


def _ordered(slots: list[Slot], rng: random.Random | None) -> list[Slot]:
    """`slots` in any order, but the program's, which must be aligned, first."""
    if rng is not None:
        rng.shuffle(slots)
    return sorted(slots, key=lambda slot: slot.number != PROGRAM_SLOT)


def _gaps(count: int, free: int, rng: random.Random | None) -> list[int]:
    """Bytes left out before each of `count` things, at most `free` in all."""
    if rng is None:
        return [0] * count
    cuts = sorted(rng.randint(0, free) for _ in range(count))
    return [after - before for before, after in itertools.pairwise([0, *cuts])]


def _place_fragments(
    plan: Plan, numbers: Sequence[int], rng: random.Random | None
) -> Iterator[tuple[int, int]]:
    order = list(numbers)
    free = sum(plan.fragments[number].size for number in order)
    if rng is not None:
        rng.shuffle(order)
    cursor = 0
    for number, gap in zip(order, _gaps(len(order), free, rng), strict=True):
        cursor += gap if rng is not None else -cursor % ALIGNMENT
        yield number, cursor
        cursor += plan.fragments[number].size
