"""Weights that a memory node has lost are noticed where they arrive, and never computed with."""

import pytest

from intarsia.cosim.transport import SimulatedTransport
from intarsia.digits import MODEL, data
from intarsia.isa.topology import MEMORY_NODE
from intarsia.runtime import Session
from intarsia.runtime.stock import Stock

pytestmark = pytest.mark.system


@pytest.fixture
def spoilt(monkeypatch):
    """A bit of each fragment with a checksum flips at the first memory node, once."""
    fill, store, known, seen = Stock.fill, SimulatedTransport.store, {}, set()

    def notice(self, transport):
        known.update((item["base"], item["size"]) for item in self.entries if "checked" in item)
        fill(self, transport)

    def spoil(self, node, address, content):
        if node == MEMORY_NODE and known.get(address) == len(content) and address not in seen:
            seen.add(address)
            place = len(content) // 2
            content = content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]
        store(self, node, address, content)

    monkeypatch.setattr(Stock, "fill", notice)
    monkeypatch.setattr(SimulatedTransport, "store", spoil)
    return seen


@pytest.mark.parametrize("replicas", [1, 2])
def test_damaged_weights_are_fetched_again(spoilt, replicas):
    """From their replica; or else all is brought to its place again, and begins anew."""
    images, _ = data.held_out()
    with Session(MODEL, chips=1, config="tiny", replicas=replicas) as session:
        session.run(images[:2], check=True)
        report = session.report
    assert spoilt
    assert report["mismatches"] == 0
    causes = [recovery["cause"] for recovery in report["recoveries"]]
    assert len(causes) == (replicas == 1)
    assert all("CHECKSUM" in cause for cause in causes)
