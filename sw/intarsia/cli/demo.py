"""``intarsia demo``: handwritten digits that the network has never seen."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from intarsia.cli.options import Chips, Config

__all__ = ["demo"]

#: Characters of a line of the picture.
PICTURE = 90


def demo(
    chips: Chips = 4,
    config: Config = "large",
    images: Annotated[
        int, typer.Option(min=1, max=360, help="How many of the held-out images.")
    ] = 360,
    json: Annotated[
        Path, typer.Option(metavar="OUT.json", help="Where to leave the figures.")
    ] = Path("build/demo.json"),
    picture: Annotated[
        Path | None,
        typer.Option(metavar="OUT.svg", help="Where to leave what is printed, as a picture."),
    ] = None,
) -> int:
    """Classify the held-out images of scikit-learn's digits on simulated chips.

    Every byte is compared with the golden model. Leaves with 1 if one differs.
    """
    import numpy as np

    from intarsia.cli.progress import infer
    from intarsia.cli.tables import layers, summary, write
    from intarsia.digits import MODEL, data
    from intarsia.runtime import Session

    pictures, labels = (array[:images] for array in data.held_out())
    session = Session(MODEL, chips=chips, config=config)
    for path in (json, picture):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    scores = infer(session, pictures, check=True)
    accuracy = float(np.mean(scores.argmax(axis=1) == labels))

    report = session.report | {"model": MODEL.name, "accuracy": accuracy}
    write(report, json)
    console = Console(record=picture is not None, width=PICTURE if picture is not None else None)
    console.print(layers(report))
    console.print(summary(report, accuracy=f"{accuracy:.1%}"))
    if picture is not None:
        console.save_svg(str(picture), title=f"intarsia demo --chips {chips}")
    return 1 if report["mismatches"] else 0
