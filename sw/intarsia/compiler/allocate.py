"""Places for buffers: a bank and an offset, so that buffers in use at the same time don't meet.

A bank here is any macro-bank: which one, placement decides.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intarsia.compiler.errors import MemoryShortageError
from intarsia.compiler.plan import Slot
from intarsia.compiler.work import Buffer, Work
from intarsia.isa.address import PROGRAM_SLOT
from intarsia.isa.config import ChipConfig

__all__ = ["ALIGNMENT", "Allocation", "Place", "allocate"]

#: Buffers begin at multiples of this, so that units of a program do.
ALIGNMENT = 16


@dataclass(frozen=True)
class Place:
    """Where a buffer is: slot, and bytes from its start."""

    slot: int
    offset: int


@dataclass(frozen=True)
class Allocation:
    """Memory of one chip.

    Members
    -------
    slots : tuple of Slot
        Slot 0 is the program's.
    places : dict of Buffer to Place
    """

    slots: tuple[Slot, ...]
    places: dict[Buffer, Place]


@dataclass(frozen=True)
class _Span:
    """A buffer that has been given bytes `start` to `stop` - 1 of a bank."""

    buffer: Buffer
    start: int
    stop: int


def allocate(
    chip: int,
    program_bytes: int,
    prologue: Sequence[Work],
    works: Sequence[Work],
    config: ChipConfig,
) -> Allocation:
    """Places for all buffers of a chip, largest first; if that fails, in order of their use.

    Buffers that one instruction reads lie in different banks where there is room. What it writes
    may lie in one of those: banks read and write at the same time.

    Raises
    ------
    :exc:`MemoryShortageError`
        If there is no room.
    """
    lives = _lifetimes(prologue, works)
    program = Buffer(f"program of chip {chip}", program_bytes, resident=True)
    for buffer in (program, *lives):
        if buffer.size > config.bank_bytes:
            raise MemoryShortageError(
                f"{buffer.name} takes {buffer.size} bytes; a macro-bank of configuration "
                f"{config.name!r} has {config.bank_bytes}: use more chips or a larger one"
            )
    lives[program] = (-1, len(works))
    largest = sorted(lives, key=lambda buffer: (buffer is not program, -buffer.size))
    earliest = sorted(lives, key=lambda buffer: (buffer is not program, lives[buffer][0]))
    rivals = _rivals(works)
    for order, near in itertools.product((largest, earliest), (rivals, {})):
        banks = _pack(order, lives, near, config)
        if banks is not None:
            return _sliced(program, banks, config)
    raise MemoryShortageError(
        f"Chip {chip} needs {_peak(lives, works)} bytes at once, and configuration "
        f"{config.name!r} has {config.memory_bytes} in {config.macro_banks} macro-banks: use more "
        "chips or a larger one"
    )


def _lifetimes(prologue: Sequence[Work], works: Sequence[Work]) -> dict[Buffer, tuple[int, int]]:
    """First and last instruction that use each buffer."""
    lives: dict[Buffer, tuple[int, int]] = {}
    for work in prologue:
        for access in work.accesses:
            lives[access.buffer] = (-1, len(works))
    for index, work in enumerate(works):
        for access in work.used:
            first, last = lives.get(access.buffer, (index, index))
            lives[access.buffer] = (first, max(last, index))
        for buffer in work.holds:
            lives[buffer] = (lives[buffer][0], index)
    return lives


def _rivals(works: Sequence[Work]) -> dict[Buffer, dict[Buffer, int]]:
    """For each buffer, those that are read by the same instructions, and how often."""
    rivals: dict[Buffer, dict[Buffer, int]] = defaultdict(lambda: defaultdict(int))
    for work in works:
        buffers = dict.fromkeys(access.buffer for access in work.used if not access.write)
        for one in buffers:
            for other in buffers:
                if one is not other:
                    rivals[one][other] += 1
    return rivals


def _pack(
    order: Sequence[Buffer],
    lives: Mapping[Buffer, tuple[int, int]],
    rivals: Mapping[Buffer, Mapping[Buffer, int]],
    config: ChipConfig,
) -> list[list[_Span]] | None:
    banks: list[list[_Span]] = [[] for _ in range(config.macro_banks)]
    for buffer in order:
        options = []
        for number, bank in enumerate(banks):
            start = _gap(buffer, bank, lives)
            stop = start + -(-buffer.size // ALIGNMENT) * ALIGNMENT
            if stop > config.bank_bytes:
                continue
            near = rivals.get(buffer, {})
            conflict = sum(near.get(span.buffer, 0) for span in bank)
            top = max((span.stop for span in bank), default=0)
            options.append((
                conflict,
                max(top, stop) - top,
                top,
                number,
                _Span(buffer, start, stop),
            ))
        if not options:
            return None
        *_, number, span = min(options, key=lambda option: option[:4])
        banks[number].append(span)
    return banks


def _gap(buffer: Buffer, bank: Sequence[_Span], lives: Mapping[Buffer, tuple[int, int]]) -> int:
    """First place in `bank` that nobody needs while `buffer` does."""
    first, last = lives[buffer]
    start = 0
    for span in sorted(bank, key=lambda span: span.start):
        begins, ends = lives[span.buffer]
        if ends < first or last < begins:
            continue
        if start + buffer.size <= span.start:
            break
        start = max(start, span.stop)
    return start


def _sliced(program: Buffer, banks: Sequence[Sequence[_Span]], config: ChipConfig) -> Allocation:
    """Slots: runs of bytes that no buffer crosses the ends of."""
    runs = []
    for number, bank in enumerate(banks):
        for span in sorted(bank, key=lambda span: (span.start, -span.stop)):
            same_bank = runs and runs[-1][0] == number
            if same_bank and span.start < runs[-1][2]:
                _, start, stop, spans = runs[-1]
                runs[-1] = number, start, max(stop, span.stop), [*spans, span]
            else:
                runs.append((number, span.start, span.stop, [span]))
    runs.sort(key=lambda run: run[3][0].buffer is not program)
    while len(runs) > config.slots:
        runs = _joined(runs)
    slots, places = [], {}
    for slot, (bank, start, stop, spans) in enumerate(runs):
        slots.append(Slot(slot, stop - start, bank))
        places |= {span.buffer: Place(slot, span.start - start) for span in spans}
    assert places[program] == Place(PROGRAM_SLOT, 0), "The program is not slot 0"
    return Allocation(tuple(slots), places)


def _joined(runs: list[tuple[int, int, int, list[_Span]]]):
    """`runs` with the two smallest neighbours in one, but never the program's."""
    pairs = [
        (right[2] - left[1], at)
        for at, (left, right) in enumerate(itertools.pairwise(runs[1:]), 1)
        if left[0] == right[0]
    ]
    _, at = min(pairs)
    (bank, start, _, spans), (_, _, stop, more) = runs[at : at + 2]
    return [*runs[:at], (bank, start, stop, [*spans, *more]), *runs[at + 2 :]]


def _peak(lives: Mapping[Buffer, tuple[int, int]], works: Sequence[Work]) -> int:
    """Most bytes that are needed at once."""
    return max(
        sum(buffer.size for buffer, (first, last) in lives.items() if first <= index <= last)
        for index in range(len(works))
    )
