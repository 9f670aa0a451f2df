"""How well chips' ATUs do."""

from collections.abc import Mapping
from typing import Any

from intarsia.compiler.plan import Plan

__all__ = ["translation"]

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
