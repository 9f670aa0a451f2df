"""The digits network is exact however its chips are joined, and when one of them dies."""

import numpy as np
import pytest

from intarsia.digits import MODEL, data
from intarsia.runtime import Session

pytestmark = pytest.mark.system

SYSTEMS = {
    "pair": ("pair", "tiny", 2),
    "ring": ("ring", "tiny", 3),
    "row": ("mesh", "tiny", 3),
    "large ring": ("ring", "large", 4),
    "mesh": ("mesh", "large", 4),
}


@pytest.mark.parametrize(("name", "config", "chips"), SYSTEMS.values(), ids=SYSTEMS)
def test_digits_are_exact(name, config, chips):
    images, _ = data.held_out()
    with Session(MODEL, chips=chips, config=config, topology=name) as session:
        session.run(images[:3], check=True)
    assert session.report["mismatches"] == 0
    assert session.report["topology"] == name


def test_packets_go_from_chip_to_chip():
    """Joined by links of their own, two chips load the hub less: what they exchange passes once."""
    images, _ = data.held_out()
    crossed = {}
    for name in ("star", "pair"):
        with Session(MODEL, chips=2, config="tiny", partition="rows", topology=name) as session:
            session.run(images[:1], check=True)
        crossed[name] = session.report["link_bytes"]
        assert session.report["mismatches"] == 0
    assert crossed["pair"] < crossed["star"]


def test_the_dead_are_routed_round():
    """A chip of a ring dies; its neighbors reach each other the other way, and the host."""
    images, _ = data.held_out()
    with Session(MODEL, chips=3, config="tiny", topology="ring") as session:
        expected = session.run(images[:3])
    faults = "kill=chip1@30000"
    with Session(MODEL, chips=3, config="tiny", topology="ring", faults=faults) as session:
        found = session.run(images[:3], check=True)
        assert session.fabric.topology.name == "ring without 1"
    assert session.report["mismatches"] == 0
    assert np.array_equal(found, expected)
