"""Data IDs of everything that travels, few enough for every chip's ATU where possible."""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from intarsia.compiler.allocate import Allocation
from intarsia.compiler.lower import Lowered
from intarsia.compiler.plan import ChipHolder, Fragment, FragmentKind, NodeHolder
from intarsia.compiler.work import Remote
from intarsia.compiler.workload import Workload
from intarsia.isa.address import PROGRAM_SLOT, data_id
from intarsia.isa.config import ChipConfig
from intarsia.isa.fragment import atu_set

__all__ = ["Naming", "name_fragments"]


@dataclass(frozen=True)
class Naming:
    """What everything is called.

    Members
    -------
    fragments : tuple of Fragment
    places : dict of tuple to (int, int)
        For each name that a :class:`~intarsia.compiler.work.Remote` has: index of the fragment, and
        byte of it that the name's first byte is.
    maps : tuple of tuple of int
        For each chip, the fragments that it uses.
    """

    fragments: tuple[Fragment, ...]
    places: dict[tuple, tuple[int, int]]
    maps: tuple[tuple[int, ...], ...]

    def resolve(self, remote: Remote) -> tuple[int, int, int]:
        """Data ID, fragment and byte of `remote`."""
        index, start = self.places[remote.name]
        fragment = self.fragments[index]
        return fragment.data_id, fragment.fragment, start + remote.offset


class _Weights(enum.Enum):
    """What is a fragment: pieces, what a chip loads for a layer, or all of them."""

    PIECES = enum.auto()
    LAYERS = enum.auto()
    ALL = enum.auto()


@dataclass
class _Weight:
    """A fragment of weights that grows."""

    title: str
    content: bytes = b""
    names: list[tuple[tuple, int]] = field(default_factory=list)

    def add(self, name: tuple, piece: bytes) -> None:
        """More bytes, and how they are called."""
        self.names.append((name, len(self.content)))
        self.content += piece

    def name_in(self, table: "_Table", tensor: int, number: int) -> None:
        """It is complete."""
        fragment = Fragment(
            FragmentKind.WEIGHTS,
            self.title,
            tensor,
            number,
            NodeHolder.MEMORY,
            len(self.content),
            read=True,
            content=self.content,
        )
        table.add(fragment, *self.names)


def name_fragments(
    workload: Workload,
    lowered: Lowered,
    allocations: Sequence[Allocation],
    sizes: Sequence[int],
    owner: int,
    config: ChipConfig,
) -> Naming:
    """Names for all fragments of a plan.

    Every activation that chips exchange, and the weights of every layer, are a tensor with a data
    ID of their own; weights are cut into fragments that are small enough for checksums. Where that
    is more than a chip's ATU holds, what a chip loads for a layer is one fragment; then all weights
    are one, and then the activations that share a slot are. Where that is too much as well, chips
    ask homes for what their ATUs have no room for.
    """
    table, maps = _named(workload, lowered, allocations, sizes, merged=(_Weights.PIECES, False))
    numbers, fits = _numbers(table, maps, config)
    for merged in ((_Weights.LAYERS, False), (_Weights.ALL, False), (_Weights.ALL, True)):
        if not fits:
            table, maps = _named(workload, lowered, allocations, sizes, merged=merged)
            numbers, fits = _numbers(table, maps, config)
    fragments = (
        replace(fragment, data_id=data_id(owner, numbers[fragment.data_id]))
        for fragment in table.fragments
    )
    return Naming(tuple(fragments), table.places, maps)


def _named(
    workload: Workload,
    lowered: Lowered,
    allocations: Sequence[Allocation],
    sizes: Sequence[int],
    *,
    merged: tuple["_Weights", bool],
) -> tuple["_Table", tuple[tuple[int, ...], ...]]:
    """All fragments, and those that each chip uses; weights are `merged` so far, parts or not."""
    merged_weights, merged_parts = merged
    table = _Table()
    _name_ends(table, workload)
    _name_weights(table, workload, lowered, merged=merged_weights)
    _name_maps(table, lowered)
    _name_parts(table, lowered, allocations, merged=merged_parts)
    _name_programs(table, sizes)
    return table, tuple(tuple(sorted(used)) for used in _used(table, lowered))


def _numbers(
    table: "_Table", maps: Sequence[Sequence[int]], config: ChipConfig
) -> tuple[list[int], bool]:
    """Numbers of tensors that spread entries over sets, and whether no set of any ATU overflows.

    Tensors whose entries are most come first, and each takes the sets that are least full.
    """
    wanted: list[list[tuple[int, int]]] = [[] for _ in range(table.tensors)]
    for chip, known in enumerate(maps):
        for index in known:
            fragment = table.fragments[index]
            wanted[fragment.data_id].append((chip, fragment.fragment))
    loads = [[0] * config.atu_sets for _ in maps]
    numbers = [0] * table.tensors
    for tensor in sorted(range(table.tensors), key=lambda tensor: -len(wanted[tensor])):

        def load(number: int, entries: Sequence[tuple[int, int]]) -> tuple[int, int]:
            found = [
                loads[chip][atu_set(number, fragment, config.atu_sets)]
                for chip, fragment in entries
            ]
            return max(found, default=0), sum(found)

        entries = wanted[tensor]
        choices = range((tensor + 1) * config.atu_sets, (tensor + 2) * config.atu_sets)
        number = min(choices, key=lambda number: load(number, entries))
        for chip, fragment in entries:
            loads[chip][atu_set(number, fragment, config.atu_sets)] += 1
        numbers[tensor] = number
    full = any(count > config.atu_ways for sets in loads for count in sets)
    return numbers, not full


