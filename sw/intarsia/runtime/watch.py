"""What chips report while they run, as the host takes it in."""

import numpy as np

from intarsia.compiler.plan import Plan
from intarsia.cosim.fabric import Fabric
from intarsia.runtime.progress import Progress
from intarsia.runtime.recording import Recorder
from intarsia.runtime.stalls import Ledger
from intarsia.runtime.timeline import Event, layer_cycles

__all__ = ["Watch"]


class Watch:
    """Follows the programs of a plan.

    Parameters
    ----------
    fabric : Fabric
    plan : Plan
        Whose programs are about to run, from their start.
    record : bool
        Keep every instruction that chips had under way.

    Members
    -------
    recorder : Recorder or None
    spells : list of (int, int)
        Cycles in which inferences began and ended.
    booked : numpy.ndarray
        Of the last inference; see :meth:`intarsia.runtime.stalls.Ledger.book`.
    """

    def __init__(self, fabric: Fabric, plan: Plan, *, record: bool) -> None:
        for chip in range(len(fabric.configs)):
            fabric.events(chip)
        self._fabric, self._plan = fabric, plan
        self._progress = Progress(plan)
        self._events: list[list[Event]] = [[] for _ in plan.chips]
        self.recorder = Recorder(chip.program for chip in plan.chips) if record else None
        self.spells: list[tuple[int, int]] = []
        self._ledger = Ledger(len(plan.chips), len(plan.layers))
        self._marks: list[np.ndarray] = []

    def take(self) -> bool:
        """Take in what chips have reported. Whether that is anything."""
        events = [self._fabric.events(node) for node in self._plan.nodes]
        for chip, found in enumerate(events):
            self._events[chip] += found
            self._progress.feed(chip, found)
            if self.recorder is not None:
                self.recorder.feed(chip, found)
        return any(events)

    def waits(self) -> list[str]:
        """What chips are doing, or waiting for."""
        self.take()
        return self._progress.waits()

    def moved(self) -> bool:
        """Whether chips do something, or are watched by their watchdogs."""
        return self.take() or self._progress.busy()

    def mark(self, cycle: int) -> None:
        """An inference began or ended in `cycle`, which has passed not long ago."""
        self._marks.append(
            np.stack([self._fabric.activities(node, cycle) for node in self._plan.nodes])
        )

    def ended(self, spell: tuple[int, int]) -> list[int]:
        """An inference has ended. Returns cycles that each layer has taken since the last one.

        Its beginning and its end have been marked.
        """
        self.spells.append(spell)
        self.take()
        cycles = layer_cycles(self._events, len(self._plan.layers))
        self.booked = self._ledger.book(self._events, spell[1], *self._marks[-2:])
        self._marks.clear()
        for events in self._events:
            events.clear()
        return cycles
