"""For which layer engines spent their cycles, and on what: none is left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.isa.counters import ACTIVITIES, Activity
from intarsia.isa.instruction import Stream
from intarsia.runtime.timeline import Event

__all__ = ["Ledger", "Stall", "stalls"]


@dataclass(frozen=True)
class Stall:
    """Cycles that an engine spent for a layer, in one inference.

    Members
    -------
    chip : int
    stream : Stream
    layer : int or None
        Number in the plan; None: after the engine's last instruction of the inference.
    cycles : tuple of int
        By :class:`~intarsia.isa.counters.Activity`.
    """

    chip: int
    stream: Stream
    layer: int | None
    cycles: tuple[int, ...]

    def at(self, activity: Activity) -> int:
        """Cycles at an activity."""
        return self.cycles[activity.value]

    @property
    def total(self) -> int:
        """All cycles."""
        return sum(self.cycles)


class Ledger:
    """Books every cycle of inferences on a layer, for each chip and stream.

    From an instruction's start until it is complete, the cycles of its stream are booked on its
    layer; and so are those between it and the instruction before it, which are spent waiting for
    it. Those after the last one that begins in the inference belong to no layer.

    Parameters
    ----------
    chips : int
        They have just been started.
    layers : int
    """

    def __init__(self, chips: int, layers: int) -> None:
        self._layers = layers
        # Of each stream, the layer of what is under way; that of nothing is one more than all.
        self._under_way = np.full((chips, len(Stream)), layers)

    def book(
        self,
        chips: Sequence[Sequence[Event]],
        end: int,
        before: np.ndarray,
        after: np.ndarray,
    ) -> np.ndarray:
        """Cycles of an inference by chip, stream, layer and activity; the last layer is none.

        Parameters
        ----------
        chips : sequence of sequence of Event
            Of each chip, in order of time: all since those of the last call.
        end : int
            Cycle in which the inference ended.
        before, after : numpy.ndarray
            What streams had counted when it began, and when it ended, by chip, stream and activity.

        Returns
        -------
        numpy.ndarray
            Summed over layers, it is `after` - `before`.
        """
        booked = np.zeros((len(chips), len(Stream), self._layers + 1, ACTIVITIES), np.int64)
        for chip, events in enumerate(chips):
            for stream in range(len(Stream)):
                own = [event for event in events if event[1] == stream]
                first, last = before[chip, stream], after[chip, stream]
                marks = np.array([first, *(event[5] for event in own), last])
                spent = np.diff(np.clip(marks, first, last), axis=0)
                layers = [*self._spent_for(chip, own, end), self._under_way[chip, stream]]
                np.add.at(booked[chip, stream], layers, spent)
        return booked

    def _spent_for(self, chip: int, events: Sequence[Event], end: int) -> Iterator[int]:
        """Layers of what was spent before each event of a stream."""
        for cycle, stream, _, layer, done, _ in events:
            if done:
                yield self._under_way[chip, stream]
                self._under_way[chip, stream] = self._layers
            else:
                yield layer if cycle < end else self._layers
                self._under_way[chip, stream] = layer


def stalls(booked: np.ndarray) -> tuple[Stall, ...]:
    """What :meth:`Ledger.book` returned, by chip, stream and layer, without what took no cycle."""
    none = booked.shape[2] - 1
    return tuple(
        Stall(chip, stream, layer if layer < none else None, tuple(cycles))
        for chip, streams in enumerate(booked.tolist())
        for stream, layers in zip(Stream, streams, strict=True)
        for layer, cycles in enumerate(layers)
        if any(cycles)
    )
