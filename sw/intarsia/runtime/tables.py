"""Parts of the map that chips keep, where they have room."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from intarsia.compiler.placement import Placement, room
from intarsia.compiler.plan import Plan
from intarsia.driver.keeping import TABLE_SIZES
from intarsia.driver.steps import Entry
from intarsia.isa.fragment import ENTRY_BYTES, HOME_WAYS, home_set
from intarsia.isa.topology import home_index, homes

__all__ = ["Tables", "laid_out", "spare"]

#: Entries of a set that are left free, for copies on their way.
SPARE = 2

#: Of chips that keep a part of the map: HOME_BASE and HOME_SIZE.
Tables = Mapping[int, tuple[int, int]]


def laid_out(
    plan: Plan, placement: Placement, entries: Sequence[Entry], nodes: Iterable[int]
) -> Tables:
    """Where each chip keeps its part, if chips and `nodes` keep the map.

    Chips that have no room keep nothing.
    """
    nodes = tuple(nodes)
    chips = {node: room(plan, placement, chip) for chip, node in enumerate(plan.nodes)}
    while True:
        pairs = homes((*chips, *nodes))
        tables = {}
        for node, parts in chips.items():
            kept = [each for each in entries if node in pairs[home_index(each["data_id"])]]
            table = _placed(parts, _size(kept))
            if table is not None:
                tables[node] = table
        if len(tables) == len(chips):
            return tables
        chips = {node: parts for node, parts in chips.items() if node in tables}


def spare(parts: Iterable[tuple[int, int]], table: tuple[int, int] | None) -> list[tuple[int, int]]:
    """What of a chip's room its part of the map leaves."""
    if table is None:
        return list(parts)
    base, end = table[0], table[0] + _total(table[1])
    found = []
    for start, stop in parts:
        if start <= base < stop:
            found += [(start, base), (end, stop)]
        else:
            found.append((start, stop))
    return [(start, stop) for start, stop in found if start < stop]


def _size(entries: Sequence[Entry]) -> int | None:
    """HOME_SIZE of a table for `entries`."""
    for size in TABLE_SIZES:
        sets = size // (HOME_WAYS * ENTRY_BYTES)
        loads = Counter(home_set(each["data_id"], each["fragment"], sets) for each in entries)
        if max(loads.values(), default=0) + SPARE <= HOME_WAYS:
            return size
    return None


def _placed(parts: Iterable[tuple[int, int]], size: int | None) -> tuple[int, int] | None:
    if size is None:
        return None
    for start, stop in parts:
        base = -(-start // (2 * size)) * 2 * size
        if base + _total(size) <= stop:
            return base, size
    return None


def _total(size: int) -> int:
    """Bytes of a table, with who shares its entries."""
    return size + size // 4
