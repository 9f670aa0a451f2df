"""How far chips are in their programs, and whom they wait for."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from intarsia.compiler.plan import ChipHolder, Fragment, NodeHolder, Plan
from intarsia.isa.instruction import ControlOp, Stream
from intarsia.model.program import Instruction, read_program
from intarsia.runtime.recording import traced, transfers
from intarsia.runtime.timeline import Event

__all__ = ["Progress", "fragment_name"]

PLACES = {NodeHolder.MEMORY: "the memory node", NodeHolder.HOST: "the host"}


class Progress:
    """Counts what streams of chips have begun and finished, and so knows where they are.

    Parameters
    ----------
    plan : Plan
        Its chips have just been started.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._begun: Counter[tuple[int, Stream]] = Counter()
        self._done: Counter[tuple[int, Stream]] = Counter()

    def feed(self, chip: int, events: Iterable[Event]) -> None:
        """Take what a chip of the plan reports. None of it must be left out."""
        for _, number, _, _, done, _ in events:
            (self._done if done else self._begun)[chip, Stream(number)] += 1

    def busy(self) -> bool:
        """Whether an engine of any chip has something under way."""
        return any(
            count > self._done[key] and key[1] is not Stream.CONTROL
            for key, count in self._begun.items()
        )

    def waits(self) -> list[str]:
        """What each chip that is not idle has under way, or begins next."""
        syncs = {chip: self._sync(chip) for chip in range(len(self._plan.chips))}
        return [
            f"chip {self._plan.nodes[chip]} {text}"
            for chip, sync in syncs.items()
            if (text := self._wait(chip, sync, syncs))
        ]

    def _wait(
        self, chip: int, sync: Instruction | None, syncs: dict[int, Instruction | None]
    ) -> str:
        if sync is not None and sync.body is not None:
            missing = [
                self._plan.nodes[other]
                for other, at in syncs.items()
                if at is None or at.body is None or at.body.esp != sync.body.esp
            ]
            if missing or not sync.patient:
                names = ", ".join(f"{node}" for node in missing) or "nobody"
                of = self._layer(sync)
                return f"waits at barrier {sync.body.esp} ({of}) for chips {names}"
            return ""
        for stream in (Stream.CONV, Stream.VECTOR, Stream.LOCAL, Stream.REMOTE):
            at = self._under_way(chip, stream)
            if at is not None:
                return f"has {at.opcode.name} under way ({self._layer(at)}{self._about(chip, at)})"
        at = self._under_way(chip, Stream.CONTROL)
        if at is not None and at.opcode is ControlOp.DOORBELL:
            return ""
        coming = (self._next(chip, stream) for stream in Stream)
        waiting = [
            f"{at.opcode.name} ({self._layer(at)}{self._about(chip, at)})" for at in coming if at
        ]
        return f"waits for tokens to begin {', '.join(waiting)}" if waiting else ""

    def _sync(self, chip: int) -> Instruction | None:
        """The SYNC that a chip is at."""
        at = self._under_way(chip, Stream.CONTROL)
        return at if at is not None and at.opcode is ControlOp.SYNC else None

    def _under_way(self, chip: int, stream: Stream) -> Instruction | None:
        done, begun = self._done[chip, stream], self._begun[chip, stream]
        return next(islice(self._steps(chip, stream), done, begun), None)

    def _next(self, chip: int, stream: Stream) -> Instruction | None:
        return next(islice(self._steps(chip, stream), self._begun[chip, stream], None), None)

    def _steps(self, chip: int, stream: Stream) -> Iterator[Instruction]:
        return traced(read_program(self._plan.chips[chip].program).get(stream, ()))

    def _layer(self, at: Instruction) -> str:
        return f"layer {self._plan.layers[at.layer].name!r}"

    def _about(self, chip: int, at: Instruction) -> str:
        """What an instruction moves, and where from or to."""
        moved = transfers(at, self._plan.chips[chip].program)
        names = [fragment_name(self._plan, item.data_id, item.fragment) for item in moved]
        return "".join(f", {name}" for name in dict.fromkeys(names) if name)


def fragment_name(plan: Plan, data_id: int, fragment: int) -> str:
    """What a fragment of a plan is, and where it lies; nothing for one that it does not have."""
    for item in plan.fragments:
        if (item.data_id, item.fragment) == (data_id, fragment):
            return f"{item.kind} {item.name!r} of {_holder(plan, item)}"
    return ""


def _holder(plan: Plan, fragment: Fragment) -> str:
    held = fragment.holder
    return f"chip {plan.nodes[held.chip]}" if isinstance(held, ChipHolder) else PLACES[held]
