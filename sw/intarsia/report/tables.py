"""Figures of a recording as tables."""

import csv
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intarsia.graph import Conv, Network
from intarsia.isa.counters import Activity
from intarsia.isa.instruction import RemoteOp, Stream
from intarsia.report.booking import Use, book, last_inference
from intarsia.runtime.recording import Recording

__all__ = ["REST", "Table", "counters", "engines", "last_if_none", "layers", "stalls"]

#: Stands for a layer where there is none.
REST = "after the last layer"

#: What brings bytes to a chip, and what sends them away.
_READS = RemoteOp.READ, RemoteOp.GATHER
_WRITES = RemoteOp.WRITE, RemoteOp.ACCUMULATE, RemoteOp.SCATTER


@dataclass(frozen=True)
class Table:
    """Rows of equal columns.

    Members
    -------
    name : str
        Of its file.
    rows : tuple of dict
        All with the same keys, in the same order.
    """

    name: str
    rows: tuple[dict[str, Any], ...]

    def write(self, folder: Path) -> None:
        """Store it as ``NAME.csv``."""
        with (folder / f"{self.name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def layers(recording: Recording) -> Table:
    """The last inference by layer and chip.

    The columns named by :class:`~intarsia.report.booking.Use` sum to ``cycles``, and ``cycles`` of
    a chip to the inference's. ``utilization`` is that of the chip's array in those cycles. ``read``
    and ``written`` are bytes that the chip's own transfers have moved over links, headers not
    included. ``touched`` are bytes of all chips: weights, inputs and output of the layer, once
    each.
    """
    booked = book(recording)
    moved = _moved(recording)
    plan = recording.plan
    rows = []
    for chip in range(len(plan.chips)):
        for number, layer in enumerate(plan.layers):
            uses = booked[chip][number]
            cycles, macs = uses.total(), layer.macs[chip]
            rows.append({
                "chip": chip,
                "number": number,
                "layer": layer.name,
                "operator": layer.op,
                "device": str(layer.device),
                **{use.value: uses[use] for use in Use},
                "cycles": cycles,
                "macs": macs,
                "utilization": macs / (cycles * plan.config.macs) if cycles else 0.0,
                "read": sum(moved[chip, number, opcode.name] for opcode in _READS),
                "written": sum(moved[chip, number, opcode.name] for opcode in _WRITES),
                "touched": touched(recording.network, number),
            })
    return Table("layers", tuple(rows))


def engines(recording: Recording) -> Table:
    """The last inference by chip, engine and layer, as far as engines took part.

    ``under way`` are cycles in which the engine's first instruction was one of that layer;
    ``first`` and ``last`` are when that began and ended, counted from the inference's beginning.
    """
    rows: dict[tuple[int, Stream, int], dict[str, Any]] = {}
    for span in last_inference(recording):
        row = rows.setdefault(
            (span.chip, span.stream, span.layer),
            {
                "chip": span.chip,
                "engine": span.stream.name.lower(),
                "number": span.layer,
                "layer": recording.plan.layers[span.layer].name,
                "instructions": 0,
                "under way": 0,
                "first": span.begin,
                "last": span.end,
                "bytes": 0,
            },
        )
        row["instructions"] += 1
        row["under way"] += span.end - span.begin
        row["last"] = span.end
        row["bytes"] += span.size
    return Table("engines", tuple(rows.values()))


def stalls(recording: Recording) -> Table:
    """The last inference by chip, engine and layer: what engines spent their cycles on.

    The activities sum to ``cycles``, and ``cycles`` of an engine to the inference's. What an engine
    waited for before an instruction is that instruction's layer's; what comes after its last one is
    in a row without ``number``.
    """
    names = [layer.name for layer in recording.plan.layers]
    return Table(
        "stalls",
        tuple(
            {
                "chip": stall.chip,
                "engine": stall.stream.name.lower(),
                "number": stall.layer,
                "layer": REST if stall.layer is None else names[stall.layer],
                **{activity.name.lower(): stall.at(activity) for activity in Activity},
                "cycles": stall.total,
            }
            for stall in recording.stalls
        ),
    )


def counters(recording: Recording) -> Table:
    """The chips' counters since reset: each row's activities sum to its total."""
    return Table("counters", tuple(_counters(recording)))


def last_if_none(number: int | None) -> float:
    """Sorts numbers of layers; None comes last."""
    return math.inf if number is None else number


def touched(network: Network, number: int) -> int:
    """Bytes of an operator's weights, inputs and output, once each."""
    op = network.ops[number]
    maps = sum(math.prod(network.tensors[name].shape) for name in (*op.inputs, op.output))
    return maps + (op.weights.size if isinstance(op, Conv) else 0)


def _counters(recording: Recording) -> Iterator[dict[str, Any]]:
    for chip, banks in enumerate(recording.counters):
        for bank, cycles in banks.items():
            yield {
                "chip": chip,
                "engine": bank.name.lower(),
                **{activity.name.lower(): cycles[activity] for activity in Activity},
                "total": recording.cycles,
            }


def _moved(recording: Recording) -> Counter[tuple[int, int, str]]:
    """Bytes by chip, layer and opcode."""
    moved: Counter[tuple[int, int, str]] = Counter()
    for span in last_inference(recording):
        moved[span.chip, span.layer, span.opcode] += span.size
    return moved
