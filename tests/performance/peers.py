"""Layers that other accelerators were measured on, alone and cold, and what those reach.

``peers.json`` has the figures: multiplications over what the peer's own array could have done.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.performance.case import FAR, NEAR, Case, Figure, Model, Span
from tests.performance.shapes import single

__all__ = ["NAMES", "PEERS", "SLACK", "Peer", "verdict"]

_CONTENT = json.loads(Path(__file__).with_name("peers.json").read_text())

#: Who was measured.
NAMES: tuple[str, ...] = tuple(_CONTENT["peers"])

#: Cycles over the largest limit that are good enough, whatever peers reach.
SLACK = 1.10


@dataclass(frozen=True)
class Peer:
    """A row of the table.

    Members
    -------
    name : str
    case : Case
        With the memory beside the chip, as the peers had it: what is judged.
    far : Case
        The same over links of `FAR` cycles.
    utilization : tuple of float or None
        Of each of `NAMES`; None where it can't do that, or was not measured.
    """

    name: str
    case: Case
    far: Case
    utilization: tuple[float | None, ...]

    @property
    def best(self) -> float:
        """What peers reach at best."""
        return max(part for part in self.utilization if part is not None)


def verdict(peer: Peer, figure: Figure) -> str:
    """``ahead`` of every peer, ``at the limit`` though not ahead, or ``behind``."""
    if figure.utilization > peer.best:
        return "ahead"
    return "at the limit" if figure.cycles <= SLACK * figure.limits.most else "behind"


def _row(row: dict[str, Any]) -> Peer:
    model: Model = row.get("model") or tuple(_layer(dict(layer)) for layer in row["layers"])
    name, far = row["name"], f"{row['name']}, cold, links of {FAR}"
    return Peer(
        name,
        Case(f"{name}, cold", Span.COLD, model, link_latency=NEAR),
        Case(far, Span.COLD, model, link_latency=FAR, long=row.get("large", False)),
        tuple(row["utilization"]),
    )


def _layer(layer: dict[str, Any]) -> tuple[Any, int]:
    times = layer.pop("times", 1)
    shape = tuple(layer.pop("size")), layer.pop("channels"), layer.pop("kernel")
    return partial(single, *shape, **layer), times


PEERS = tuple(_row(row) for row in _CONTENT["rows"])
