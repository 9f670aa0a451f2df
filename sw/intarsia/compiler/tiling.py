"""Which operators a chip computes together, and in how many stripes, if not all fits into it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from intarsia.compiler.errors import MemoryShortageError
from intarsia.compiler.estimates import Estimates, Room
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
    """How a chip computes a workload.

    Members
    -------
    room : Room
    spans : Spans
    segments : tuple of Segment
        All operators, in order.
    resident : frozenset of str
        Roots that stay in the chip between segments.
    """

    room: Room
    spans: Spans
    segments: tuple[Segment, ...]
    resident: frozenset[str]


def tile(workload: Workload, config: ChipConfig, room: Room) -> Tiling:
    """The segments that take the least time, by an estimate, of those that `room` is enough for.

    Raises
    ------
    :exc:`MemoryShortageError`
        If some operator does not fit, however few rows, or channels of weights, are in use at a
        time.
    """
    return _Planner(workload, config, room).run()


@dataclass(frozen=True)
class _Best:
    """The cheapest way to compute all operators before one."""

    cost: float
    segments: tuple[Segment, ...]


class _Planner:
    """State of :func:`tile`."""

    def __init__(self, workload: Workload, config: ChipConfig, room: Room):
        self._workload, self._config, self._room = workload, config, room
        self._spans = Spans(workload)
        self._estimates = Estimates(self._spans, config, room)

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
        return Tiling(self._room, self._spans, segments, resident)

    def _options(self, first: int, last: int) -> Iterator[tuple[float, Segment]]:
        """Segments of these operators that fit, and what they cost."""
        most = self._spans.most_stripes(first, last) if last - first <= LONGEST else 1
        alone = last - first == len(self._workload.ops)
        found = 0
        for stripes in _counts(most):
            for skewed in (True, False) if stripes > 1 else (False,):
                for finer in FINER if alone else FINER[:1]:
                    blob = self._room.blob // finer
                    segment = self._fitted(Segment(first, last, stripes, skewed, blob))
                    if segment is not None:
                        found += 1
                        yield self._estimates.cycles(segment), segment
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
        for size, at in sizes if segment.stripes > 1 else ():
            if size <= room:
                kept.add(at)
                room -= size
        return replace(segment, kept=frozenset(kept))


def _counts(most: int) -> Iterator[int]:
    """Numbers of stripes to try: all small ones, then ever fewer."""
    count = 1
    while count < most:
        yield count
        count += max(1, count // 8)
    yield most
