"""How well chips' ATUs and links do."""

from collections.abc import Mapping
from typing import Any

from intarsia.compiler.plan import Plan
from intarsia.cosim.fabric import Fabric
from intarsia.runtime.deployment import Deployment

__all__ = ["Meters", "translation"]

Lookups = Mapping[int, tuple[int, int]]


def translation(plan: Plan, lookups: Lookups, first: Lookups) -> list[dict[str, Any]]:
    """Of each chip: fragments that it uses, and look-ups of its ATU.

    Parameters
    ----------
    plan : Plan
    lookups : mapping of int to (int, int)
        By node, hits and misses so far.
    first : mapping of int to (int, int)
        Those of the first inference and of all before it, which fill the ATUs.
    """
    found = []
    for node, chip in zip(plan.nodes, plan.chips, strict=True):
        hits, misses = lookups.get(node, (0, 0))
        before = first.get(node, (hits, misses))
        later = hits - before[0], misses - before[1]
        found.append({
            "working_set": len(chip.fragments),
            "entries": plan.config.atu_sets * plan.config.atu_ways,
            "hits": hits,
            "misses": misses,
            "later_hit_rate": later[0] / sum(later) if sum(later) else None,
        })
    return found


class Meters:
    """What chips have counted, as it was read the last time.

    Members
    -------
    packets : dict of str to int
        Those that ends of links elsewhere have sent again, and that came damaged there.
    """

    def __init__(self) -> None:
        self.packets = {"repeated": 0, "damaged": 0}
        self._first: Lookups = {}
        self._lookups: Lookups = {}
        self._repeats: list[tuple[int, int]] = []

    def read_first(self, deployment: Deployment) -> None:
        """Ask all chips, after the first inference."""
        self._first = _lookups(deployment)

    def read_lookups(self, deployment: Deployment) -> None:
        """Ask all chips for look-ups of their ATUs."""
        self._lookups = _lookups(deployment)

    def read_repeats(self, deployment: Deployment) -> None:
        """Ask all chips for packets that were sent again."""
        self._repeats = deployment.repeats()

    def read_packets(self, fabric: Fabric) -> None:
        """Ask what is between chips."""
        self.packets = {"repeated": fabric.repeated, "damaged": fabric.damaged}

    def translation(self, plan: Plan) -> list[dict[str, Any]]:
        """See :func:`translation`."""
        return translation(plan, self._lookups, self._first)

    def links(self) -> list[dict[str, int]]:
        """Of each chip: packets that its links have sent again, and those that came damaged."""
        return [{"repeats": repeats, "damaged": damaged} for repeats, damaged in self._repeats]


def _lookups(deployment: Deployment) -> Lookups:
    return dict(zip(deployment.plan.nodes, deployment.lookups(), strict=True))
