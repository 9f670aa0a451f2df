"""Which operators a chip computes together, and in how many stripes, if not all fits into it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from intarsia.compiler.blobs import parts
from intarsia.compiler.boxes import Box
from intarsia.compiler.costs import compute_cycles
from intarsia.compiler.errors import MemoryShortageError
from intarsia.compiler.kernels import Job, jobs
from intarsia.compiler.segments import Segment, Spans
from intarsia.compiler.workload import Workload
from intarsia.graph import Conv
from intarsia.isa.config import ChipConfig

__all__ = ["Room", "Tiling", "blob_limit", "tile"]

#: Most operators of a segment of more than one stripe.
LONGEST = 8

#: Most numbers of stripes that are compared for a segment: the least that fit.
COMPARED = 3

#: Cycles from one job of the convolution engine to the next: where it waits for the first's end,
#: and where not.
DRAIN, NEXT = 120, 24

#: What a transfer takes, beyond one cycle for each beat.
OVERHEAD = 1.06


@dataclass(frozen=True)
class Room:
    """What a plan may take of a chip's memory.

    Members
    -------
    bytes : int
        At any time, of activations and weights.
    resident : int
        Of a map that stays in the chip from segment to segment, at most. Larger ones go to a
        memory node.
    blob : int
        Of the weights that are loaded at a time, at most, if so few are possible.
    price : int
        Cycles that an instruction is taken to cost, so that programs are short.
    """

    bytes: int
    resident: int
    blob: int
    price: int = 0


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


def blob_limit(work: list[Job], room: Room, config: ChipConfig) -> int:
    """Bytes to cut the blobs of a convolution's jobs to: whole blocks of columns, if possible."""
    blocks = [
        replace(job, last=min(job.last, job.first + config.columns)).blob_bytes(config)
        for job in work
    ]
    return min(max(room.blob, *blocks), config.bank_bytes)


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
        self._tensors = workload.network.tensors
        self._weights = cache(self._weights_of)

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
        resident = frozenset(root for root in crossing if self._stays(root))
        return Tiling(self._room, self._spans, segments, resident)

    def _stays(self, root: str) -> bool:
        return self._tensors[root].size <= min(self._room.resident, self._config.bank_bytes)

    def _options(self, first: int, last: int) -> Iterator[tuple[float, Segment]]:
        """Segments of these operators that fit, and what they cost."""
        most = self._spans.most_stripes(first, last) if last - first <= LONGEST else 1
        found = 0
        for stripes in _counts(most):
            for skewed in (True, False) if stripes > 1 else (False,):
                segment = self._fitted(Segment(first, last, stripes, skewed))
                if segment is not None:
                    found += 1
                    yield self._cost(segment), segment
            if found >= COMPARED:
                return

    def _fitted(self, segment: Segment) -> Segment | None:
        """`segment`, with as many weights kept as there is room for; None if there is none."""
        room = self._room.bytes - self._maps(segment)
        weights = {
            at: self._weights(at)
            for at in range(segment.first, segment.last)
            if isinstance(self._spans.op(at), Conv)
        }
        streaming = 3 * max((self._taken(blob) for _, blob in weights.values()), default=0)
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

    def _maps(self, segment: Segment) -> float:
        """Bytes of maps that are in use at once; too many, if one is larger than a macro-bank."""
        spans, config = self._spans, self._config
        crossing = set(spans.crossing(segment.first, segment.last))
        total, sizes = 0, {}
        for root in crossing:
            if self._stays(root):
                total += self._taken(self._tensors[root].size)
        given = {*spans.given(segment.first, segment.last)}
        for root, size in self._largest(segment.first, segment.last, segment.stripes).items():
            if root in crossing and self._stays(root):
                continue
            if size > config.bank_bytes:
                return float("inf")
            users = [user for user in spans.users[root] if segment.first <= user < segment.last]
            made = spans.made[root]
            begin = made if made >= segment.first else min(users)
            sizes[root] = (
                self._taken(size),
                begin,
                max(users, default=begin),
                root in given or made < begin,
            )
        if segment.stripes > 1:
            for size, begin, end, moved in sizes.values():
                span = end - begin if segment.skewed else 0
                total += size * min(segment.stripes, span + 1 + moved)
            return total
        peaks = [
            sum(size for size, begin, end, _ in sizes.values() if begin <= at <= end + 1)
            for at in range(segment.first, segment.last)
        ]
        return total + max(peaks)

    def _taken(self, size: int) -> int:
        """Bytes that a buffer takes where those of a macro-bank are alike."""
        bank = self._config.bank_bytes
        return bank // (bank // size) if size else 0

    def _largest(self, first: int, last: int, stripes: int) -> dict[str, int]:
        """Bytes of the largest stripe of each root, with room for a pitch."""
        sizes: dict[str, int] = {}
        for stripe in range(stripes):
            for root, box in self._spans.boxes(first, last, stripes, stripe).items():
                line = self._tensors[root].shape[1] * box.channels + self._config.lanes
                sizes[root] = max(sizes.get(root, 0), box.rows * line)
        return sizes

    def _weights_of(self, at: int) -> tuple[int, int]:
        """Bytes of the weights of a convolution, and of its largest blob."""
        op, config = self._spans.op(at), self._config
        assert isinstance(op, Conv)
        work = self._jobs(op)
        total, limit = 0, blob_limit(work, self._room, config)
        for job in work:
            total += sum(part.blob_bytes(config) for part in parts(op, job, limit, config))
        return total, min(total, limit)

    def _jobs(self, op: Conv) -> list[Job]:
        width = self._tensors[op.inputs[0]].shape[1]
        return jobs(op, width, Box.whole(self._tensors[op.output].shape), self._config)

    def _cost(self, segment: Segment) -> float:
        """Cycles, by estimate."""
        spans, network = self._spans, self._workload.network
        crossing = {*spans.crossing(segment.first, segment.last)}
        conv = vector = read = written = begin = count = 0
        for stripe in range(segment.stripes):
            boxes = spans.boxes(segment.first, segment.last, segment.stripes, stripe)
            for at in range(segment.first, segment.last):
                op = spans.op(at)
                cycles = compute_cycles(op, boxes[op.output], network, self._config)
                if isinstance(op, Conv):
                    size, blob = self._weights(at)
                    pieces = -(-size // blob)
                    conv += cycles + (NEXT if segment.skewed else DRAIN) * pieces
                    loaded = stripe == 0 or at not in segment.kept
                    read += size if loaded else 0
                    count += pieces * (1 + loaded)
                else:
                    vector += cycles + DRAIN
                    count += 1
            moved = sum(
                self._bytes(root, boxes[root])
                for root in spans.taken(segment.first, segment.last)
                if not (root in crossing and self._stays(root))
            )
            begin = begin or moved
            read += moved
        for root in spans.given(segment.first, segment.last):
            if root in crossing and not self._stays(root):
                written += self._tensors[root].size
        link = OVERHEAD / self._config.link_bytes
        compute = max(conv, vector) if segment.skewed else conv + vector
        most = max(compute, read * link, written * link)
        return most + begin * link / 2 + DRAIN * segment.skewed + count * self._room.price

    def _bytes(self, root: str, box: Box) -> int:
        return box.rows * self._tensors[root].shape[1] * box.channels


def _counts(most: int) -> Iterator[int]:
    """Numbers of stripes to try: all small ones, then ever fewer."""
    count = 1
    while count < most:
        yield count
        count += max(1, count // 8)
    yield most
