"""Tokens: which instruction waits for which, with one counter per pair of streams.

Streams run ahead of each other as far as tokens let them. Two instructions that touch the same
bytes, one of them writing, keep their order. Of two that are chained, the first one waits for what
the second one needs, too, so that it does not keep its engine waiting. A dependency that others
imply is dropped; so the rest of a pair of streams match one to one, and a counter is enough for
them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intarsia.compiler.allocate import Place
from intarsia.compiler.errors import CompileError
from intarsia.compiler.work import Access, Buffer, Work
from intarsia.isa.instruction import TOKEN_MAX, TOKENS, Stream

__all__ = ["Masks", "Schedule", "schedule"]


@dataclass
class Masks:
    """Tokens that an instruction takes and gives."""

    wait: int = 0
    signal: int = 0


@dataclass(frozen=True)
class Schedule:
    """Tokens of one chip's program.

    Members
    -------
    masks : dict of Work to Masks
    tokens : tuple of (Stream, Stream)
        For each token, who gives and who takes it.
    """

    masks: dict[Work, Masks]
    tokens: tuple[tuple[Stream, Stream], ...]


#: For each stream, number of its last instruction, in program order, of which something is known.
Known = dict[Stream, int]


def schedule(
    prologue: Sequence[Work],
    works: Sequence[Work],
    places: Mapping[Buffer, Place],
) -> Schedule:
    """Tokens for a program.

    Parameters
    ----------
    prologue : sequence of Work
        Executed once; ordered by what each says it comes after, and by nothing else.
    works : sequence of Work
        One inference, in order.
    places : mapping of Buffer to Place
        Where buffers are.

    Raises
    ------
    :exc:`CompileError`
        If a counter could pass its highest value.
    """
    pairs = _pairs(works, places)
    for work in prologue:
        for earlier in work.after:
            pairs.setdefault((earlier.stream, work.stream), []).append((earlier, work))
    tokens = tuple(sorted(pairs, key=lambda pair: (pair[0].value, pair[1].value)))
    assert len(tokens) <= TOKENS, "There are more pairs of streams than tokens"
    masks = {work: Masks() for work in (*prologue, *works)}
    for number, pair in enumerate(tokens):
        for giver, taker in pairs[pair]:
            masks[giver].signal |= 1 << number
            masks[taker].wait |= 1 << number
    return Schedule(masks, tokens)


def _pairs(
    works: Sequence[Work], places: Mapping[Buffer, Place]
) -> dict[tuple[Stream, Stream], list[tuple[Work, Work]]]:
    """Dependencies that are kept, by pair of streams, in order."""
    numbers = {work: number for number, work in enumerate(works)}
    completed: list[Known] = []
    latest: dict[Stream, int] = {}
    pairs: dict[tuple[Stream, Stream], list[tuple[Work, Work]]] = {}
    for number, work in enumerate(works):
        known = dict(completed[latest[work.stream]]) if work.stream in latest else {}
        if work.stream is Stream.CONTROL and work.stream in latest:
            known[work.stream] = latest[work.stream]
        wanted = _wanted(number, works, places, numbers)
        for stream, giver in sorted(wanted.items(), key=lambda item: -item[1]):
            if known.get(stream, -1) >= giver:
                continue
            pairs.setdefault((stream, work.stream), []).append((works[giver], work))
            _learn(known, {**completed[giver], stream: giver})
        completed.append(known)
        latest[work.stream] = number
    _check_counters(pairs, numbers, completed)
    return pairs


def _learn(known: Known, more: Known) -> None:
    for stream, number in more.items():
        known[stream] = max(known.get(stream, -1), number)


def _wanted(
    number: int,
    works: Sequence[Work],
    places: Mapping[Buffer, Place],
    numbers: Mapping[Work, int],
) -> Known:
    """For each stream, the last instruction that must be complete before `number` starts."""
    work = works[number]
    wanted: Known = {}
    for earlier in work.after:
        _learn(wanted, {earlier.stream: numbers[earlier]})
    for index in range(number - 1, -1, -1):
        earlier = works[index]
        if wanted.get(earlier.stream, -1) < index and _waits(work, earlier, places):
            wanted[earlier.stream] = index
    if work.stream is Stream.CONTROL:
        wanted.pop(Stream.CONTROL, None)
    return wanted


def _waits(work: Work, earlier: Work, places: Mapping[Buffer, Place]) -> bool:
    """Whether `work`, or who follows in its chain, must not start before `earlier` is complete."""
    if earlier is work.partner:
        return False
    # What comes before in the stream itself will be complete without anybody's help.
    leads = work.stream is Stream.CONV and earlier.stream is not Stream.CONV
    return _meet(work.used if leads else work.accesses, earlier.accesses, places)


def _meet(some: Sequence[Access], others: Sequence[Access], places: Mapping[Buffer, Place]) -> bool:
    return any((a.write or b.write) and _overlap(a, b, places) for a in some for b in others)


def _overlap(a: Access, b: Access, places: Mapping[Buffer, Place]) -> bool:
    if a.buffer is b.buffer:
        return a.box is None or b.box is None or bool(a.box & b.box)
    one, other = places[a.buffer], places[b.buffer]
    return (
        one.slot == other.slot
        and one.offset < other.offset + b.buffer.size
        and other.offset < one.offset + a.buffer.size
    )


def _check_counters(
    pairs: Mapping[tuple[Stream, Stream], Sequence[tuple[Work, Work]]],
    numbers: Mapping[Work, int],
    completed: Sequence[Known],
) -> None:
    """Refuses programs in which a giver could be too far ahead of its taker."""
    for (giving, taking), pair in pairs.items():
        for given, (giver, _) in enumerate(pair, 1):
            done = completed[numbers[giver]].get(taking, -1)
            taken = sum(numbers[taker] <= done for _, taker in pair)
            if given - taken > TOKEN_MAX:
                raise CompileError(
                    f"Stream {giving.name} runs more than {TOKEN_MAX} tokens ahead of "
                    f"{taking.name}: split the network, or use fewer and larger tiles"
                )
