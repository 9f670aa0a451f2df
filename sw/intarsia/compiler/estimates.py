"""What a segment takes of chips: memory, and cycles. Exactness does not hang on it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from intarsia.compiler.blobs import parts
from intarsia.compiler.boxes import Box
from intarsia.compiler.costs import compute_cycles
from intarsia.compiler.kernels import Job, jobs
from intarsia.compiler.segments import Segment, Spans
from intarsia.graph import Conv
from intarsia.isa.config import ChipConfig

__all__ = ["Estimates", "Room", "blob_limit"]

#: Cycles from one job of the convolution engine to the next: where it waits for the first's end,
#: and where not.
DRAIN, NEXT = 120, 72

#: Cycles of a barrier of several chips, after which the first rows are on their way.
BARRIER = 500

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


def blob_limit(work: Sequence[Job], least: int, config: ChipConfig) -> int:
    """Bytes to cut the blobs of a convolution's jobs to: `least`, or whole blocks of columns."""
    blocks = [
        replace(job, last=min(job.last, job.first + config.columns)).blob_bytes(config)
        for job in work
    ]
    return min(max(least, *blocks), config.bank_bytes)


@dataclass
class _Sums:
    """Of one chip: cycles of engines, bytes that it reads, at first and in all, instructions."""

    conv: float = 0
    vector: float = 0
    begin: int = 0
    read: int = 0
    count: int = 0

    def compute(self, segment: Segment) -> float:
        """Cycles of both engines, which work at the same time in a skewed segment."""
        each = self.conv, self.vector
        return max(each) if segment.skewed else sum(each)


class Estimates:
    """Of segments of one workload.

    Parameters
    ----------
    spans : Spans
    config : ChipConfig
        Of every chip.
    room : Room
        In each of them.
    chips : int
        Of several, each waits for all others between segments; and maps that pass from one segment
        to another go through a memory node, whose link they share.

    Members
    -------
    weights : callable
        Bytes of the weights of a convolution, and of its largest blob: ``weights(at, least)`` is
        for operator `at`, whose blobs have `least` bytes, or one block of columns.
    """

    def __init__(self, spans: Spans, config: ChipConfig, room: Room, chips: int = 1):
        self._spans, self._config, self._room, self._chips = spans, config, room, chips
        self._workload = spans.workload
        self._tensors = spans.workload.network.tensors
        self.weights = cache(self._weights_of)

    def stays(self, root: str) -> bool:
        """Whether a root is small enough to stay in the only chip from segment to segment."""
        most = min(self._room.resident, self._config.bank_bytes)
        return self._chips == 1 and self._tensors[root].size <= most

    def maps(self, segment: Segment) -> float:
        """Bytes of maps that are in use at once; too many, if one is larger than a macro-bank."""
        spans, config = self._spans, self._config
        crossing = set(spans.crossing(segment.first, segment.last))
        total, sizes = 0, {}
        for root in crossing:
            if self.stays(root):
                total += self.taken(self._tensors[root].size)
        given = {*spans.given(segment.first, segment.last)}
        for root, size in self._largest(segment.first, segment.last, segment.stripes).items():
            if root in crossing and self.stays(root):
                continue
            if size > config.bank_bytes:
                return float("inf")
            users = [user for user in spans.users[root] if segment.first <= user < segment.last]
            made = spans.made[root]
            begin = made if made >= segment.first else min(users)
            sizes[root] = (
                self.taken(size),
                begin,
                max(users, default=begin),
                root in given or made < begin,
            )
        if segment.most > 1:
            for size, begin, end, moved in sizes.values():
                span = end - begin if segment.skewed else 0
                total += size * min(segment.most, span + 1 + moved)
            return total
        peaks = [
            sum(size for size, begin, end, _ in sizes.values() if begin <= at <= end + 1)
            for at in range(segment.first, segment.last)
        ]
        return total + max(peaks)

    def taken(self, size: int) -> int:
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

    def _weights_of(self, at: int, least: int) -> tuple[int, int]:
        op, config = self._spans.op(at), self._config
        assert isinstance(op, Conv)
        width = self._tensors[op.inputs[0]].shape[1]
        work = jobs(op, width, Box.whole(self._tensors[op.output].shape), config)
        total, limit = 0, blob_limit(work, least, config)
        for job in work:
            total += sum(part.blob_bytes(config) for part in parts(op, job, limit, config))
        return total, min(total, limit)

    def cycles(self, segment: Segment) -> float:
        """What a segment takes, and its instructions' price."""
        spans = self._spans
        chips = [self._chip(segment, chip) for chip in range(segment.chips)]
        read = sum(chip.read for chip in chips)
        given = self._moving(segment, spans.given(segment.first, segment.last))
        written = sum(self._tensors[root].size for root in given)
        link = OVERHEAD / self._config.link_bytes
        compute = max(chip.compute(segment) for chip in chips)
        most = max(compute, read * link, written * link) + DRAIN * segment.skewed
        ends = self._ends(segment, sum(chip.begin for chip in chips), written)
        barrier = BARRIER if self._chips > 1 and segment.first else 0
        return most + ends + barrier + max(chip.count for chip in chips) * self._room.price

    def _chip(self, segment: Segment, chip: int) -> "_Sums":
        """What one chip does in a segment."""
        spans, network, sums = self._spans, self._workload.network, _Sums()
        wait = NEXT if segment.skewed else DRAIN
        taken = self._moving(segment, spans.taken(segment.first, segment.last))
        part = segment.part(chip)
        for stripe in part:
            boxes = spans.boxes(segment.first, segment.last, segment.stripes, stripe)
            for at in range(segment.first, segment.last):
                op = spans.op(at)
                cycles = compute_cycles(op, boxes[op.output], network, self._config)
                if isinstance(op, Conv):
                    size, blob = self.weights(at, segment.blob)
                    pieces = -(-size // blob)
                    sums.conv += max(cycles, size // self._config.lanes) + wait * pieces
                    loaded = stripe == part.start or at not in segment.kept
                    sums.read += size if loaded else 0
                    sums.count += pieces * (1 + loaded)
                else:
                    sums.vector += cycles + DRAIN
                    sums.count += 1
            moved = sum(self._bytes(root, boxes[root]) for root in taken)
            sums.begin = sums.begin or moved
            sums.read += moved
        return sums

    def _moving(self, segment: Segment, roots: Sequence[str]) -> list[str]:
        """Those of `roots` that don't stay in the chip before and after a segment."""
        crossing = {*self._spans.crossing(segment.first, segment.last)}
        return [root for root in roots if not (root in crossing and self.stays(root))]

    def _ends(self, segment: Segment, begin: int, written: int) -> float:
        """Cycles in which nothing is computed: of the first loads, and the last stores.

        Between segments, loads of one go on while the one before is computed; but some wait for
        its last rows.
        """
        link = OVERHEAD / self._config.link_bytes
        if segment.first:
            cycles = begin * link / 2
        else:
            first = self._spans.op(0)
            blob = self.weights(0, segment.blob)[1] if isinstance(first, Conv) else 0
            cycles = (begin + blob * segment.chips) * link
        if segment.last == len(self._workload.ops):
            cycles += written * link / segment.stripes
        return cycles

    def _bytes(self, root: str, box: Box) -> int:
        return box.rows * self._tensors[root].shape[1] * box.channels
