"""What is claimed holds; and the solver refutes what does not."""

from pathlib import Path

import pytest
from amaranth.hdl import Assert

from tests.formal.catalogue import PROOFS
from tests.formal.proof import Proof, refute

BUILD = Path(__file__).parents[2] / "build" / "formal"


@pytest.mark.parametrize("name", PROOFS)
def test_claim_holds(name):
    assert refute(PROOFS[name](), BUILD / name) is None


class Wrong(Proof):
    """Nothing is ever seven."""

    depth = 3

    def describe(self, m):
        m.d.comb += Assert(self.anything(4, "number") != 7)


def test_wrong_claims_are_refuted(tmp_path):
    found = refute(Wrong(), tmp_path)
    assert found is not None and "test_proofs.py" in found
