"""Chips whose links lose and damage packets bring the same bytes."""

import pytest

from intarsia.cosim.fabric import FabricError
from intarsia.cosim.faults import Faults
from intarsia.isa.packet import LINK_PATIENCE
from tests.system.blocks import MOST_BYTES, complaint
from tests.system.chips import Chips
from tests.system.layers import made_up_layer

pytestmark = pytest.mark.system

FAULTS = {
    "bits": Faults(ber=1e-4 / 32, seed=1),
    "drops": Faults(drop=1e-2, seed=2),
    "both": Faults(ber=1e-3 / 32, drop=1e-2, seed=3),
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_layers_are_exact(faults):
    with Chips("tiny", 2, faults=faults) as chips:
        for seed in range(12):
            assert not complaint(chips, made_up_layer(seed, MOST_BYTES["tiny"]))
        assert chips.fabric.repeated + chips.fabric.damaged > 0
        repeated, damaged = (sum(found) for found in zip(*chips.repeats(), strict=True))
        assert repeated + damaged > 0


def test_a_chip_that_is_cut_off_is_noticed():
    """By the hub, whose link to it is silent."""
    with Chips("tiny", 2, faults=Faults(cut={1: 4000})) as chips:
        with pytest.raises(FabricError, match="the other end is silent"):
            chips.fabric.run(100_000)
        assert chips.fabric.now <= 4000 + (LINK_PATIENCE + 2) * 1024
