"""Chips keep parts of the map, and nothing else is different."""

import pytest

from intarsia.digits import MODEL, data
from intarsia.runtime import Session
from tests.system.wandering import migrate

pytestmark = pytest.mark.system


def run(count=3, **how):
    images, _ = data.held_out()
    with Session(MODEL, chips=4, config="large", **how) as session:
        session.run(images[:count], check=True)
        return session.report


def test_chips_are_homes():
    """Results are exact, the host accesses one register, and ATUs find what they have found."""
    reports = {homes: run(homes=homes) for homes in ("memory", "chips")}
    for homes, report in reports.items():
        assert (report["homes"], report["mismatches"]) == (homes, 0)
        assert report["host_accesses"] == report["inferences"]
        assert all(chip["later_hit_rate"] == 1 for chip in report["atu"])
    assert reports["chips"]["output_sha256"] == reports["memory"]["output_sha256"]
    assert abs(reports["chips"]["cycles"] / reports["memory"]["cycles"] - 1) < 0.05


def test_a_home_dies():
    """A chip that keeps the map dies: the others keep it then."""
    report = run(homes="chips", faults="kill=chip1@40000", count=4)
    assert (report["killed"], report["restarts"], report["mismatches"]) == ([1], 1, 0)


@pytest.mark.parametrize("cycle", [20_000, 30_000, 40_000])
def test_a_memory_node_dies(cycle):
    """Chips that keep the map are told where replicas lie, also while they ask the dead node."""
    report = run(homes="chips", faults=f"kill=memory@{cycle}", replicas=2, count=6)
    assert (report["killed"], report["restarts"], report["mismatches"]) == ([32], 0, 0)
    assert report["failovers"][0]["restored"] is not None


def test_fragments_move():
    images, _ = data.held_out()
    found = migrate(MODEL, images[:5], 4, streamed=True, partition="channels", homes="chips")
    assert (found.wrong, found.restarts) == (0, 0)
    assert found.moves > 50


def test_moved_at_rest():
    """Everything goes to another place, and the tables of chips with it."""
    images, _ = data.held_out()
    with Session(MODEL, chips=4, homes="chips") as session:
        for seed in range(3):
            session.relocate(seed)
            session.run(images[:1], check=True)
        assert session.report["mismatches"] == 0


def test_ways_to_keep_it_are_named():
    with pytest.raises(ValueError, match="The map is kept by one of memory, chips, not 'disk'"):
        Session(MODEL, homes="disk")
