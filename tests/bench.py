"""``python -m tests.bench``: speed of the simulated chips, and of their simulator.

Runs the digits network and, where the real networks are at hand, ResNet-8, over 4 chips of
configuration `large`. Leaves the reports in ``build/bench.json``.
"""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from intarsia.cli.progress import infer
from intarsia.cli.tables import layers, write
from intarsia.digits import MODEL, data
from intarsia.runtime import Session
from tests.inputs import goldens, inputs_folder

CHIPS = 4
CONFIG = "large"
INFERENCES = 4

RESNET = "resnet8_cifar10_int8"
OUTPUT = Path(__file__).parents[1] / "build" / "bench.json"


def cases() -> dict[Path, np.ndarray]:
    """Models, and what they are given."""
    images, _ = data.held_out()
    found = {MODEL: images[:INFERENCES]}
    if folder := inputs_folder():
        inputs, _ = goldens(folder, RESNET, "xnnpack")
        found[folder / "models" / f"{RESNET}.tflite"] = inputs[:INFERENCES]
    return found


def main() -> None:
    """Measure, and show."""
    console = Console()
    table = Table("network")
    for title in ("cycles", "utilization", "wall time", "chip-cycles per CPU second"):
        table.add_column(title, justify="right")
    reports = {}
    for model, inputs in cases().items():
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
    main()
