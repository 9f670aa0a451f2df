"""A partitioned network to instructions of every chip, in an order that respects all data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from intarsia.compiler.barriers import barrier, declaration
from intarsia.compiler.boxes import Box
from intarsia.compiler.fusion import at_home, chained, followers
from intarsia.compiler.layers import Site, copies
from intarsia.compiler.stitch import stitched
from intarsia.compiler.storage import Stored, hold
from intarsia.compiler.supply import Strategy, supply
from intarsia.compiler.transfers import reads, writes
from intarsia.compiler.work import Access, Work
from intarsia.compiler.workload import Workload
from intarsia.graph import Conv, Mode, Op
from intarsia.isa.config import ChipConfig
from intarsia.isa.instruction import ControlOp, Stream

__all__ = ["ChipWork", "Lowered", "close", "lower"]


@dataclass
class ChipWork:
    """Instructions of one chip, in an order in which they could be executed one by one.

    Members
    -------
    prologue : list of Work
        Once, before all inferences.
    works : list of Work
        For every inference.
    """

    prologue: list[Work] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)


@dataclass(frozen=True)
class Lowered:
    """Instructions of all chips, and the fragments that they name.

    Members
    -------
    chips : list of ChipWork
    weights : dict of int to list of tuple of bytes
        By layer: what chips load, each content once, in pieces. A piece is named ``("weights",
        layer, index, byte)``, by where in that content it begins.
    parts : dict
        By root and chip: stores, and the boxes in them that others read. Named ``("part", root,
        chip)``. Inputs and outputs of the network are named ``("input", root)`` and ``("output",
        root)``.
    fused : dict of int to int
        For operators that follow a convolution in its chain: that one, both by their index.
    maps : dict of str to int
        Bytes of the roots that lie in a memory node between their makers and their readers. Named
        ``("map", root)``.
    """

    chips: list[ChipWork]
    weights: Mapping[int, list[tuple[bytes, ...]]]
    parts: dict[tuple[str, int], tuple[Stored, Box]]
    fused: dict[int, int] = field(default_factory=dict)
    maps: Mapping[str, int] = field(default_factory=dict)


def lower(
    workload: Workload,
    shares: Mapping[str, Sequence[Box]],
    records: Mapping[int, Sequence[bytes]],
    config: ChipConfig,
    mode: Mode,
    strategy: Strategy,
    nodes: Sequence[int] | None = None,
) -> Lowered:
    """Instructions for all chips.

    Parameters
    ----------
    workload : Workload
        What chips compute.
    shares : mapping of str to sequence of Box
        For each root, what each chip computes of it.
    records : mapping of int to sequence of bytes
        Channel records of each convolution.
    config : ChipConfig
        Of every chip.
    mode : Mode
        Numerics mode.
    strategy : Strategy
        How weights are kept.
    nodes : sequence of int or None
        Node of each chip, in ascending order; 0, 1, … if left out.

    Raises
    ------
    :exc:`CompileError`
        If weights can't be cut small enough.
    """
    return _Lowering(workload, shares, records, config, mode, strategy, nodes).run()


class _Lowering:
    """State of :func:`lower`."""

    def __init__(
        self,
        workload: Workload,
        shares: Mapping[str, Sequence[Box]],
        records: Mapping[int, Sequence[bytes]],
        config: ChipConfig,
        mode: Mode,
        strategy: Strategy,
        nodes: Sequence[int] | None,
    ):
        self._workload = workload
        self._chips = range(len(next(iter(shares.values()))))
        self._nodes = self._chips if nodes is None else nodes
        self._holdings = hold(workload, shares, config)
        self._sites = [
            Site(
                workload,
                {root: self._holdings[root, chip] for root in shares},
                config,
                mode,
            )
            for chip in self._chips
        ]
        self._followers = {
            maker: follower
            for maker, follower in followers(workload, config, mode).items()
            if all(at_home(workload, site.holdings, follower) for site in self._sites)
        }
        self._supplies, weights = supply(workload, records, self._sites, config, strategy)
        fused = {follower.index: maker for maker, follower in self._followers.items()}
        self._lowered = Lowered([ChipWork() for _ in self._chips], weights, {}, fused=fused)
        self._pending: list[str] = []
        self._exported: list[list[Access]] = [[] for _ in self._chips]
        self._fetches: list[list[Work]] = [[] for _ in self._chips]
        self._esp = 0

    def run(self) -> Lowered:
        """Lowers all operators."""
        for chip in self._chips:
            self._lowered.chips[chip].prologue += self._prepare(chip)
        self._begin()
        for index, op in self._workload.ops:
            follower = self._followers.get(index)
            names = (*op.inputs, *(follower.others if follower else ()))
            if any(self._workload.roots[name] in self._pending for name in names):
                self._exchange(index)
            for chip in self._chips:
                self._lowered.chips[chip].works += self._compute(chip, index, op)
                self._lowered.chips[chip].works += self._gather_own(chip, index, op.output)
            if self._wanted_elsewhere(op.output):
                self._pending.append(op.output)
            if op.output in {self._workload.roots[name] for name in self._workload.results}:
                self._deliver(index, op.output)
        self._end()
        for chip in self._lowered.chips:
            close(chip, several=len(self._chips) > 1)
        return self._lowered

    def _prepare(self, chip: int) -> Iterator[Work]:
        """What a program does once: it declares the group, and loads what stays."""
        if len(self._chips) > 1:
            yield declaration(self._nodes)
        loads = self._supplies[chip].loads_once()
        yield from loads
        if loads:
            yield Work(Stream.CONTROL, ControlOp.NOP, 0, {}, after=loads[-1:])

    def _begin(self) -> None:
        """Doorbell, the first barrier, and the inputs."""
        doorbell = Work(Stream.CONTROL, ControlOp.DOORBELL, 0, {}, patient=True)
        self._lowered.chips[0].works.append(doorbell)
        if len(self._chips) > 1:
            self._barrier(0, patient=True)
        for end in self._workload.network.inputs:
            tensor = self._workload.network.tensors[end.tensor]
            users = [
                index
                for index, op in self._workload.ops
                if end.tensor in (self._workload.roots[name] for name in op.inputs)
            ]
            for chip in self._chips:
                holding = self._holdings[end.tensor, chip]
                if holding.need:
                    self._lowered.chips[chip].works += reads(
                        users[0],
                        ("input", end.tensor),
                        Box.whole(tensor.shape),
                        holding,
                        holding.need,
                    )

    def _end(self) -> None:
        """The last barrier, and the NOTIFY."""
        if len(self._chips) > 1:
            self._barrier(len(self._workload.network.ops) - 1, patient=False)
        layer = len(self._workload.network.ops) - 1
        self._lowered.chips[0].works.append(
            Work(Stream.CONTROL, ControlOp.NOTIFY, layer, dict(value=1))
        )

    def _compute(self, chip: int, index: int, op: Op) -> Iterator[Work]:
        site = self._sites[chip]
        if index in self._lowered.fused:
            return
        if not isinstance(op, Conv):
            yield from site.other(index, op)
            return
        follower = self._followers.get(index)
        for loads, blob in self._supplies[chip].use(index):
            yield from loads
            for work in site.conv(index, op, blob):
                yield from chained(site, follower, work) if follower else (work,)

    def _gather_own(self, chip: int, index: int, root: str) -> Iterator[Work]:
        """Copies what this chip has computed to where it gathers all it needs."""
        holding = self._holdings[root, chip]
        part, gathered, box = holding.part, holding.gathered, holding.own & holding.need
        if part is None or gathered is None or gathered is part or not box:
            return
        read = Access(part.buffer, box, write=False)
        yield from copies(index, read, part.grid(box), gathered, box, part.width)

    def _wanted_elsewhere(self, root: str) -> bool:
        return any(self._holdings[root, chip].gathered for chip in self._chips)

    def _exchange(self, index: int) -> None:
        """A barrier; then chips fetch what they need of each other's parts."""
        roots, self._pending = self._pending, []
        fetches: list[list[Work]] = [[] for _ in self._chips]
        exported: list[list[Access]] = [[] for _ in self._chips]
        for root in roots:
            for holder in self._chips:
                given = self._holdings[root, holder]
                for chip in self._chips:
                    holding = self._holdings[root, chip]
                    piece = given.own & holding.need
                    if chip == holder or holding.gathered is None or not piece:
                        continue
                    assert given.part is not None
                    self._lowered.parts[root, holder] = given.part, given.own
                    exported[holder].append(Access(given.part.buffer, given.own, write=False))
                    fetches[chip] += reads(index, ("part", root, holder), given.own, holding, piece)
        for access, more in zip(self._exported, exported, strict=True):
            access += more
        barriers = self._barrier(index, patient=False)
        self._exported = exported
        self._fetches = [list(stitched(reads)) for reads in fetches]
        for chip, passed in enumerate(barriers):
            for work in self._fetches[chip]:
                work.after.append(passed)
            self._lowered.chips[chip].works += self._fetches[chip]

    def _barrier(self, layer: int, *, patient: bool) -> list[Work]:
        """SYNC on all chips, after what the last exchange fetched, and what the next one will."""
        barriers = []
        for chip in self._chips:
            accesses = tuple(dict.fromkeys(self._exported[chip]))
            after = self._fetches[chip]
            work = barrier(layer, self._esp, patient=patient, accesses=accesses, after=after)
            barriers.append(work)
            self._lowered.chips[chip].works.append(work)
        self._esp += 1
        return barriers

    def _deliver(self, layer: int, root: str) -> None:
        """WRITEs of all parts of a result into the host's fragment of it."""
        whole = Box.whole(self._workload.network.tensors[root].shape)
        given: list[Box] = []
        for chip in self._chips:
            holding = self._holdings[root, chip]
            if holding.part is None or holding.own in given:
                continue
            given.append(holding.own)
            self._lowered.chips[chip].works += writes(
                layer, ("output", root), whole, holding.part, holding.own
            )


def close(chip: ChipWork, *, several: bool) -> None:
    """Every inference begins after the first barrier, and ends when all streams are done.

    Parameters
    ----------
    chip : ChipWork
        Complete otherwise.
    several : bool
        There are barriers: it is one of several chips.
    """
    control = [work for work in chip.works if work.stream is Stream.CONTROL]
    start = next(work for work in control if work.opcode is not ControlOp.DOORBELL or not several)
    end = [work for work in control if work.opcode is not ControlOp.NOTIFY or not several][-1]
    for stream in Stream:
        own = [work for work in chip.works if work.stream is stream]
        if own and stream is not Stream.CONTROL:
            own[0].after.append(start)
            end.after.append(own[-1])
