"""Blocks of chips that are clocked only when they need it do what they do when they always are."""

from functools import partial

import pytest

from intarsia.cosim.build import chip_library
from intarsia.cosim.faults import NO_FAULTS, Faults
from tests.system.blocks import MOST_BYTES, complaint
from tests.system.chips import Chips
from tests.system.layers import made_up_layer

pytestmark = pytest.mark.system

FAULTS = {"good": NO_FAULTS, "bad": Faults(ber=1e-3 / 32, drop=1e-2, seed=4)}


def run(faults, **options):
    """When each layer was done, and the beats on links by then."""
    found = []
    with Chips("tiny", 2, faults=faults, **options) as chips:
        for seed in range(100, 124):
            assert not complaint(chips, made_up_layer(seed, MOST_BYTES["tiny"]))
            found.append((chips.fabric.now, chips.fabric.hash))
        chips.fabric.run(20_000)
        return [*found, (chips.fabric.now, chips.fabric.hash)]


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_sleep_makes_no_difference(faults):
    sleepless = partial(chip_library, sleepless=True)
    assert run(faults) == run(faults, library=sleepless)
