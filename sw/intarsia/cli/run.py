"""``intarsia run``: a model of the user's, over simulated chips."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from intarsia.cli.options import Chips, Config, Partition
from intarsia.graph import Mode

__all__ = ["run"]


def run(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A quantized .onnx or .tflite.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="What it is given, with a leading batch axis, in the model's own layout and type: "
            ".npy, .npz (or FILE.npz:NAME), or a picture. Seeded random values if left out.",
        ),
    ] = None,
    chips: Chips = 1,
    config: Config = "large",
    mode: Annotated[
        Mode | None,
        typer.Option(
            case_sensitive=False,
            help="Whose rounding; onnx for .onnx and xnnpack for .tflite if left out.",
        ),
    ] = None,
    partition: Partition = "auto",
    check: Annotated[
        bool,
        typer.Option("--check", help="Compare every byte of the output with the golden model."),
    ] = False,
    json: Annotated[
        Path | None, typer.Option(metavar="OUT.json", help="Where to leave the figures.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="Y.npy", help="Where to leave what the model returns."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random input.")] = 0,
) -> int:
    """Run a quantized network over simulated chips.

    Leaves with 0; 1 if --check finds a byte that differs; 2 if something was asked for that can't
    be done; 3 if the simulated chips report a fault.
    """
    import numpy as np

    from intarsia.cli.inputs import random_input, read_input
    from intarsia.cli.progress import infer
    from intarsia.cli.report import layers, summary, write
    from intarsia.runtime import Session

    session = Session(model, chips=chips, config=config, mode=mode, partition=partition)
    if source is None:
        inputs = random_input(session.network, 1, seed)
    else:
        inputs = read_input(session.network, source)
    for path in (output, json):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    results = infer(session, inputs, check=check)
    report = session.report

    if output is not None:
        with output.open("wb") as file:
            np.save(file, results)
    if json is not None:
        write(report, json)
    console = Console()
    console.print(layers(report))
    console.print(summary(report))
    return 1 if report["mismatches"] else 0
