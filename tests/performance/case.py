"""A row of what is measured: what is run, and what is asked of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from intarsia.graph import Network
from tests.performance.limits import Limits

__all__ = ["FAR", "MACS", "NEAR", "Case", "Figure", "Model", "Span"]

#: Multipliers of the array of configuration `large`.
MACS = 256

#: Cycles that a beat takes over a link: with memory and host beside the chip, and far from it.
NEAR, FAR = 1, 32

#: Name of a real network, a file of the project's, what makes a network, or several of those that
#: are run one by one, each so many times.
Model = str | Path | Callable[[], Network] | tuple[tuple[Callable[[], Network], int], ...]


class Span(StrEnum):
    """From when to when cycles are counted."""

    #: The second inference: from the doorbell until the host has the last byte of output.
    NETWORK = "network"

    #: From the start of the engine to its last write; operands are in the chip's memory.
    LAYER = "layer"

    #: The first inference: the same as `NETWORK`, with nothing in the chip's memory before.
    COLD = "cold layer"


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Members
    -------
    name : str
    span : Span
    model : Model
    most_cycles : int or None
        Not to be exceeded.
    utilization : float or None
        Of the MAC array, at least.
    tiled : bool
        It is computed in stripes, and its weights are loaded in each inference.
    link_latency : int
        Cycles that a beat takes over each of the two links between the chip and memory or host.
    long : bool
        For ``make bench`` alone, not for ``make test``.
    """

    name: str
    span: Span
    model: Model
    most_cycles: int | None = None
    utilization: float | None = None
    tiled: bool = False
    link_latency: int = FAR
    long: bool = False

    @property
    def real(self) -> bool:
        """Whether it needs a file that is not part of the project."""
        return isinstance(self.model, str)


@dataclass(frozen=True)
class Figure:
    """What was measured.

    Members
    -------
    cycles : int
    macs : int
        Multiplications of one inference.
    limits : Limits
        Cycles that it takes at least, with all operands off-chip.
    """

    cycles: int
    macs: int
    limits: Limits

    @property
    def utilization(self) -> float:
        """Part of the array's multiplications that were needed."""
        return self.macs / (self.cycles * MACS)
