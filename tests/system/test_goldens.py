"""Real networks on simulated chips give the bytes that their own runtimes gave."""

import numpy as np
import pytest

from intarsia.compiler.partition import SHARED_MACS
from intarsia.graph import Mode
from intarsia.runtime import Session
from tests.inputs import NETWORKS, goldens
from tests.system.accounts import assert_accounted

pytestmark = pytest.mark.system

#: Golden inputs that are run. The one byte in which TFLite Micro is odd belongs to a later one.
INFERENCES = 4

#: Of the look-ups from the second inference on, those that a chip's ATU answers at least.
LEAST_HIT_RATE = 0.99

#: Of the MACs of a convolution, what each of four chips must do at least.
LEAST_SHARE = 0.15


@pytest.mark.parametrize("chips", [1, 2, 4])
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_exact(inputs_folder, name, suffix, mode, chips):
    x, expected = (array[:INFERENCES] for array in goldens(inputs_folder, name, mode))
    ordered = np.moveaxis(x, -1, 1) if suffix == "onnx" else x
    model = inputs_folder / "models" / f"{name}.{suffix}"
    with Session(model, chips=chips, config="large", mode=mode) as session:
        [source] = session.network.inputs
        y = session.run(ordered.reshape(len(x), *source.model_shape))
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y.reshape(len(y), -1), expected)

    for chip in session.report["atu"]:
        assert chip["working_set"] <= chip["entries"]
        assert chip["later_hit_rate"] >= LEAST_HIT_RATE
    assert_accounted(session.report)
    layers = session.report["layers"]
    assert {layer["op"] for layer in layers if layer["device"] == "host"} <= {"Softmax"}
    if chips == 4:
        assert_spread(session.plan.layers)


def assert_spread(layers):
    """Each of four chips has its share of all convolutions worth it, and does not repeat others."""
    for layer in layers:
        if layer.op == "Conv" and max(sum(layer.macs), max(layer.macs)) >= SHARED_MACS:
            assert not layer.replicated, layer
            assert min(layer.macs) >= LEAST_SHARE * sum(layer.macs), layer
