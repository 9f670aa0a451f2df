"""``intarsia run``: a model of the user's, over simulated chips."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from intarsia.cli.options import Chips, Config, Faults, Homes, Partition, Replicas, Topology
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
    topology: Topology = "star",
    replicas: Replicas = 1,
    homes: Homes = "memory",
    faults: Faults = "",
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
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="TRACE.json",
            help="Where to leave a time line of all engines, for ui.perfetto.dev; 1 us is 1 cycle.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where to leave index.html and tables: cycles by layer and engine, and why.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random input.")] = 0,
) -> int:
    """Run a quantized network over simulated chips.

    Leaves with 0; 1 if --check finds a byte that differs; 2 if something was asked for that can't
    be done; 3 if the simulated chips fail, and can't be made to go on.
    """
    import numpy as np

    from intarsia.cli import tables
    from intarsia.cli.inputs import random_input, read_input
    from intarsia.cli.progress import opened
    from intarsia.report import write_report, write_trace
    from intarsia.runtime import Session

    recorded = trace is not None or report is not None
    session = Session(
        model,
        chips=chips,
        config=config,
        mode=mode,
        partition=partition,
        topology=topology,
        replicas=replicas,
        homes=homes,
        faults=faults,
        record=recorded,
    )
    if source is None:
        inputs = random_input(session.network, 1, seed)
    else:
        inputs = read_input(session.network, source)
    _make_room(output, json, trace, folder=report)
    with opened(session, len(inputs)) as progress:
        results = session.run(inputs, check=check, progress=progress)
        recording = session.recording() if recorded else None
    figures = session.report

    if output is not None:
        with output.open("wb") as file:
            np.save(file, results)
    if json is not None:
        tables.write(figures, json)
    if trace is not None and recording is not None:
        write_trace(recording, trace)
    if report is not None and recording is not None:
        write_report(recording, report)
    console = Console()
    console.print(tables.layers(figures))
    console.print(tables.summary(figures))
    return 1 if figures["mismatches"] else 0


def _make_room(*files: Path | None, folder: Path | None) -> None:
    """Make the folders that results go to, before anything is run for them."""
    for path in files:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
