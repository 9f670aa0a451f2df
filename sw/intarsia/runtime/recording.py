"""Recordings: every instruction that chips had under way, and what their engines counted."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from intarsia.compiler.plan import Plan
from intarsia.graph import Network
from intarsia.isa.bits import decode
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.instruction import ControlOp, RemoteOp, Stream
from intarsia.isa.transfer import StitchRecord
from intarsia.model.program import Instruction, read_program
from intarsia.runtime.stalls import Stall
from intarsia.runtime.timeline import Event

__all__ = ["Recorder", "Recording", "Span", "counted", "traced", "transfers"]


@dataclass(frozen=True)
class Span:
    """An instruction, from the cycle in which it was the first under way in its stream.

    Members
    -------
    chip : int
    stream : Stream
    opcode : str
    layer : int
        Number in the plan.
    begin, end : int
        Cycles since reset: the first, and the one after the last. Spans of a stream never overlap.
    size : int
        Bytes that a transfer moves over links, headers not included; 0 for all others.
    complete : bool
        False for what was still under way when the recording ended.
    spent : tuple of int
        If it is complete: cycles by :class:`~intarsia.isa.counters.Activity`, which sum to all.
    """

    chip: int
    stream: Stream
    opcode: str
    layer: int
    begin: int
    end: int
    size: int = 0
    complete: bool = True
    spent: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recording:
    """What a session did since it began.

    Members
    -------
    report : mapping
        See :attr:`intarsia.runtime.Session.report`.
    network : Network
    plan : Plan
    spans : tuple of Span
        By chip, stream and time.
    inferences : tuple of (int, int)
        Of each, the cycles since reset of the doorbell's acceptance and of the interrupt.
    counters : tuple of mapping
        For each chip, cycles since reset by engine and activity; idle ones make up the total.
    cycles : int
        The total: cycles since reset.
    stalls : tuple of Stall
        Of the last inference: those of a chip's stream sum to its cycles.
    """

    report: Mapping[str, Any]
    network: Network
    plan: Plan
    spans: tuple[Span, ...] = field(repr=False)
    inferences: tuple[tuple[int, int], ...]
    counters: tuple[Mapping[CounterBank, Mapping[Activity, int]], ...] = field(repr=False)
    cycles: int
    stalls: tuple[Stall, ...] = field(repr=False)


class Recorder:
    """Tells which instruction each event is about.

    Events name streams and layers; programs, followed step by step, name the instructions.

    Parameters
    ----------
    programs : iterable of bytes
        Of each chip; none of their events must be left out.
    """

    def __init__(self, programs: Iterable[bytes]) -> None:
        self._programs = tuple(programs)
        self._steps: list[dict[Stream, Iterator[Instruction]]] = [
            {stream: traced(code) for stream, code in read_program(program).items()}
            for program in self._programs
        ]
        self._running: defaultdict[tuple[int, Stream], deque[_Begun]]
        self._running = defaultdict(deque)
        self._spans: list[Span] = []

    def feed(self, chip: int, events: Iterable[Event]) -> None:
        """Take what a chip reports, in order of time.

        Raises
        ------
        :exc:`RuntimeError`
            If that is not what its program says.
        """
        for cycle, number, _, layer, done, counts in events:
            stream = Stream(number)
            running = self._running[chip, stream]
            if done:
                begun = running.popleft()
                spent = tuple(b - a for a, b in zip(begun.counts, counts, strict=True))
                self._spans.append(self._span(chip, begun, cycle, spent))
                continue
            instruction = next(self._steps[chip][stream])
            if instruction.layer != layer:
                raise RuntimeError(f"Chip {chip} has begun layer {layer} instead of {instruction}")
            running.append(_Begun(instruction, cycle, counts))

    def spans(self, now: int) -> tuple[Span, ...]:
        """All spans until `now`, by chip, stream and time; what is under way is cut off there."""
        unfinished = [
            self._span(chip, begun, now)
            for (chip, _), running in self._running.items()
            for begun in running
            if begun.cycle < now
        ]
        return tuple(
            sorted(self._spans + unfinished, key=lambda s: (s.chip, s.stream.value, s.begin))
        )

    def _span(
        self, chip: int, begun: "_Begun", end: int, spent: tuple[int, ...] | None = None
    ) -> Span:
        """What has begun, until `end`; complete if it is known what cycles were spent on."""
        instruction = begun.instruction
        return Span(
            chip,
            instruction.stream,
            instruction.opcode.name,
            instruction.layer,
            begun.cycle,
            end,
            _moved(instruction, self._programs[chip]),
            spent is not None,
            spent or (),
        )


class _Begun(NamedTuple):
    """An instruction that is under way, since when, and what its stream had counted before."""

    instruction: Instruction
    cycle: int
    counts: Sequence[int]


def counted(
    chips: Sequence[Mapping[CounterBank, Mapping[Activity, int]]], cycles: int
) -> tuple[tuple[Mapping[CounterBank, Mapping[Activity, int]], ...], int]:
    """Counters of chips with the idle cycles that they leave out, and the total of each engine.

    Parameters
    ----------
    chips : sequence of mapping
        As chips have them.
    cycles : int
        Since reset, before the counters were read. An engine that worked on meanwhile may have
        counted more; the total is the largest then.
    """
    sums = [sum(bank.values()) for banks in chips for bank in banks.values()]
    total = max(cycles, *sums)
    filled = tuple(
        {
            bank: {Activity.IDLE: total - sum(activities.values()), **activities}
            for bank, activities in banks.items()
        }
        for banks in chips
    )
    return filled, total


def traced(code: Sequence[Instruction]) -> Iterator[Instruction]:
    """The instructions of a stream that chips report, as long as its program goes on."""
    at, rounds = 0, 0
    while at < len(code):
        instruction = code[at]
        at += 1
        match instruction.opcode:
            case ControlOp.LOOP:
                count = instruction.body.count if instruction.body is not None else 0
                again = count == 0 or rounds < count
                if count:
                    rounds = rounds + 1 if again else 0
                at = instruction.target if again else at
            case ControlOp.NOP | ControlOp.END:
                pass
            case _:
                yield instruction


def transfers(instruction: Instruction, program: bytes) -> list[Any]:
    """Each transfer of an instruction: a descriptor, or the records of a list."""
    body = instruction.body
    if body is None or instruction.stream is not Stream.REMOTE:
        return []
    if instruction.opcode not in (RemoteOp.GATHER, RemoteOp.SCATTER):
        return [body]
    size = StitchRecord.as_shape().size // 8
    start = body.records.offset
    return [
        decode(StitchRecord, int.from_bytes(program[at : at + size], "little"))
        for at in range(start, start + body.count * size, size)
    ]


def _moved(instruction: Instruction, program: bytes) -> int:
    """Bytes that an instruction moves over links."""
    moved = transfers(instruction, program)
    if instruction.body is None or not moved:
        return 0
    return instruction.body.rows * sum(item.row_bytes for item in moved)
