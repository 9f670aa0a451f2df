"""Chips with relays between their blocks compute the same bytes."""

import numpy as np
import pytest

from intarsia.digits import MODEL, data
from intarsia.graph import Mode
from intarsia.runtime import Session
from tests.inputs import goldens

pytestmark = pytest.mark.system

CONFIG = "ecp5-85k"


@pytest.mark.parametrize("options", [{}, {"topology": "ring"}], ids=["star", "ring"])
def test_digits(options):
    images, labels = data.held_out()
    with Session(MODEL, chips=4, config=CONFIG, **options) as session:
        scores = session.run(images[:3], check=True)
        assert session.report["mismatches"] == 0
    np.testing.assert_array_equal(scores.argmax(axis=1), labels[:3])


def test_resnet(inputs_folder):
    name = "resnet8_cifar10_int8"
    x, expected = goldens(inputs_folder, name, Mode.XNNPACK)
    with Session(inputs_folder / "models" / f"{name}.tflite", chips=2, config=CONFIG) as session:
        y = session.run(x[:1])
    np.testing.assert_array_equal(y.reshape(1, -1), expected[:1])


def test_digits_over_links_that_lose_packets():
    images, _ = data.held_out()
    with Session(MODEL, chips=2, config=CONFIG, faults="drop=2e-3,ber=1e-6,seed=5") as session:
        session.run(images[:3], check=True)
        assert session.report["mismatches"] == 0
