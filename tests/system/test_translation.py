"""Chips that use more fragments than their ATUs hold are exact; homes tell them what is missing."""

import pytest

from intarsia.cosim.transport import SimulatedTransport
from intarsia.digits import MODEL, data
from intarsia.driver.errors import ChipFaultError
from intarsia.isa.bits import decode
from intarsia.isa.fragment import FragmentEntry
from intarsia.runtime import Session

pytestmark = pytest.mark.system


def test_more_fragments_than_entries_are_exact():
    images, _ = data.held_out()
    with Session(MODEL, chips=4, config="tiny") as session:
        session.run(images[:3], check=True)
        report = session.report
    assert report["mismatches"] == 0
    assert any(chip["working_set"] > chip["entries"] for chip in report["atu"])
    assert all(chip["misses"] > 0 for chip in report["atu"])
    assert any(chip["later_hit_rate"] < 1 for chip in report["atu"])


def test_what_fits_is_asked_once():
    """From the second inference on, everything is there."""
    images, _ = data.held_out()
    with Session(MODEL, chips=1, config="tiny") as session:
        session.run(images[:3], check=True)
        (chip,) = session.report["atu"]
    assert session.report["mismatches"] == 0
    assert chip["misses"] <= chip["working_set"] <= chip["entries"]
    assert chip["later_hit_rate"] == 1


def test_an_entry_that_no_home_has_is_named(monkeypatch):
    """The weights of a layer are missing from their home."""
    keep, lost = SimulatedTransport.keep, []

    def spy(self, node, entry):
        fields = decode(FragmentEntry, int.from_bytes(entry, "little"))
        key = fields["data_id"], fields["fragment"]
        if (fields["node"] == 32 and not lost) or key in lost:
            lost.append(key)
        else:
            keep(self, node, entry)

    monkeypatch.setattr(SimulatedTransport, "keep", spy)
    images, _ = data.held_out()
    session = Session(MODEL, chips=1, config="tiny")
    with pytest.raises(ChipFaultError, match=r"ATU_MISS.*"), session:
        session.run(images[:1])
    assert lost
