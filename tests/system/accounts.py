"""What engines spent their cycles on, added up."""

from collections import Counter

from intarsia.isa.counters import Activity
from intarsia.isa.instruction import Stream

__all__ = ["assert_accounted", "spent"]


def spent(report):
    """Cycles by engine: of all layers and the rest, chips and inferences."""
    found = Counter()
    for engines in (*(layer["engines"] for layer in report["layers"]), report["rest"]):
        for engine, reasons in engines.items():
            assert set(reasons) == {activity.name.lower() for activity in Activity}
            assert min(reasons.values()) >= 0
            found[engine] += sum(reasons.values())
    return found


def assert_accounted(report):
    """Every cycle of every inference is booked, for every engine of every chip."""
    whole = report["cycles"] * report["chips"]
    assert spent(report) == {stream.name.lower(): whole for stream in Stream}
