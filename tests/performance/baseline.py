"""The cycles that are accepted, and why some are more than they once were."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["BASELINE", "PAGE", "TOLERANCE", "raised", "read", "write"]

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"

BASELINE = Path(__file__).with_name("baseline.json")

#: By which part more than accepted is a regression.
TOLERANCE = 0.02

#: Of the page: the rows below it are written by hand, all above by ``python -m tests.bench``.
RAISED = "## Entries that were raised"


def read() -> dict[str, dict[str, int]]:
    """For each case, its ``cycles``, and the ``least`` that it ever took."""
    return json.loads(BASELINE.read_text())


def write(cycles: Mapping[str, int], names: Iterable[str]) -> None:
    """Accept `cycles`, of what the chip can do. Those that once were less are remembered.

    Of `names`, those of all cases, others keep what they have.
    """
    known = read() if BASELINE.exists() else {}
    accepted = known | {
        name: {"cycles": taken, "least": min(taken, known.get(name, {}).get("least", taken))}
        for name, taken in cycles.items()
    }
    accepted = {name: accepted[name] for name in names if name in accepted}
    BASELINE.write_text(json.dumps(accepted, indent=1) + "\n")


def raised() -> dict[str, tuple[int, str]]:
    """For each case that the page says was raised: to how many cycles, and why."""
    _, _, by_hand = PAGE.read_text().partition(RAISED)
    table, *_ = by_hand.split("\n## ")
    rows = [
        [cell.strip() for cell in line.strip("|\n ").split("|")]
        for line in table.splitlines()
        if line.startswith("|") and not set(line) <= set("|-: ")
    ][1:]
    return {name: (int(cycles.replace(",", "")), reason) for name, cycles, reason in rows}
