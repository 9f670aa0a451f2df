"""Steps: what is loaded, computed and stored together, and how steps are woven into each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from intarsia.compiler.work import Work

__all__ = ["Step", "interleaved"]


@dataclass(eq=False)
class Step:
    """What is computed at a time, after it was loaded, and before it is stored.

    Members
    -------
    loads : list of Work
    awaited : list of Step
        Their stores, and those of all steps before, come before its loads.
    works : list of Work
    stores : list of Work
    """

    loads: list[Work] = field(default_factory=list)
    awaited: list["Step"] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)
    stores: list[Work] = field(default_factory=list)

    @property
    def loaded(self) -> int:
        """Bytes of its loads."""
        return sum(work.fields["row_bytes"] * work.fields["rows"] for work in self.loads)


def interleaved(steps: Sequence[Step], ahead: int, held: int) -> Iterator[Work]:
    """All works, so that loads and stores go on while something else is computed.

    Loads come before those of the step before theirs, and earlier, while there are no more than
    `ahead` bytes of them. Stores come after the works of the next step. Buffers of the `held`
    steps before are still in use then.
    """
    stored: set[Step] = set()
    issued = waiting = 0
    previous = Step()
    for number, step in enumerate(steps):
        if issued == number and previous in step.awaited:
            yield from previous.stores
            previous.stores = []
            stored.add(previous)
        while issued < len(steps):
            candidate = steps[issued]
            size = candidate.loaded
            early = issued > number + 1 and waiting + size > ahead
            if issued > number and (early or not stored.issuperset(candidate.awaited)):
                break
            yield from candidate.loads
            waiting += size
            issued += 1
        waiting -= step.loaded
        buffers = tuple(
            access.buffer
            for earlier in steps[max(0, number - held) : number]
            for work in earlier.works
            for access in work.accesses
        )
        for work in step.works:
            work.holds = buffers
            yield work
        yield from previous.stores
        stored.add(previous)
        previous = step
    yield from previous.stores
