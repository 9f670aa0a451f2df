"""Which operators chips compute together, and in how many stripes, if not all fits into them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from intarsia.compiler.boxes import Box
from intarsia.compiler.errors import MemoryShortageError
from intarsia.compiler.estimates import Estimates, Room
from intarsia.compiler.partition import Shares
from intarsia.compiler.segments import Segment, Spans
from intarsia.compiler.workload import Workload
from intarsia.graph import Conv
from intarsia.isa.config import ChipConfig

__all__ = ["Tiling", "tile"]

#: Most operators of a segment of more than one stripe.
LONGEST = 8

#: Segments that are compared, of the same operators: those of the fewest stripes that fit. More, if
#: there is one segment, which waits for its first loads and its last stores.
COMPARED, ALONE = 3, 60

#: Parts of the weights that are loaded at a time where that begins and ends everything.
FINER = (1, 4, 16)


@dataclass(frozen=True)
class Tiling:
    """How chips compute a workload.

    Members
    -------
    room : Room
    chips : int
    spans : Spans
    segments : tuple of Segment
        All operators, in order.
    resident : frozenset of str
        Roots that stay in the only chip between segments.
    """

    room: Room
    chips: int
    spans: Spans
    segments: tuple[Segment, ...]
    resident: frozenset[str]

    def shares(self) -> dict[str, Shares]:
        """What each chip hands out of each root, or would, if it left its segment."""
        return {
            self.spans.op(at).output: tuple(
                self._share(segment, chip, self.spans.op(at).output) for chip in range(self.chips)
            )
            for segment in self.segments
            for at in range(segment.first, segment.last)
        }

    def _share(self, segment: Segment, chip: int, root: str) -> Box:
        parts = [self.spans.share(root, segment.stripes, at) for at in segment.part(chip)]
        return reduce(or_, parts, Box.nothing())


def tile(workload: Workload, config: ChipConfig, room: Room, chips: int = 1) -> Tiling:
    """The segments that take the least time, by an estimate, of those that `room` is enough for.

    Parameters
    ----------
    workload : Workload
    config : ChipConfig
        Of every chip.
    room : Room
        In each of them.
    chips : int

    Raises
    ------
    :exc:`MemoryShortageError`
        If some operator does not fit, however few rows, or channels of weights, are in use at a
        time.
    """
    return _Planner(workload, config, room, chips).run()


@dataclass(frozen=True)
class _Best:
    """The cheapest way to compute all operators before one."""

    cost: float
    segments: tuple[Segment, ...]


class _Planner:
    """State of :func:`tile`."""

    def __init__(self, workload: Workload, config: ChipConfig, room: Room, chips: int):
        self._workload, self._config, self._room = workload, config, room
        self._chips, self._spans = chips, Spans(workload)
        self._estimates = Estimates(self._spans, config, room, chips)

    def run(self) -> Tiling:
        """Finds the best segments for the first operators, for ever more of them."""
        best = [_Best(0.0, ())]
        for last in range(1, len(self._workload.ops) + 1):
            found = None
            for first in reversed(range(last)):
                options = list(self._options(first, last))
                for cost, segment in options:
                    total = best[first].cost + cost
                    if found is None or total < found.cost:
                        found = _Best(total, (*best[first].segments, segment))
                if not options and last - first > 1:
                    break
            if found is None:
                op = self._spans.op(last - 1)
                raise MemoryShortageError(
                    f"Operator {op.name!r} does not fit into a chip of configuration "
                    f"{self._config.name!r} even row by row: use more chips or a larger one"
                )
            best.append(found)
        segments = best[-1].segments
        crossing = {
            root
            for segment in segments
            for root in self._spans.crossing(segment.first, segment.last)
        }
        resident = frozenset(root for root in crossing if self._estimates.stays(root))
        return Tiling(self._room, self._chips, self._spans, segments, resident)

    def _options(self, first: int, last: int) -> Iterator[tuple[float, Segment]]:
        """Segments of these operators that fit, and what they cost."""
        most = self._spans.most_stripes(first, last) if last - first <= LONGEST else 1
        for chips in _parties(min(self._chips, most)):
            yield from self._shared(Segment(first, last, chips, chips=chips), most // chips)

    def _shared(self, segment: Segment, most: int) -> Iterator[tuple[float, Segment]]:
        """Those by the chips of `segment`, each of which computes `most` stripes, or fewer."""
        alone = segment.last - segment.first == len(self._workload.ops)
        found = 0
        for count in _counts(most):
            stripes = count * segment.chips
            for skewed in (True, False) if count > 1 else (False,):
                for finer in FINER if alone else FINER[:1]:
                    blob = self._room.blob // finer
                    option = replace(segment, stripes=stripes, skewed=skewed, blob=blob)
                    fitted = self._fitted(option)
                    if fitted is not None:
                        found += 1
                        yield self._estimates.cycles(fitted), fitted
            if found >= (ALONE if alone else COMPARED):
                return

    def _fitted(self, segment: Segment) -> Segment | None:
        """`segment`, with as many weights kept as there is room for; None if there is none."""
        room = self._room.bytes - self._estimates.maps(segment)
        weights = {
            at: self._estimates.weights(at, segment.blob)
            for at in range(segment.first, segment.last)
            if isinstance(self._spans.op(at), Conv)
        }
        streaming = 3 * max(
            (self._estimates.taken(blob) for _, blob in weights.values()), default=0
        )
        sizes = sorted((size, at) for at, (size, _) in weights.items())
        if sum(size for size, _ in sizes) <= room and room >= 0:
            return replace(segment, kept=frozenset(weights))
        room -= streaming
        if room < 0:
            return None
        kept = set()
        for size, at in sizes if segment.most > 1 else ():
            if size <= room:
                kept.add(at)
                room -= size
        return replace(segment, kept=frozenset(kept))


def _parties(most: int) -> list[int]:
    """Numbers of chips to try: powers of two, and all."""
    return sorted({most, *(1 << power for power in range(most.bit_length()))})


def _counts(most: int) -> Iterator[int]:
    """Numbers of stripes to try: all small ones, then ever fewer."""
    count = 1
    while count < most:
        yield count
        count += max(1, count // 8)
    yield most
