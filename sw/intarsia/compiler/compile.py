"""The way from a network to a plan."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from intarsia.compiler.allocate import Allocation, allocate
from intarsia.compiler.alone import alone, is_alone
from intarsia.compiler.boxes import Box
from intarsia.compiler.costs import macs
from intarsia.compiler.emit import emit, program_bytes
from intarsia.compiler.errors import CompileError, MemoryShortageError
from intarsia.compiler.estimates import Room
from intarsia.compiler.lower import ChipWork, Lowered, lower
from intarsia.compiler.names import Naming, name_fragments
from intarsia.compiler.partition import Shares
from intarsia.compiler.partition import partition as split_network
from intarsia.compiler.plan import ChipPlan, Device, End, FragmentKind, Layer, Plan
from intarsia.compiler.records import channel_records
from intarsia.compiler.schedule import schedule
from intarsia.compiler.streaming import stream
from intarsia.compiler.supply import ALL, Strategy
from intarsia.compiler.tiling import Tiling, tile
from intarsia.compiler.workload import Workload
from intarsia.graph import Mode, Network
from intarsia.isa.config import ChipConfig
from intarsia.isa.instruction import DeclareGroup

__all__ = ["MOST_CHIPS", "OWNER", "compile_network"]

#: Chips that a star of simulated nodes has room for; see :mod:`intarsia.isa.topology`.
MOST_CHIPS = 32

#: Nodes from the first to the last of a sync group, those that are absent included.
NODES = DeclareGroup.as_shape()["absent"].width

#: Cycles that an instruction is taken to cost where a program is too long otherwise.
PRICE = 4_000

#: Steps for which buffers of tiles are held, and the part of the memory that is loaded ahead, as 1
#: over it; best first.
PACES = ((4, 8), (1, 8), (1, 16))

#: For each root, what each chip computes of it.
Split = Mapping[str, Shares]

#: Owner of the data IDs of a plan, if nobody says another.
OWNER = 1

#: Cycles that a beat takes over a link, where nobody says otherwise.
LINK_LATENCY = 32


def compile_network(
    network: Network,
    *,
    config: ChipConfig,
    chips: int,
    mode: Mode,
    nodes: Sequence[int] | None = None,
    partition: str = "auto",
    streamed: bool = False,
    tiled: bool = False,
    link_latency: int = LINK_LATENCY,
    owner: int = OWNER,
) -> Plan:
    """Lays `network` over chips.

    Parameters
    ----------
    network : Network
        Network to lay.
    config : ChipConfig
        Of every chip.
    chips : int
        Number of chips.
    mode : Mode
        Numerics mode.
    nodes : sequence of int or None
        Node of each chip, in ascending order; 0, 1, … if left out.
    partition : str
        One of :data:`~intarsia.compiler.partition.PARTITIONS`.
    streamed : bool
        Load all weights in every inference, even where chips have room to keep them.
    tiled : bool
        Compute the network in stripes, which come from memory nodes and go there, even where chips
        have room for it. Then, and where they don't, nothing is partitioned otherwise.
    link_latency : int
        Cycles that a beat takes over a link; what is computed, and how exactly, does not depend on
        it, but when.
    owner : int
        Owner of all data IDs.

    Returns
    -------
    Plan
        The same for the same arguments, byte for byte.

    Raises
    ------
    :exc:`CompileError`
        If the network can't be laid over these chips, and why.
    :exc:`~intarsia.golden.ScaleError`
        If `mode` does not define an operator at its scales.
    """
    if not 1 <= chips <= MOST_CHIPS:
        raise CompileError(f"Number of chips must be in 1..{MOST_CHIPS}, not {chips}")
    places = tuple(range(chips) if nodes is None else nodes)
    if len(places) != chips or list(places) != sorted({*places}) or places[-1] - places[0] >= NODES:
        raise CompileError(f"Nodes {places} are not {chips} in ascending order, close together")
    workload = Workload.of(network)
    shares = split_network(workload, config, chips, partition)
    strategy, shares, lowered, allocations = _fitted(
        workload, shares, config, mode, places, streamed, tiled, link_latency
    )
    sizes = [_program_size(code) for code in lowered.chips]
    naming = name_fragments(workload, lowered, allocations, sizes, owner, config)
    programs = [
        _program(code, allocation, naming)
        for code, allocation in zip(lowered.chips, allocations, strict=True)
    ]
    fragments = tuple(
        replace(fragment, content=programs[fragment.fragment])
        if fragment.kind is FragmentKind.PROGRAM
        else fragment
        for fragment in naming.fragments
    )
    parts = zip(programs, allocations, naming.maps, strict=True)
    return Plan(
        network=network.name,
        mode=mode,
        partition=partition,
        config=config,
        nodes=places,
        owner=owner,
        chips=tuple(ChipPlan(program, memory.slots, known) for program, memory, known in parts),
        fragments=fragments,
        inputs=tuple(
            End(end.tensor, naming.places["input", end.tensor][0]) for end in network.inputs
        ),
        outputs=tuple(
            End(name, naming.places["output", workload.roots[name]][0]) for name in workload.results
        ),
        layers=tuple(_layers(workload, shares, chips, lowered.fused)),
        resident=strategy.kept == ALL,
    )


def _fitted(
    workload: Workload,
    shares: Split,
    config: ChipConfig,
    mode: Mode,
    nodes: Sequence[int],
    streamed: bool,
    tiled: bool,
    link_latency: int,
) -> tuple[Strategy, Split, Lowered, list[Allocation]]:
    """The best strategy whose buffers fit into every chip, and what each computes."""
    records = channel_records(workload, mode)

    def attempt(strategy: Strategy) -> tuple[Strategy, Split, Lowered, list[Allocation]]:
        lowered = lower(workload, shares, records, config, mode, strategy, nodes)
        return strategy, shares, lowered, _allocations(lowered, config)

    for strategy in () if tiled else _strategies(config):
        if streamed and strategy.kept:
            continue
        try:
            found = attempt(strategy)
        except MemoryShortageError:
            continue
        low, high = strategy.kept, 0 if streamed else ALL
        while high - low > 1:
            middle = (low + high) // 2
            try:
                found = attempt(replace(strategy, kept=middle))
                low = middle
            except MemoryShortageError:
                high = middle
        return found
    streamed_all = Strategy(kept=0, prefetch=1, blob_bytes=config.bank_bytes)
    found = _tiled(workload, shares, records, config, mode, nodes, link_latency)
    return streamed_all, *found


def _tiled(
    workload: Workload,
    shares: Split,
    records: Mapping[int, Sequence[bytes]],
    config: ChipConfig,
    mode: Mode,
    nodes: Sequence[int],
    link_latency: int,
) -> tuple[Split, Lowered, list[Allocation]]:
    """A network that is larger than the chips, stripe by stripe."""

    def allocated(tiling: Tiling, held: int, part: int) -> tuple[Split, Lowered, list[Allocation]]:
        ahead = config.memory_bytes // part
        lowered = stream(tiling, records, config, mode, ahead, held, nodes)
        return tiling.shares(), lowered, _allocations(lowered, config)

    shortages = []
    if len(nodes) == 1 and is_alone(workload, config):
        try:
            lowered = alone(workload, records, config, mode, link_latency)
            return shares, lowered, _allocations(lowered, config)
        except MemoryShortageError as error:
            shortages.append(error)
    for room, price in itertools.product(_rooms(config), (0, PRICE)):
        try:
            tiling = tile(workload, config, replace(room, price=price), len(nodes))
        except MemoryShortageError as error:
            shortages.append(error)
            continue
        for held, part in PACES:
            try:
                return allocated(tiling, held, part)
            except MemoryShortageError as error:
                shortages.append(error)
    raise CompileError(f"Network {workload.network.name!r}: {shortages[0]}")


def _allocations(lowered: Lowered, config: ChipConfig) -> list[Allocation]:
    return [
        allocate(chip, _program_size(code), code.prologue, code.works, config)
        for chip, code in enumerate(lowered.chips)
    ]


def _rooms(config: ChipConfig) -> Iterator[Room]:
    """What a plan may take of a chip that is too small for all, most first."""
    for part in (12, 10, 8, 6, 4, 2):
        for resident in (config.bank_bytes // 2, 0):
            yield Room(part * config.memory_bytes // 16, resident, 5 * config.bank_bytes // 8)


def _strategies(config: ChipConfig) -> Iterator[Strategy]:
    """Ways to keep weights, best first. What is left of the memory is used to keep more."""
    yield Strategy(kept=ALL, prefetch=0, blob_bytes=config.bank_bytes)
    for prefetch in (1, 0):
        for parts in (1, 2, 4, 8, 16):
            yield Strategy(kept=0, prefetch=prefetch, blob_bytes=config.bank_bytes // parts)


def _program_size(code: ChipWork) -> int:
    streams = {work.stream for work in code.works}
    return program_bytes((*code.prologue, *code.works), len(streams))


def _program(code: ChipWork, allocation: Allocation, naming: Naming) -> bytes:
    tokens = schedule(code.prologue, code.works, allocation.places)
    return emit(code.prologue, code.works, tokens.masks, allocation.places, naming.resolve)


def _layers(
    workload: Workload,
    shares: Split,
    chips: int,
    fused: Mapping[int, int],
) -> Iterator[Layer]:
    for index, op in enumerate(workload.network.ops):
        boxes = shares.get(op.output, (Box.nothing(),) * chips)
        done = tuple(macs(op, box, workload.network) if box else 0 for box in boxes)
        device = Device.HOST if index in workload.host else Device.CHIP
        replicated = chips > 1 and bool(boxes[1]) and boxes[0] == boxes[1]
        into = workload.network.ops[fused[index]].name if index in fused else ""
        yield Layer(op.name, type(op).__name__, device, done, replicated, into)
