"""Cycles of a case. They are the same each time, on any machine."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from intarsia.cli.inputs import random_input
from intarsia.runtime import Session
from tests.performance.cases import Case, Span

__all__ = ["CONFIG", "Figure", "measure"]

CONFIG = "large"

#: Of the inputs.
SEED = 0

#: Multipliers of its array.
MACS = 256


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Members
    -------
    cycles : int
    macs : int
        Multiplications of one inference.
    """

    cycles: int
    macs: int

    @property
    def utilization(self) -> float:
        """Part of the array's multiplications that were needed."""
        return self.macs / (self.cycles * MACS)


def measure(case: Case, folder: Path | None) -> Figure:
    """Runs `case`: two inferences with different inputs. Cold layers are tiled.

    Parameters
    ----------
    case : Case
    folder : Path or None
        Where real networks are; only for those.

    Raises
    ------
    :exc:`AssertionError`
        If a byte differs from what the golden model says.
    """
    if case.real:
        assert folder is not None, f"{case.name} needs the real networks"
        model = folder / "models" / f"{case.model}.tflite"
    else:
        model = case.model() if callable(case.model) else Path(case.model)
    with Session(model, config=CONFIG, tiled=case.span is Span.COLD) as session:
        images = random_input(session.network, 2, SEED)
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
    return Figure(taken, report["macs"] // 2)
