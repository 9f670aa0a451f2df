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
    latency = case.link_latency
    with Session(model, config=CONFIG, tiled=case.tiled or cold, link_latency=latency) as session:
        images = random_input(session.network, 1 if cold else 2, SEED)
        noticed, committed = 0, 0
        for image in images:
            session.run(image[np.newaxis], check=True)
            before, noticed = noticed, session.report["cycles"]
            committed = noticed - before - _since_commit(session)
        report = session.report
    assert report["mismatches"] == 0, f"{case.name}: {report['mismatches']} bytes differ"
    match case.span:
        case Span.LAYER:
            [taken] = [layer["cycles"] for layer in report["layers"]]
        case _:
            taken = committed
    return Figure(taken, report["macs"] // len(images), limits(session.network))


def _since_commit(session: Session) -> int:
    """Cycles from when the host had the last byte of output until the chip knew that."""
    [(_, interrupt)] = session.fabric.interrupted().values()
    return interrupt - session.fabric.last_commit
