"""Networks that are larger than a chip are exact on simulated chips."""

import numpy as np
import pytest

from intarsia.compiler import FragmentKind
from intarsia.golden import evaluate
from intarsia.graph import Mode
from intarsia.isa.config import config
from intarsia.runtime import Session
from tests.sw.compiler.networks import some_input
from tests.sw.compiler.test_streaming import deep

pytestmark = pytest.mark.system

#: Rows of the input of the block; with more, its program would be too long for `tiny`.
ROWS = 18


def run(rows=ROWS, **how):
    """Two inferences of a network that `tiny` has no room for."""
    network = deep(rows)
    assert sum(tensor.size for tensor in network.tensors.values()) > config("tiny").memory_bytes
    with Session(network, config="tiny", **how) as session:
        assert any(item.kind is FragmentKind.MAP for item in session.plan.fragments)
        for seed in (1, 2):
            [x] = some_input(network, seed).values()
            golden = evaluate(network, {"input": x}, session.mode)
            [expected] = (golden[end.tensor] for end in network.outputs)
            y = session.run(x[np.newaxis])
            np.testing.assert_array_equal(y.reshape(expected.shape), expected)
        return session.report


@pytest.mark.parametrize("mode", Mode)
def test_a_block_is_exact_on_a_tiny_chip(mode):
    run(mode=mode)


def test_several_chips_share_the_stripes():
    report = run(rows=40, chips=3)
    assert all(layer["macs"] for layer in report["layers"] if layer["op"] == "Conv")


def test_maps_have_replicas_too():
    run(replicas=2)


def test_both_memory_nodes_may_die():
    report = run(replicas=2, faults="kill=memory@40000,kill=memory1@100000")
    [failover] = report["failovers"]
    assert failover["restored"] is not None
    assert report["restarts"] == 1


def test_mobilenet_v2_is_exact_on_a_large_chip(inputs_folder):
    with np.load(inputs_folder / "goldens" / "mobilenet_v2_224_int8.npz") as archive:
        x, expected = archive["image_nhwc_uint8"][:1], archive["out_fp32rne_xnnpack_uint8"][:1]
    model = inputs_folder / "models" / "mobilenet_v2_224_int8.tflite"
    with Session(model, config="large") as session:
        y = session.run(x)
    np.testing.assert_array_equal(y.reshape(expected.shape), expected)
    [chip] = session.report["atu"]
    assert chip["working_set"] <= chip["entries"]
