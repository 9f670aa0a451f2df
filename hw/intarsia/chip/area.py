"""How much of an ECP5 the chip takes, and how much it may take."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "BUDGETS",
    "GLUE",
    "RESOURCES",
    "Area",
    "Budget",
    "area",
    "areas",
    "exceeded",
    "total",
]

#: What a cell takes of which resource. A LUT memory of 16 by 4 bits fills the four LUTs of two
#: slices, and makes the two of a third one useless. The multiplexers that join LUTs (PFUMX,
#: L6MUX21) are part of the slices.
COSTS = {
    "LUT4": ("LUT4", 1),
    "CCU2C": ("LUT4", 2),
    "TRELLIS_DPR16X4": ("LUT4", 6),
    "TRELLIS_FF": ("FF", 1),
    "MULT18X18D": ("MULT18X18D", 1),
    "DP16KD": ("DP16KD", 1),
}

#: Cells that take nothing of them.
FREE = {"PFUMX", "L6MUX21", "$scopeinfo"}

RESOURCES = ("LUT4", "FF", "MULT18X18D", "DP16KD")

#: The name of what lies between blocks.
GLUE = "(between blocks)"

#: How much is used of each resource.
Area = Counter[str]


@dataclass(frozen=True)
class Budget:
    """What may be taken of a resource, so that there is room for what comes later.

    Members
    -------
    resource : str
    available : int
        On an LFE5U-85F.
    share : float
        Use must stay below this part of it.
    """

    resource: str
    available: int
    share: float


BUDGETS = (
    Budget("LUT4", 83_640, 0.65),
    Budget("MULT18X18D", 156, 0.75),
    Budget("DP16KD", 208, 0.80),
)


def area(name: str, counts: Mapping[str, int]) -> Area:
    """Area of so many cells of each type, which `name` consists of.

    Raises
    ------
    :exc:`ValueError`
        If there is a cell that nobody knows the cost of.
    """
    found = Area()
    for cell, count in counts.items():
        if cell in COSTS:
            resource, cost = COSTS[cell]
            found[resource] += cost * count
        elif cell not in FREE:
            raise ValueError(f"{name} has {count} cells {cell}, whose cost is unknown")
    return found


def areas(modules: Mapping[str, Any], name: str) -> dict[str, Area]:
    """Area of each block below module `name`, by the block's name, and of what is between blocks.

    Raises as :func:`area`.

    Parameters
    ----------
    modules : Mapping
        ``modules`` of what yosys' ``stat -json`` writes.
    """
    blocks = {}
    between = {}
    for cell, count in modules[f"\\{name}"]["num_cells_by_type"].items():
        if f"\\{cell}" in modules:
            inner = total(areas(modules, cell).values())
            blocks[cell.rpartition(".")[2]] = total([inner] * count)
        else:
            between[cell] = count
    return dict(sorted(blocks.items())) | {GLUE: area(name, between)}


def total(parts: Iterable[Area]) -> Area:
    """Sum of areas."""
    return sum(parts, start=Area())


def exceeded(used: Area, budgets: Iterable[Budget] = BUDGETS) -> list[str]:
    """A line for each budget that is not kept: what, how much of it, and how much it may be."""
    return [
        f"{of.resource}: {used[of.resource]:,} of {of.available:,} is "
        f"{used[of.resource] / of.available:.1%}, and must be under {of.share:.0%}"
        for of in budgets
        if used[of.resource] >= of.share * of.available
    ]
