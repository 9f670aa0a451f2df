"""When a convolution that is all there is would be done. Exactness does not hang on it."""

import heapq
from collections import defaultdict
from collections.abc import Iterator, MutableMapping, Sequence

from intarsia.compiler.pace import Course, Layout, Step
from intarsia.isa.address import PAYLOAD_MAX
from intarsia.isa.config import ChipConfig

__all__ = ["timed"]

#: Cycles of a READ until its node has it, from what that has read to the hub, and from there to the
#: chip's memory; of a WRITE, and back; and of a look-up that asks a home. Those of a memory, and
#: those of links, of which so many are crossed, are counted apart. Packets come on top of that:
#: each node that they pass waits for a whole one.
ASKED, SERVED, PASSED, WRITTEN, LOOKUP = (8, 2), (34, 1), (3, 1), (77, 4), (47, 4)

#: Requests and jobs that a chip has under way.
REQUESTS, JOBS = 8, 4

#: Cycles from the doorbell to the first request, and from one request to the next.
START, GAP = 25, 3

#: Cycles from one job of the convolution engine to the next, beside those for a row of weights.
NEXT = 11

#: At least, instead of those for a row of weights, where it is found out what each lane has.
PACKING = 24

#: Cycles from the last vector to the last byte of a job; and those that a job takes longer whose
#: passes are too short to hide that.
DRAIN, SHORT = 24, 30

#: Cycles from one block of channels to the next, where windows slide over pixels of input.
SLIDING = 20


#: Cycles from when something is there until what has waited for it is asked for.
HELD = 24


def timed(layout: Layout, course: Course, config: ChipConfig, link_latency: int) -> int:
    """Cycles from the doorbell to the last acknowledgement.

    All that steps need is loaded, in their order, before anything is stored: what is loaded later
    keeps the array waiting, and the host, which gives and takes, does one thing at a time.

    Parameters
    ----------
    layout : Layout
    course : Course
    config : ChipConfig
    link_latency : int
    """
    return _Run(layout, course, config, link_latency).cycles()


