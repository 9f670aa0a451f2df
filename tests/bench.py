"""``make bench``: cycles of layers and networks, and speed of the simulator.

Writes ``docs/performance.md`` and ``build/bench.json``. Cycles are the same on any machine; ``make
test`` fails where one is more than accepted. ``python -m tests.bench NAME…`` shows the cases whose
name has one of these in it, and leaves the page as it is.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from intarsia.cli.progress import infer
from intarsia.cli.tables import layers, write
from intarsia.compiler.errors import CompileError
from intarsia.digits import MODEL, data
from intarsia.runtime import Session
from tests.inputs import ENVIRONMENT, goldens, inputs_folder
from tests.performance import baseline, page
from tests.performance.case import Case, Figure
from tests.performance.cases import CASES
from tests.performance.measure import measure
from tests.performance.page import Outcome

CHIPS = 4
CONFIG = "large"
INFERENCES = 4

RESNET = "resnet8_cifar10_int8"
ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "build" / "bench.json"


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="Only cases with one of these in their name.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept the cycles of these cases from now on.")
    ] = False,
) -> None:
    """Measure layers, networks, and the simulator.

    Example: python -m tests.bench depthwise
    """
    console = Console()
    folder = inputs_folder()
    chosen = [
        case
        for case in CASES
        if (folder or not case.real) and (not names or any(name in case.name for name in names))
    ]
    figures = _measured(chosen, folder, console)
    console.print(page.table(figures))
    if accept:
        taken = {
            case.name: found.cycles for case, found in figures.items() if isinstance(found, Figure)
        }
        baseline.write(taken, [case.name for case in CASES])
    if names:
        return
    if len(figures) < len(CASES):
        console.print(f"Real networks are not at hand: set {ENVIRONMENT}; the page is as it was.")
    else:
        page.write(figures, _commit())
    _simulator(console, folder)


def _measured(cases: Sequence[Case], folder: Path | None, console: Console) -> dict[Case, Outcome]:
    found: dict[Case, Outcome] = {}
    with Progress(console=console, transient=True) as progress:
        for case in progress.track(cases, description="measuring"):
            try:
                found[case] = measure(case, folder)
            except CompileError as error:
                found[case] = error
    return found


def _commit() -> str:
    """The commit that is measured; changes that are not committed are told."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude", "*"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return told.stdout.strip()


def _simulator(console: Console, folder: Path | None) -> None:
    """Speed of the simulator, with 4 chips."""
    table = Table("network, 4 chips")
    for title in ("cycles", "utilization", "wall time", "chip-cycles per CPU second"):
        table.add_column(title, justify="right")
    images, _ = data.held_out()
    found = {MODEL: images[:INFERENCES]}
    if folder:
        inputs, _ = goldens(folder, RESNET, "xnnpack")
        found[folder / "models" / f"{RESNET}.tflite"] = inputs[:INFERENCES]
    reports = {}
    for model, inputs in found.items():
        session = Session(model, chips=CHIPS, config=CONFIG)
        infer(session, inputs, check=False)
        report: dict[str, Any] = session.report | {"model": model.name}
        reports[model.stem] = report
        console.print(layers(report))
        table.add_row(
            model.stem,
            f"{report['cycles'] / INFERENCES:,.0f}",
            f"{report['utilization']:.1%}",
            f"{report['wall_s'] / INFERENCES:.2f} s",
            f"{report['chip_cycles_per_s']:,.0f}",
        )
    write(reports, OUTPUT)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
