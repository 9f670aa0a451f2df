"""Ways to cut a convolution that is all there is into steps, of which the best is taken.

Its operands come over a link and its result leaves by one: what counts is how soon the array can
begin, that it never waits, and how little is left to be sent when it is done. So the first steps
and the last ones are small, and so are their packets.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from intarsia.compiler.blobs import grouped, parts
from intarsia.compiler.kernels import Job
from intarsia.graph import Conv
from intarsia.isa.config import ChipConfig

__all__ = ["Course", "Layout", "Step", "courses", "refined"]

#: Rows of the first steps, and how they grow; and of the last ones, from the last on.
BEGINNINGS = ((1, 1), (2, 1), (4, 1), (1, 1.6), (2, 1.6), (3, 1.6), (1, 3), (2, 3), (4, 3))
ENDS = ((1, 1.6), (1, 3), (2, 3), (4, 3))

#: Steps of one blob, at most.
MOST = 48

#: Sizes of packets that are tried, for what is loaded first and what is stored last: 1,024 >> n.
GRAINS = range(4)


@dataclass(frozen=True)
class Step:
    """A job: rows of output `top` to `bottom` - 1, with the weights of one blob."""

    top: int
    bottom: int
    blob: int

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.bottom - self.top


@dataclass(frozen=True)
class Course:
    """One way to cut it.

    Members
    -------
    limit : int
        Bytes of a blob, at most.
    striped : bool
        Weights lie in stripes, where they can.
    steps : tuple of Step
        In their order, blob by blob. When one of the last blob is done, all channels of its rows
        are.
    tail : int
        Channels of the last blob; 0 if it is like the others.
    first, rest, final : int
        Packets of the first transfers that the first step waits for, of its other ones, and of the
        weights of the last blob: `grain`.
    late, last : int
        The same of what is stored before the last step, and by it.
    held : bool
        What later steps need is not asked for before nearly all of what the first one needs is
        there: it would come between.
    """

    limit: int
    striped: bool
    steps: tuple[Step, ...]
    tail: int = 0
    first: int = 0
    rest: int = 0
    final: int = 0
    late: int = 0
    last: int = 0
    held: bool = False

    def loads(self, step: Step, count: int) -> list[int]:
        """`grain` of each of the `count` transfers that `step` waits for."""
        if step is self.steps[0]:
            return [self.first, self.first, *[self.rest] * count][:count]
        return [self.final if step.blob == self.steps[-1].blob > 0 else 0] * count

    def stores(self, step: Step) -> int:
        """`grain` of what `step` stores."""
        return self.last if step is self.steps[-1] else self.late


@dataclass(frozen=True)
class Layout:
    """What is known of a convolution.

    Members
    -------
    op : Conv
    jobs : sequence of Job
        For all channels.
    height, width : int
        Of the output.
    rows : tuple of (int, int)
        For each row of output, the rows of input under its windows: the first, and the one after
        the last.
    stride : int
        Of the rows of input from the first one on, every so many are needed.
    line, out_line : int
        Bytes of a row of input, and of output.
    """

    op: Conv
    jobs: Sequence[Job]
    height: int
    width: int
    rows: tuple[tuple[int, int], ...]
    stride: int
    line: int
    out_line: int

    def parted(self, tail: int) -> list[Sequence[Job]]:
        """Jobs of all channels but the last `tail` ones, and of those, if there are others."""
        *before, job = self.jobs
        if not 0 < tail < job.channels:
            return [self.jobs]
        at = job.last - tail
        return [[*before, replace(job, last=at)], [replace(job, first=at)]]

    def blobs(self, limit: int, tail: int, config: ChipConfig) -> list[list[Job]]:
        """Jobs of each blob."""
        return [
            blob for part in self.parted(tail) for blob in grouped(self.op, part, limit, config)
        ]

    def fresh(self, step: Step, loaded: int) -> tuple[int, int]:
        """Rows of input that `step` needs, of those from `loaded` on: none, if both are equal."""
        top, bottom = self.rows[step.top][0], self.rows[step.bottom - 1][1]
        return max(top, loaded), max(bottom, loaded)


def courses(layout: Layout, config: ChipConfig) -> Iterator[Course]:
    """Ways to cut a convolution that are worth a comparison.

    Raises
    ------
    :exc:`MemoryShortageError`
        If not even one output channel's weights fit into a macro-bank.
    """
    height = layout.height
    both = [*dict.fromkeys(_there_and_back(height))]
    begins = [*dict.fromkeys(tuple(_grown(height, *pair)) for pair in _few(BEGINNINGS, height))]
    ends = [*dict.fromkeys(tuple(_grown(height, *pair)) for pair in _few(ENDS, height))]
    sizes = itertools.product(_limits(layout, config), _tails(layout, config))
    for limit, tail in sizes:
        count = len(layout.blobs(limit, tail, config))
        if count == 1:
            found = [_steps(pattern, 0) for pattern in both]
        else:
            middle = [Step(0, height, blob) for blob in range(1, count - 1)]
            found = [
                [*_steps(begin, 0), *middle, *_steps(end[::-1], count - 1)]
                for begin, end in itertools.product([*begins, (height,)], [*ends, (height,)])
            ]
        for steps in dict.fromkeys(map(tuple, found)):
            for striped in (False, True) if config.weight_ports > 1 else (False,):
                yield Course(limit, striped, steps, tail)


def refined(course: Course, cost: Callable[[Course], int]) -> Course:
    """`course` with the packets, and the order of requests, that cost least."""
    for names in (("first", "rest"), ("final", "held"), ("late", "last")):
        ranges = ((False, True) if name == "held" else GRAINS for name in names)
        options = (dict(zip(names, values, strict=True)) for values in itertools.product(*ranges))
        course = min((replace(course, **option) for option in options), key=cost)
    return course


def _tails(layout: Layout, config: ChipConfig) -> Iterator[int]:
    """Channels of the last blob that are tried.

    Where weights take longer to come than to be used, the last ones should be few.
    """
    yield 0
    if layout.height * layout.width < config.columns and not any(
        job.diagonal or job.sliding for job in layout.jobs
    ):
        yield config.columns // 2
        yield config.columns // 4


def _limits(layout: Layout, config: ChipConfig) -> Iterator[int]:
    """Sizes of blobs: of a block of columns, of twice as many, and so on, and of all weights."""
    columns = (replace(job, last=min(job.last, job.first + config.columns)) for job in layout.jobs)
    limit = max(
        parts(layout.op, job, config.bank_bytes, config)[0].blob_bytes(config) for job in columns
    )
    whole = sum(job.blob_bytes(config) for job in layout.jobs)
    while limit < min(whole, config.bank_bytes):
        yield limit
        limit *= 2
    yield min(whole, config.bank_bytes)


def _few(pairs: Sequence[tuple[int, float]], height: int) -> Iterator[tuple[int, float]]:
    """Those that make few steps."""
    return (pair for pair in pairs if pair[1] > 1 or height <= MOST * pair[0])


def _grown(height: int, first: int, growth: float) -> Iterator[int]:
    """Rows of steps, each larger than the one before it, which sum to `height`."""
    size = float(first)
    while height > 0:
        yield min(height, int(size))
        height -= int(size)
        size *= growth


def _there_and_back(height: int) -> Iterator[tuple[int, ...]]:
    """Rows of steps that become larger, and smaller again."""
    for begin, end in itertools.product(_few(BEGINNINGS, height), [*_few(ENDS, height), None]):
        first = _grown(height, *begin)
        last = _grown(height, *end) if end else itertools.repeat(height)
        front, back, left = [], [], height
        a, b = next(first), next(last)
        while left > 0:
            if a <= b:
                front.append(min(a, left))
                left -= front[-1]
                a = next(first, height)
            else:
                back.append(min(b, left))
                left -= back[-1]
                b = next(last, height)
        yield (*front, *reversed(back))


def _steps(heights: Sequence[int], blob: int) -> list[Step]:
    """Steps of one blob."""
    cuts = [0, *itertools.accumulate(heights)]
    return [Step(top, bottom, blob) for top, bottom in itertools.pairwise(cuts)]
