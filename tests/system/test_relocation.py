"""Programs hold no place: whatever lies elsewhere, their bytes and the outputs are the same.

Places are drawn from seeds, one after another from 0, or from INTARSIA_PLACES_SEED if that is set::

    INTARSIA_PLACES_SEED=17 pytest tests/system/test_relocation.py
"""

import itertools
import os

import numpy as np
import pytest

from intarsia.compiler import FragmentKind, place
from intarsia.cosim.transport import SimulatedTransport
from intarsia.digits import MODEL, data
from intarsia.graph import Mode
from intarsia.isa.topology import HOST_NODE
from intarsia.runtime import Session, deployment
from tests.inputs import goldens

pytestmark = pytest.mark.system

RELOCATIONS = 20
FIRST_SEED = int(os.environ.get("INTARSIA_PLACES_SEED", "0"))
RESNET = "resnet8_cifar10_int8"


@pytest.fixture
def sent(monkeypatch):
    """Contents of the transfers of the host, in order: the programs, of chip after chip."""
    contents = []

    def transfer(self, *, local, size, **where):
        contents.append(self.load(HOST_NODE, local, size))
        self.fabric.transfer(local=local, size=size, **where)

    monkeypatch.setattr(SimulatedTransport, "transfer", transfer)
    return contents


@pytest.fixture
def placements(monkeypatch):
    """Placements that were deployed, in order."""
    seen = []

    class Deployment(deployment.Deployment):
        def deploy(self, placement):
            seen.append(placement)
            super().deploy(placement)

    monkeypatch.setattr("intarsia.runtime.operation.Deployment", Deployment)
    return seen


def run_elsewhere(session, inputs):
    """Outputs of `inputs`, with everything moved before each. Tells the seeds."""
    outputs = []
    for seed in range(FIRST_SEED, FIRST_SEED + RELOCATIONS):
        print(f"places drawn from seed {seed}")
        session.relocate(seed)
        which = (seed - FIRST_SEED) % len(inputs)
        outputs.append((which, session.run(inputs[which : which + 1])))
    return outputs


def assert_moved(plan, placements):
    """All slots and fragments, but those that fill their macro-bank, have been in many places."""
    assert placements[0] == place(plan)
    assert len(placements) == 1 + RELOCATIONS
    for number, fragment in enumerate(plan.fragments):
        bases = {placement.fragments[number] for placement in placements}
        assert len(bases) > 1, fragment
    for number, chip in enumerate(plan.chips):
        for slot in chip.slots:
            bases = {placement.slots[number][slot.number] for placement in placements}
            assert len(bases) > 1, slot
    for before, after in itertools.pairwise(placements):
        moved = [a != b for a, b in zip(before.fragments, after.fragments, strict=True)]
        assert sum(moved) > 0.9 * len(moved)


def assert_programs(plan, sent):
    """What was sent, time and again, are the plan's programs, byte for byte."""
    programs = [f.content for f in plan.fragments if f.kind is FragmentKind.PROGRAM]
    assert [chip.program for chip in plan.chips] == programs
    assert sent == programs * (1 + RELOCATIONS)


def test_digits(sent, placements):
    images, _ = data.held_out()
    with Session(MODEL, chips=4, config="large") as session:
        expected = session.run(images[:4], check=True)
        for which, output in run_elsewhere(session, images[:4]):
            np.testing.assert_array_equal(output[0], expected[which])
        assert session.report["mismatches"] == 0
    assert_moved(session.plan, placements)
    assert_programs(session.plan, sent)


def test_resnet(inputs_folder, sent, placements):
    x, expected = goldens(inputs_folder, RESNET, Mode.XNNPACK)
    with Session(inputs_folder / "models" / f"{RESNET}.tflite", chips=4) as session:
        for which, output in run_elsewhere(session, x):
            np.testing.assert_array_equal(output.reshape(-1), expected[which])
    assert_moved(session.plan, placements)
    assert_programs(session.plan, sent)
