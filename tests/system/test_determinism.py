"""The same calls give the same cycles, the same beats on links, and the same bytes."""

import numpy as np
import pytest

from intarsia.digits import MODEL, data
from intarsia.graph import Mode
from intarsia.runtime import Session
from tests.inputs import goldens

pytestmark = pytest.mark.system

#: Figures of a report that depend on the machine that simulates.
WALL = {"wall_s", "chip_cycles_per_s"}


def run(model, inputs, **options):
    """Outputs, time, beats, and all figures that depend on the chips alone."""
    with Session(model, config="large", **options) as session:
        outputs = session.run(inputs)
        figures = {key: value for key, value in session.report.items() if key not in WALL}
        return outputs.tobytes(), session.fabric.now, session.fabric.hash, figures


@pytest.mark.parametrize("chips", [1, 4])
def test_digits(chips):
    images, _ = data.held_out()
    assert run(MODEL, images[:2], chips=chips) == run(MODEL, images[:2], chips=chips)


def test_resnet(inputs_folder):
    name = "resnet8_cifar10_int8"
    model = inputs_folder / "models" / f"{name}.tflite"
    x, _ = goldens(inputs_folder, name, Mode.XNNPACK)
    assert run(model, x[:2], chips=4) == run(model, x[:2], chips=4)


def test_longer_links_change_cycles_and_no_byte():
    images, _ = data.held_out()
    y, now, beats, figures = run(MODEL, images[:2], chips=4)
    far_y, far_now, far_beats, far_figures = run(MODEL, images[:2], chips=4, link_latency=100)
    assert far_y == y
    assert far_figures["output_sha256"] == figures["output_sha256"]
    assert far_figures["cycles"] > figures["cycles"]
    assert (far_now, far_beats) != (now, beats)


def test_other_inputs_are_other_beats():
    """The hash is of what is on the links, not of time alone."""
    images, _ = data.held_out()
    first, second = (run(MODEL, images[n : n + 1], chips=4) for n in (0, 1))
    assert not np.array_equal(images[0], images[1])
    assert first[1] == second[1]
    assert first[2] != second[2]
