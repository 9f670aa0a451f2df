"""Says how long paths of the mapped board take, without place and route.

``python -m intarsia.board.estimate``, or of one block alone ``… --block sequencer``.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from intarsia.board.delays import WIRE, matching, timing
from intarsia.board.paths import OUTSIDE, block_of
from intarsia.board.place import CONFIG, blocks_of, netlist
from intarsia.board.ulx3s import Ulx3s
from intarsia.chip.synth import synthesize
from intarsia.isa.config import CONFIGS

__all__ = ["Estimate", "Group", "estimate", "groups", "main"]

#: What names of the chip's cells begin with.
CHIP = "chip.chip."

#: Where a block alone is mapped to.
ALONE = Path("build/synthesis/blocks")


@dataclass(frozen=True)
class Group:
    """Paths that begin in the same block, and end in the same one.

    Members
    -------
    blocks : tuple of str
        That the slowest one passes, in order; OUTSIDE, where it begins or ends in none.
    delay : float
        Nanoseconds of the slowest.
    ends : int
        Registers' inputs that such paths end at.
    first, last : str
        Cells that the slowest one begins and ends at.
    levels : int
        Cells that it passes in between.
    """

    blocks: tuple[str, ...]
    delay: float
    ends: int
    first: str
    last: str
    levels: int


@dataclass
class Estimate:
    """When signals arrive.

    Members
    -------
    arrival : dict
        Of each net, in nanoseconds after the clock.
    before : dict
        The net that each one waits for longest; none for those that begin a path.
    driver : dict
        The cell of each net.
    ends : list of (float, int, str)
        Of each register's input: how long its path is, its net and its cell; longest ones first.
    """

    arrival: dict[int, float] = field(default_factory=dict)
    before: dict[int, int] = field(default_factory=dict)
    driver: dict[int, str] = field(default_factory=dict)
    ends: list[tuple[float, int, str]] = field(default_factory=list)

    def path(self, net: int) -> list[str]:
        """Cells that the path to `net` passes, in order."""
        nets = [net]
        while nets[-1] in self.before:
            nets.append(self.before[nets[-1]])
        return [self.driver[each] for each in reversed(nets) if each in self.driver]


def estimate(cells: Mapping[str, Any]) -> Estimate:
    """When signals arrive in a flat netlist of `cells`, as yosys writes them.

    Raises
    ------
    :exc:`ValueError`
        If there is a cell of which nothing is known, or a loop without a register.
    """
    found = Estimate()
    ways: dict[int, list[tuple[int, float]]] = {}
    captured: list[tuple[float, int, str]] = []
    for name, cell in cells.items():
        delays = timing(cell["type"], cell.get("parameters", {}))
        nets = cell["connections"]
        for pattern, delay in delays.launches:
            for _, net in matching(pattern, nets):
                found.arrival[net] = delay
                found.driver[net] = name
        for arc in delays.arcs:
            sources = [net for _, net in matching(arc.inputs, nets)]
            for _, net in matching(arc.outputs, nets):
                found.driver[net] = name
                ways.setdefault(net, []).extend(
                    (source, arc.delay + arc.wire) for source in sources
                )
        for pattern, setup in delays.captures:
            captured.extend((setup, net, name) for _, net in matching(pattern, nets))
    order = TopologicalSorter({net: [source for source, _ in into] for net, into in ways.items()})
    for net in order.static_order():
        for source, delay in ways.get(net, ()):
            arrival = found.arrival.get(source, 0.0) + delay
            if arrival > found.arrival.get(net, 0.0):
                found.arrival[net] = arrival
                found.before[net] = source
    found.ends = [
        (found.arrival.get(net, 0.0) + WIRE + setup, net, name) for setup, net, name in captured
    ]
    found.ends.sort(key=lambda end: (-end[0], end[2], end[1]))
    return found


def groups(found: Estimate, blocks: Iterable[str], above: float) -> list[Group]:
    """Paths that take more than `above` ns, by the blocks at their ends; slowest ones first.

    Blocks are named by where they are, with dots. What a path passes between blocks does not count.
    """
    blocks = list(blocks)
    counts = Counter[tuple[str, str]]()
    slowest: dict[tuple[str, str], Group] = {}
    for delay, net, end in found.ends:
        if delay <= above:
            break
        path = [*found.path(net), end]
        passed = [block_of(cell, blocks) for cell in path]
        inner = [block for block in passed[1:-1] if block != OUTSIDE]
        chain = tuple(name for name, _ in groupby([passed[0], *inner, passed[-1]]))
        key = passed[0], passed[-1]
        counts[key] += 1
        slowest.setdefault(key, Group(chain, delay, 0, path[0], end, len(path) - 2))
    return [replace(group, ends=counts[key]) for key, group in slowest.items()]


def _map_alone(board: Ulx3s, block: str, folder: Path, *, resume: bool) -> dict[str, str]:
    """Map a block alone, to the ``netlist.json`` of `folder`; gives the names of its parts."""
    component = board.chip.chip.blocks[block]
    if not (resume and (folder / "netlist.json").exists()):
        synthesize(component, "board", folder, placed=True)
    cells = json.loads((folder / "netlist.json").read_text())["modules"]["board"]["cells"]
    heads = sorted({name.partition(".")[0] for name in cells if "." in name})
    return {head: head for head in heads}


def main() -> int:
    """Map the board, or a block of the chip alone, and show what takes longest, by blocks."""
    parser = argparse.ArgumentParser(
        prog="python -m intarsia.board.estimate", description=main.__doc__
    )
    board = Ulx3s(config=CONFIGS[CONFIG])
    parser.add_argument("--block", choices=sorted(board.chip.chip.blocks), help="this one alone")
    parser.add_argument("--folder", type=Path, help="for what yosys reads and writes")
    parser.add_argument("--resume", action="store_true", help="take the netlist that is there")
    parser.add_argument("--above", type=float, default=15.0, help="ns that paths may take")
    parser.add_argument("--lines", type=int, default=30, help="groups of paths to show")
    parser.add_argument("--path", action="store_true", help="show the cells of the slowest path")
    options = parser.parse_args()

    console = Console(soft_wrap=True)
    try:
        if options.block:
            folder = options.folder or ALONE / options.block
            blocks = _map_alone(board, options.block, folder, resume=options.resume)
        else:
            folder = options.folder or Path("build/synthesis/ulx3s")
            netlist(board, folder, resume=options.resume)
            blocks = blocks_of(board)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        console.print(f"[red]{error}[/]; see what lies in {folder}")
        return 2

    cells = json.loads((folder / "netlist.json").read_text())["modules"]["board"]["cells"]
    found = estimate(cells)
    slow = sum(delay > options.above for delay, _, _ in found.ends)
    table = Table("through")
    for title in ("ns", "cells", "ends", "from", "to"):
        table.add_column(title, justify="right" if title in ("ns", "cells", "ends") else "left")
    for group in groups(found, blocks.values(), options.above)[: options.lines]:
        table.add_row(
            " → ".join(group.blocks),
            f"{group.delay:.1f}",
            f"{group.levels}",
            f"{group.ends:,}",
            group.first.removeprefix(CHIP),
            group.last.removeprefix(CHIP),
        )
    console.print(table)
    if options.path and found.ends:
        _, net, end = found.ends[0]
        for cell in [*found.path(net), end]:
            console.print(cell, markup=False)
    longest = found.ends[0][0] if found.ends else 0.0
    console.print(
        f"{longest:.1f} ns with {WIRE} ns a wire; {slow:,} of {len(found.ends):,} ends take more "
        f"than {options.above:g} ns"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
