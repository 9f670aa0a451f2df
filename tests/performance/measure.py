"""Cycles of a case. They are the same each time, on any machine."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from intarsia.cli.inputs import random_input
from intarsia.graph import Network
from intarsia.runtime import Session
from tests.performance.case import Case, Figure, Span
from tests.performance.limits import Limits, limits

__all__ = ["CONFIG", "measure"]

CONFIG = "large"

#: Of the inputs.
SEED = 0


def measure(case: Case, folder: Path | None) -> Figure:
    """Runs `case`: two inferences with different inputs, or one that is cold, and tiled.

    Parameters
    ----------
    case : Case
    folder : Path or None
        Where real networks are; only for those.

    Raises
    ------
    :exc:`AssertionError`
        If a byte differs from what the golden model says.
    :exc:`intarsia.compiler.errors.CompileError`
        If a network can't be laid over the chip.
    """
    whole = Figure(0, 0, Limits())
    for model, times in _models(case, folder):
        figure = _measured(case, model)
        whole = Figure(
            whole.cycles + times * figure.cycles,
            whole.macs + times * figure.macs,
            whole.limits + figure.limits * times,
        )
    return whole


def _models(case: Case, folder: Path | None) -> Iterator[tuple[Path | Network, int]]:
    """What `case` runs, and how many times each counts."""
    if isinstance(case.model, tuple):
        yield from ((model(), times) for model, times in case.model)
    elif callable(case.model):
        yield case.model(), 1
    elif case.real:
        assert folder is not None, f"{case.name} needs the real networks"
        yield folder / "models" / f"{case.model}.tflite", 1
    else:
        yield Path(case.model), 1


def _measured(case: Case, model: Path | Network) -> Figure:
    cold = case.span is Span.COLD
    with Session(model, config=CONFIG, tiled=case.tiled or cold) as session:
        images = random_input(session.network, 1 if cold else 2, SEED)
        cycles: list[int] = []
        for image in images:
            session.run(image[np.newaxis], check=True)
            cycles.append(session.report["cycles"] - sum(cycles))
        report = session.report
    assert report["mismatches"] == 0, f"{case.name}: {report['mismatches']} bytes differ"
    match case.span:
        case Span.NETWORK:
            taken = cycles[1]
        case Span.COLD:
            taken = cycles[0]
        case Span.LAYER:
            [taken] = [layer["cycles"] for layer in report["layers"]]
    return Figure(taken, report["macs"] // len(images), limits(session.network))