class _Table:
    """Fragments as they are named; a data ID is only the tensor's place in the order of naming."""

    def __init__(self):
        self.fragments: list[Fragment] = []
        self.places: dict[tuple, tuple[int, int]] = {}
        self.tensors = 0

    def tensor(self) -> int:
        """One more tensor."""
        self.tensors += 1
        return self.tensors - 1

    def add(self, fragment: Fragment, *names: tuple[tuple, int]) -> None:
        """Adds a fragment, and names of places in it."""
        self.places |= {name: (len(self.fragments), start) for name, start in names}
        self.fragments.append(fragment)


def _name_ends(table: _Table, workload: Workload) -> None:
    tensors = workload.network.tensors
    for end in workload.network.inputs:
        size = tensors[end.tensor].size
        fragment = Fragment(
            FragmentKind.INPUT, end.tensor, table.tensor(), 0, NodeHolder.HOST, size, read=True
        )
        table.add(fragment, (("input", end.tensor), 0))
    for root in dict.fromkeys(workload.roots[name] for name in workload.results):
        size = tensors[root].size
        fragment = Fragment(
            FragmentKind.OUTPUT, root, table.tensor(), 0, NodeHolder.HOST, size, write=True
        )
        table.add(fragment, (("output", root), 0))


def _name_weights(
    table: _Table, workload: Workload, lowered: Lowered, *, merged: "_Weights"
) -> None:
    everything = _Weight("all weights")
    for layer, contents in lowered.weights.items():
        tensor, title = table.tensor(), workload.network.ops[layer].name
        count = 0
        for number, pieces in enumerate(contents):
            together, at = _Weight(title), 0
            for piece in pieces:
                name = ("weights", layer, number, at)
                at += len(piece)
                if merged is _Weights.PIECES:
                    alone = _Weight(title)
                    alone.add(name, piece)
                    alone.name_in(table, tensor, count)
                    count += 1
                else:
                    (everything if merged is _Weights.ALL else together).add(name, piece)
            if merged is _Weights.LAYERS:
                together.name_in(table, tensor, number)
    if merged is _Weights.ALL and everything.content:
        everything.name_in(table, table.tensor(), 0)


def _name_maps(table: _Table, lowered: Lowered) -> None:
    for root, size in lowered.maps.items():
        fragment = Fragment(
            FragmentKind.MAP,
            root,
            table.tensor(),
            0,
            NodeHolder.MEMORY,
            size,
            read=True,
            write=True,
        )
        table.add(fragment, (("map", root), 0))


def _name_parts(
    table: _Table, lowered: Lowered, allocations: Sequence[Allocation], *, merged: bool
) -> None:
    grouped: dict[tuple, dict[int, list[tuple[str, int, int]]]] = {}
    for (root, chip), (stored, own) in lowered.parts.items():
        place = allocations[chip].places[stored.buffer]
        start = place.offset + stored.grid(own).offset
        size = own.rows * stored.width * own.channels
        key = (place.slot,) if merged else (root,)
        grouped.setdefault(key, {}).setdefault(chip, []).append((root, start, start + size))
    for key, chips in grouped.items():
        tensor = table.tensor()
        for chip, parts in sorted(chips.items()):
            start = min(first for _, first, _ in parts)
            stop = max(last for _, _, last in parts)
            slot = allocations[chip].places[lowered.parts[parts[0][0], chip][0].buffer].slot
            name = f"slot {slot}" if merged else str(key[0])
            holder = ChipHolder(chip, slot, start)
            fragment = Fragment(
                FragmentKind.PART, name, tensor, chip, holder, stop - start, read=True
            )
            names = [(("part", root, chip), first - start) for root, first, _ in parts]
            table.add(fragment, *names)


def _name_programs(table: _Table, sizes: Sequence[int]) -> None:
    tensor = table.tensor()
    for chip, size in enumerate(sizes):
        holder = ChipHolder(chip, PROGRAM_SLOT, 0)
        fragment = Fragment(
            FragmentKind.PROGRAM, f"program of chip {chip}", tensor, chip, holder, size, write=True
        )
        table.add(fragment)


def _used(table: _Table, lowered: Lowered) -> Iterator[set[int]]:
    """Fragments that each chip holds, or asks others for."""
    for chip, code in enumerate(lowered.chips):
        used = {
            index
            for index, fragment in enumerate(table.fragments)
            if isinstance(fragment.holder, ChipHolder) and fragment.holder.chip == chip
        }
        for work in (*code.prologue, *code.works):
            used |= {table.places[remote.name][0] for remote in work.remotes}
        yield used
