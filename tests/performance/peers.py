"""Layers that other accelerators were measured on, alone and cold, and what those reach.

``peers.json`` has the figures: multiplications over what the peer's own array could have done.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.performance.case import Case, Figure, Span
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
    case : Case
    utilization : tuple of float or None
        Of each of `NAMES`; None where it can't do that, or was not measured.
    """

    case: Case
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
    model = row.get("model") or tuple(_layer(dict(layer)) for layer in row["layers"])
    case = Case(row["name"], Span.COLD, model)
    return Peer(case, tuple(row["utilization"]))


def _layer(layer: dict[str, Any]) -> tuple[Any, int]:
    times = layer.pop("times", 1)
    shape = tuple(layer.pop("size")), layer.pop("channels"), layer.pop("kernel")
    return partial(single, *shape, **layer), times


PEERS = tuple(_row(row) for row in _CONTENT["rows"])
