"""Fragments move while a network runs: no byte of its results changes, and little time is lost.

``make soak`` does the same for longer.
"""

import pytest

from intarsia.digits import MODEL, data
from intarsia.graph import Mode
from tests.inputs import goldens
from tests.system.wandering import CYCLES, migrate

pytestmark = pytest.mark.system

RESNET = "resnet8_cifar10_int8"

#: Of throughput, that moves may cost.
LOSS = 0.10


def assert_undisturbed(found, least):
    print(found)
    assert (found.wrong, found.restarts, found.late) == (0, 0, 0)
    assert found.moves >= least
    assert found.every < 1.1 * CYCLES


@pytest.mark.parametrize("streamed", [False, True], ids=["resident", "streamed"])
def test_digits(streamed):
    """Weights and inputs move between memory node, host and chips; chips find them again.

    What they leave is overwritten: who still went by it would compute something else.
    """
    images, _ = data.held_out()
    found = migrate(MODEL, images[:8], 9, streamed=streamed, partition="channels")
    assert_undisturbed(found, 90)


def test_resnet(inputs_folder):
    """All weights are read in each inference, by whoever computes with them."""
    x, _ = goldens(inputs_folder, RESNET, Mode.XNNPACK)
    model = inputs_folder / "models" / f"{RESNET}.tflite"
    found = migrate(model, x[:2], 1, streamed=True, partition="channels")
    assert_undisturbed(found, 200)
    assert found.loss <= LOSS
