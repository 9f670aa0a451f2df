"""``intarsia demo``: handwritten digits that the network has never seen."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from intarsia.cli.options import Chips, Config

__all__ = ["demo"]


def demo(
    chips: Chips = 4,
    config: Config = "large",
    images: Annotated[
        int, typer.Option(min=1, max=360, help="How many of the held-out images.")
    ] = 360,
    json: Annotated[
        Path, typer.Option(metavar="OUT.json", help="Where to leave the figures.")
    ] = Path("build/demo.json"),
) -> int:
    """Classify the held-out images of scikit-learn's digits on simulated chips.

    Every byte is compared with the golden model. Leaves with 1 if one differs.
    """
    import numpy as np

    from intarsia.cli.progress import infer
    from intarsia.cli.report import layers, summary, write
    from intarsia.digits import MODEL, data
    from intarsia.runtime import Session

    pictures, labels = (array[:images] for array in data.held_out())
    session = Session(MODEL, chips=chips, config=config)
    scores = infer(session, pictures, check=True)
    accuracy = float(np.mean(scores.argmax(axis=1) == labels))

    report = session.report | {"model": MODEL.name, "accuracy": accuracy}
    write(report, json)
    console = Console()
    console.print(layers(report))
    console.print(summary(report, accuracy=f"{accuracy:.1%}"))
    return 1 if report["mismatches"] else 0
