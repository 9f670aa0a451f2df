"""Segments: consecutive operators that chips compute together, stripe by stripe of rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from intarsia.compiler.boxes import Box
from intarsia.compiler.needs import needed
from intarsia.compiler.workload import Workload
from intarsia.graph import Op

__all__ = ["Segment", "Spans"]


@dataclass(frozen=True)
class Segment:
    """Operators that are computed together.

    Each is computed in `stripes` parts, of rows; what passes between them stays in the chip, but
    for rows that more than one stripe needs, which are computed by each. Stripes are dealt out to
    the first `chips` chips, to each those that follow each other.

    Members
    -------
    first, last : int
        Operators `first` to `last` - 1, counted over those of chips.
    stripes : int
    skewed : bool
        Each operator is a stripe behind the one before it, so that none waits for the end of
        another. Otherwise all operators of a stripe come before the next stripe.
    blob : int
        Bytes of weights that are loaded at a time: so many, or, if they are more, those of one
        block of columns.
    kept : frozenset of int
        Operators whose weights stay for all stripes; those of the others are loaded for each.
    chips : int
        At most as many as there are stripes.
    """

    first: int
    last: int
    stripes: int
    skewed: bool = False
    blob: int = 0
    kept: frozenset[int] = frozenset()
    chips: int = 1

    def part(self, chip: int) -> range:
        """Stripes of a chip; none, if it is none of the first."""
        if chip >= self.chips:
            return range(0)
        return range(
            self.stripes * chip // self.chips,
            self.stripes * (chip + 1) // self.chips,
        )

    @property
    def most(self) -> int:
        """Stripes of the chip that has most of them."""
        return -(-self.stripes // self.chips)

    def steps(self, chip: int = 0) -> list[tuple[int, int]]:
        """Operators and stripes of a chip, in the order in which they are computed."""
        count, part = self.last - self.first, self.part(chip)
        if not self.skewed:
            return [(self.first + op, stripe) for stripe in part for op in range(count)]
        return [
            (self.first + op, time - op)
            for time in range(part.start, part.stop + count - 1)
            for op in reversed(range(count))
            if time - op in part
        ]


class Spans:
    """From which operator to which the activations of a workload are in use.

    Members
    -------
    workload : Workload
    made : dict of str to int
        For each root, the operator that makes it, counted over those of chips; -1 for inputs.
    boxes : callable
        What a stripe computes, or reads, of each root, by root: ``boxes(first, last, stripes,
        stripe)`` is for operators `first` to `last` - 1.
    """

    def __init__(self, workload: Workload):
        self.workload = workload
        self.made = {end.tensor: -1 for end in workload.network.inputs}
        self.made |= {op.output: at for at, (_, op) in enumerate(workload.ops)}
        self.boxes = cache(self._boxes)

    @cached_property
    def users(self) -> Mapping[str, list[int]]:
        """For each root, the operators that read it; of results, there is one behind the last."""
        users: dict[str, list[int]] = {root: [] for root in self.made}
        for at, (_, op) in enumerate(self.workload.ops):
            for name in op.inputs:
                users[self.workload.roots[name]].append(at)
        for name in self.workload.results:
            users[self.workload.roots[name]].append(len(self.workload.ops))
        return users

    def op(self, at: int) -> Op:
        """An operator."""
        return self.workload.ops[at][1]

    def taken(self, first: int, last: int) -> list[str]:
        """Roots that operators `first` to `last` - 1 read and do not make."""
        names = [name for at in range(first, last) for name in self.op(at).inputs]
        roots = dict.fromkeys(self.workload.roots[name] for name in names)
        return [root for root in roots if self.made[root] < first]

    def given(self, first: int, last: int) -> list[str]:
        """Roots that they make, and that others read, or nobody."""
        made = [self.op(at).output for at in range(first, last)]
        return [
            root
            for root in made
            if not self.users[root] or any(user >= last for user in self.users[root])
        ]

    def crossing(self, first: int, last: int) -> list[str]:
        """Roots, but for inputs, that are in use beside operators `first` to `last` - 1."""
        return [
            root
            for root, made in self.made.items()
            if 0 <= made < last
            and any(
                user >= (last if made >= first else first) and user < len(self.workload.ops)
                for user in self.users[root]
            )
        ]

    def share(self, root: str, stripes: int, stripe: int) -> Box:
        """The part of a root that a stripe hands to others."""
        height, _, channels = self.workload.network.tensors[root].shape
        return Box(height * stripe // stripes, height * (stripe + 1) // stripes, 0, channels)

    def _boxes(self, first: int, last: int, stripes: int, stripe: int) -> dict[str, Box]:
        boxes = {root: Box.nothing() for root in self.taken(first, last)}
        boxes |= {self.op(at).output: Box.nothing() for at in range(first, last)}
        for root in self.given(first, last):
            boxes[root] = self.share(root, stripes, stripe)
        for at in reversed(range(first, last)):
            op = self.op(at)
            needs = needed(op, boxes[op.output], self.workload.network)
            for name, need in zip(op.inputs, needs, strict=True):
                boxes[self.workload.roots[name]] |= self.workload.root_box(name, need)
        return boxes

    def most_stripes(self, first: int, last: int) -> int:
        """The rows of the smallest root that operators `first` to `last` - 1 hand to others."""
        tensors = self.workload.network.tensors
        return min(tensors[root].shape[0] for root in self.given(first, last))
