"""What takes time, shown while it does."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from intarsia.runtime import Session

__all__ = ["infer", "opened", "steps"]

#: Where the simulator logs what it makes.
MAKING = "intarsia.cosim"


def infer(session: Session, inputs: np.ndarray, *, check: bool) -> np.ndarray:
    """Open `session`, run `inputs`, close it; show what takes time."""
    with opened(session, len(inputs)) as progress:
        return session.run(inputs, check=check, progress=progress)


@contextmanager
def opened(session: Session, count: int) -> Iterator[Callable[[int], None]]:
    """Open `session` for `count` inferences, and close it again.

    Standard error shows a bar: what is being made, then how many inferences are done. Where it is
    no terminal, there is a line for each of these.

    Yields
    ------
    callable
        For :meth:`Session.run`, which calls it with the number of inferences done.
    """
    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("opening the simulator", total=None)

        def show(step: str) -> None:
            progress.update(task, description=step)
            if not console.is_terminal:
                console.print(step, soft_wrap=True, highlight=False)

        def advance(done: int) -> None:
            text = f"{done} of {count} inferences"
            progress.update(task, description=text, total=count, completed=done)

        with steps(show), session:
            show(f"running {count} inferences")
            yield advance


@contextmanager
def steps(show: Callable[[str], None]) -> Iterator[None]:
    """Within its block, `show` is called with what the simulator begins to make."""
    logger = logging.getLogger(MAKING)
    handler = _Steps(show)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Steps(logging.Handler):
    """Hands what is logged to `show`."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(record.getMessage())
