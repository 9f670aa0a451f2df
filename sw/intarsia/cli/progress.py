"""Inferences under a progress bar."""

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from intarsia.runtime import Session

__all__ = ["infer"]


def infer(session: Session, inputs: np.ndarray, *, check: bool) -> np.ndarray:
    """Open `session`, run `inputs`, close it; show on the terminal what takes time."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("making the simulator", total=None)
        with session:
            progress.update(task, description="inferences", total=len(inputs), completed=0)
            return session.run(
                inputs, check=check, progress=lambda done: progress.update(task, completed=done)
            )