class _Run:
    """State of :func:`timed`."""

    def __init__(self, layout: Layout, course: Course, config: ChipConfig, link_latency: int):
        self._layout, self._course, self._config = layout, course, config
        self._blobs = layout.blobs(course.limit, course.tail, config)
        self._mover = _Mover(config, link_latency)
        self._needs: list[list[range]] = []
        self._rows = self._known = self._gate = 0

    def cycles(self) -> int:
        """Until the last output is stored."""
        course = self._course
        for step in course.steps:
            first = step is course.steps[0]
            self._load(step)
            if first and course.held and len(self._needs[0]) > 1:
                self._gate = self._mover.done(self._needs[0][-2]) + HELD
        last = range(0)
        for step, ready in zip(course.steps, self._complete(), strict=True):
            if step.blob == len(self._blobs) - 1:
                sizes = _packets(step.rows * self._layout.out_line, course.stores(step))
                last = self._mover.move(sizes, "output", ready)
        return self._mover.done(last)

    def _load(self, step: Step) -> None:
        layout, config = self._layout, self._config
        top, bottom = layout.fresh(step, self._rows)
        self._rows = bottom
        transfers: list[tuple[str, int, int]] = []  # From whom, bytes of a row, and rows.
        if bottom > top and layout.stride > 1:
            transfers.append(("input", layout.line, len(range(top, bottom, layout.stride))))
        elif bottom > top:
            transfers.append(("input", (bottom - top) * layout.line, 1))
        if step.blob == self._known:
            weights = sum(job.blob_bytes(config) for job in self._blobs[step.blob])
            ports = config.weight_ports if self._course.striped else 1
            transfers += [("weights", weights // ports, 1)] * ports
            self._known += 1
        grains = self._course.loads(step, len(transfers))
        self._needs.append([
            self._mover.move(_packets(size, grain) * rows, node, self._gate)
            for (node, size, rows), grain in zip(transfers, grains, strict=True)
        ])

    def _complete(self) -> Iterator[int]:
        """For each step, when all its output is in the memory."""
        end = 0
        for step, needs in zip(self._course.steps, self._needs, strict=True):
            end = max([end, *map(self._mover.done, needs)]) + self._computed(step)
            yield end + DRAIN

    def _computed(self, step: Step) -> int:
        """Cycles of the array."""
        layout, config = self._layout, self._config
        pixels = step.rows * layout.width
        full, rest = divmod(pixels, config.accumulators)
        cycles = 0
        for job in self._blobs[step.blob]:
            columns = min(config.columns, job.channels)
            rows = -(-columns // config.weight_ports) if self._course.striped else columns
            passes = job.cycles(layout.op.window.stride, config)
            if job.sliding:
                top, bottom = layout.fresh(step, 0)
                seen = (bottom - top) * layout.line // len(layout.op.weights)
                cycles += -(-job.channels // config.columns) * (seen + SLIDING)
            elif job.diagonal:
                cycles += pixels * passes
            else:
                last = max(rest, rows, 2) if rest else 0
                cycles += passes * (full * config.accumulators + last)
            cycles += NEXT + max(rows, PACKING * job.packed)
            cycles += SHORT if job.chunks(config) == 1 else 0
        return cycles


class _Mover:
    """The stream that moves data: requests in order, so many under way.

    Replies of two nodes meet at the hub, and go on in the order in which they come.
    """

    def __init__(self, config: ChipConfig, link_latency: int):
        self._beat = config.link_bytes
        self._asked, self._served, self._passed, self._acknowledged, self._lookup = (
            cycles + links * link_latency
            for cycles, links in (ASKED, SERVED, PASSED, WRITTEN, LOOKUP)
        )
        self._busy: defaultdict[str, int] = defaultdict(int)
        self._coming: list[tuple[int, int, int]] = []  # At the hub: when, number, beats.
        self._ends: dict[int, int] = {}
        self._jobs: list[range] = []
        self._known: dict[str, int] = {}  # When it is known where something is.
        self._count = 0
        self._begun = self._next = START  # The last job; and nothing can leave before.

    @property
    def now(self) -> int:
        """When something else can begin."""
        oldest = self._count - REQUESTS
        return max(self._next, self._end(oldest) if oldest >= 0 else 0)

    def move(self, sizes: Sequence[int], node: str, ready: int = 0) -> range:
        """Requests of these sizes, to or from a node, which can't begin before `ready`."""
        first = self._count
        if len(self._jobs) >= JOBS:
            ready = max(ready, self.done(self._jobs[-JOBS]))
        # A job is looked up while the one before it is cut, and it waits for what it moves.
        self._known.setdefault(node, self._begun + self._lookup)
        self._begun = max(self._begun, self._next)
        for size in sizes:
            self._next = max(self.now, ready, self._known[node]) + GAP
            beats = -(-size // self._beat) + 1
            if node == "output":
                self._ends[self._count] = self._written(self._next, beats + 1)
            else:
                self._ask(self._next, node, beats)
            self._count += 1
        self._jobs.append(range(first, self._count))
        return self._jobs[-1]

    def done(self, requests: range) -> int:
        """When all of some requests are."""
        return max(map(self._end, requests), default=0)

    def _ask(self, now: int, node: str, beats: int) -> None:
        """The reply comes to the hub when the node has read it, and has sent it."""
        self._busy[node] = max(self._busy[node], now + self._asked) + beats
        heapq.heappush(self._coming, (self._busy[node] + self._served + beats, self._count, beats))

    def _written(self, now: int, beats: int) -> int:
        """When a WRITE is acknowledged, after it has passed chip, hub, host, and its memory."""
        for place in ("chip", "hub to host", "host", "output"):
            now = self._busy[place] = max(self._busy[place], now) + beats
            if place == "chip":
                self._next = now - GAP
        return now + self._acknowledged

    def _end(self, number: int) -> int:
        """When a request is done, if no others follow that come between."""
        while self._coming and self._coming[0][0] <= self._next + self._asked + self._served:
            self._busy["hub"] = self._pass(self._coming, self._busy["hub"], self._ends)
        if number in self._ends:
            return self._ends[number]
        coming, busy, ends = self._coming[:], self._busy["hub"], {}
        while number not in ends:
            busy = self._pass(coming, busy, ends)
        return ends[number]

    def _pass(
        self, coming: list[tuple[int, int, int]], busy: int, ends: MutableMapping[int, int]
    ) -> int:
        """Lets the hub pass on what comes first; returns when it has."""
        arrival, number, beats = heapq.heappop(coming)
        busy = max(busy, arrival) + beats
        ends[number] = busy + beats + self._passed
        return busy


def _packets(size: int, grain: int) -> list[int]:
    """Bytes of each packet of a transfer."""
    most = PAYLOAD_MAX >> grain
    return [min(most, size - at) for at in range(0, size, most)]
