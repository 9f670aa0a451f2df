"""What nextpnr reports of a design that it has placed and routed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

__all__ = ["OUTSIDE", "CriticalPath", "Stretch", "block_of", "fmax", "worst_path"]

#: The name of what belongs to no block.
OUTSIDE = "(board)"


@dataclass(frozen=True)
class Stretch:
    """A part of a path that lies in one block.

    Members
    -------
    block : str
    levels : int
        Cells that the path passes, its register at the start among them.
    logic, routing : float
        Nanoseconds in cells, and on the wires that lead to them.
    """

    block: str
    levels: int
    logic: float
    routing: float


@dataclass(frozen=True)
class CriticalPath:
    """The path that the clock waits for.

    Members
    -------
    first, last : str
        Cells that it begins and ends at.
    stretches : tuple of Stretch
    """

    first: str
    last: str
    stretches: tuple[Stretch, ...]

    @property
    def delay(self) -> float:
        """Nanoseconds of all of it."""
        return sum(stretch.logic + stretch.routing for stretch in self.stretches)


def block_of(cell: str, blocks: Iterable[str]) -> str:
    """The last name of that of `blocks` which `cell` belongs to.

    Blocks are named by where they are, with dots, and so are their cells.
    """
    holders = [block for block in blocks if cell.startswith(f"{block}.")]
    return max(holders, key=len).rpartition(".")[2] if holders else OUTSIDE


def fmax(report: Mapping[str, Any]) -> float:
    """The fastest clock, in MHz, that the slowest clock domain of ``--report`` allows."""
    return min(domain["achieved"] for domain in report["fmax"].values())


def worst_path(report: Mapping[str, Any], blocks: Iterable[str]) -> CriticalPath:
    """Of the paths within a clock domain that ``--report`` lists, the longest one.

    Raises
    ------
    :exc:`ValueError`
        If there is none.
    """
    blocks = list(blocks)
    own = [path["path"] for path in report["critical_paths"] if _domain(path)]
    if not own:
        raise ValueError("nextpnr reports no path from register to register")
    path = max(own, key=lambda steps: sum(step["delay"] for step in steps))
    stretches = []
    for block, steps in groupby(path, key=lambda step: block_of(step["to"]["cell"], blocks)):
        part = list(steps)
        routing = sum(step["delay"] for step in part if step["type"] == "routing")
        stretches.append(
            Stretch(
                block,
                sum(step["type"] in ("clk-to-q", "logic") for step in part),
                sum(step["delay"] for step in part) - routing,
                routing,
            )
        )
    return CriticalPath(path[0]["from"]["cell"], path[-1]["to"]["cell"], tuple(stretches))


def _domain(path: Mapping[str, Any]) -> str | None:
    """The clock domain that a path lies in, unless it enters or leaves one."""
    ends = [re.sub(r"^(pos|neg)edge ", "", path[end]) for end in ("from", "to")]
    return ends[0] if ends[0] == ends[1] and ends[0] != "<async>" else None
