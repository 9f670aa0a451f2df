"""Which chip computes which part of which activation."""

from collections.abc import Iterator, Sequence

from intarsia.compiler.boxes import Box, split
from intarsia.compiler.costs import (
    SYNC_CYCLES,
    compute_cycles,
    macs,
    transfer_cycles,
    weight_cycles,
)
from intarsia.compiler.errors import CompileError
from intarsia.compiler.needs import needed
from intarsia.compiler.workload import Workload
from intarsia.graph import Conv, Op
from intarsia.isa.config import ChipConfig

__all__ = ["PARTITIONS", "SHARED_MACS", "SMALLEST_SHARE", "Shares", "partition"]

#: What a user can ask for.
PARTITIONS = ("auto", "rows", "channels")

#: Convolutions with so many multiplications are always shared by all chips.
SHARED_MACS = 100_000

#: Of an equal share of such a convolution, the part that every chip has at least.
SMALLEST_SHARE = 0.6

Shares = tuple[Box, ...]


def partition(workload: Workload, config: ChipConfig, chips: int, name: str) -> dict[str, Shares]:
    """For each root, what each chip computes of it.

    Parameters
    ----------
    workload : Workload
        What chips compute.
    config : ChipConfig
        Of every chip.
    chips : int
        Number of chips.
    name : str
        `rows` or `channels`: split all convolutions so, where every chip gets a part. `auto`: what
        takes the least time by estimate, operator by operator.

    Raises
    ------
    :exc:`CompileError`
        If `name` is none of :data:`PARTITIONS`.
    """
    if name not in PARTITIONS:
        raise CompileError(f"Unknown partition {name!r}; there are {', '.join(PARTITIONS)}")
    chosen = _Chooser(workload, config, chips)
    for _, op in workload.ops:
        candidates = list(_candidates(op, workload, chips, name))
        chosen.take(op, min(candidates, key=lambda shares: chosen.cost(op, shares)))
    return chosen.shares


def _candidates(op: Op, workload: Workload, chips: int, name: str) -> Iterator[Shares]:
    """Ways to split `op` that the rules allow; never none."""
    shape = workload.network.tensors[op.output].shape
    whole, nothing = Box.whole(shape), Box.nothing()
    if chips == 1:
        yield (whole,)
        return
    rows = tuple(
        Box(top, bottom, 0, shape[2]) if top < bottom else nothing
        for top, bottom in split(shape[0], chips)
    )
    channels = tuple(
        Box(0, shape[0], first, last) if first < last else nothing
        for first, last in split(shape[2], chips)
    )
    if isinstance(op, Conv):
        order = [channels, rows] if name == "channels" else [rows, channels]
        total = macs(op, whole, workload.network)
        if total >= SHARED_MACS:
            order = [shares for shares in order if _is_fair(op, shares, workload)] or order
        complete = [shares for shares in order if all(shares)]
        if name != "auto" and complete:
            yield complete[0]
            return
        if total >= SHARED_MACS:
            yield from order
            return
    yield rows
    yield channels
    yield (whole, *[nothing] * (chips - 1))
    yield (whole,) * chips


def _is_fair(op: Conv, shares: Shares, workload: Workload) -> bool:
    """Whether every chip has enough of `op` to do."""
    done = [macs(op, box, workload.network) for box in shares]
    return min(done) * len(shares) >= SMALLEST_SHARE * sum(done)


class _Chooser:
    """Estimates what a choice costs after the choices that were made before it."""

    def __init__(self, workload: Workload, config: ChipConfig, chips: int):
        self.shares: dict[str, Shares] = {}
        self._workload = workload
        self._config = config
        self._chips = chips
        self._gathered: dict[tuple[str, int], Box] = {}
        self._streamed = self._all_weights() > config.memory_bytes // 2
        for end in workload.network.inputs:
            self.shares[end.tensor] = (Box.nothing(),) * chips

    def take(self, op: Op, shares: Shares) -> None:
        """Makes `shares` the choice for `op`."""
        for chip, root, need in self._needs(op, shares):
            have = self._gathered.get((root, chip), Box.nothing())
            self._gathered[root, chip] = have | need
        self.shares[op.output] = shares

    def cost(self, op: Op, shares: Shares) -> float:
        """Cycles of `op`, its weights, and what its chips must fetch."""
        network = self._workload.network
        compute = max(compute_cycles(op, box, network, self._config) for box in shares)
        fetch = [0] * self._chips
        barrier = 0
        for chip, root, need in self._needs(op, shares):
            own = self.shares[root][chip]
            if need in own or need in self._gathered.get((root, chip), Box.nothing()):
                continue
            width = network.tensors[root].shape[1]
            for holder in self._holders(root, chip):
                fetch[chip] += transfer_cycles(holder & need, width, holder, self._config)
            if any(self.shares[root]):
                barrier = SYNC_CYCLES
        weights = 0
        if self._streamed:
            weights = max(weight_cycles(op, box, network, self._config) for box in shares)
        return max(compute, weights) + max(fetch) + barrier + self._spread(shares)

    def _needs(self, op: Op, shares: Shares) -> Iterator[tuple[int, str, Box]]:
        """Chip, root and box of everything that is read."""
        for chip, box in enumerate(shares):
            boxes = needed(op, box, self._workload.network)
            for name, need in zip(op.inputs, boxes, strict=True):
                yield chip, self._workload.roots[name], self._workload.root_box(name, need)

    def _holders(self, root: str, chip: int) -> Sequence[Box]:
        """What others have of a root; the host, of an input, all."""
        shares = self.shares[root]
        if not any(shares):
            return [Box.whole(self._workload.network.tensors[root].shape)]
        return [box for holder, box in enumerate(shares) if holder != chip and box]

    def _all_weights(self) -> int:
        return sum(op.weights.size for _, op in self._workload.ops if isinstance(op, Conv))

    def _spread(self, shares: Shares) -> float:
        """Breaks ties: fewer chips that repeat the work of others."""
        return 1e-3 * sum(bool(box) for box in shares) if len(set(shares)) == 1 else 0.0
