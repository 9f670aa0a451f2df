"""The committed network as the rest of the project sees it."""

import numpy as np
import onnxruntime
import pytest

from intarsia import golden
from intarsia.digits import MODEL, data
from intarsia.graph import Add, Conv, MaxPool, Mean, Mode
from intarsia.importer import load


@pytest.fixture(scope="module")
def network():
    return load(MODEL)


def scores(network, images, mode):
    (begin,), (end,) = network.inputs, network.outputs
    x = golden.quantize_input(begin, network.tensors[begin.tensor], images)
    y = golden.evaluate(network, {begin.tensor: x}, mode)[end.tensor]
    return golden.present_output(end, network.tensors[end.tensor], y)


def test_every_layer_is_one_the_chip_knows(network):
    kinds = [type(op) for op in network.ops]
    assert kinds.count(Conv) == 7
    assert kinds.count(Add) == 2
    assert kinds.count(MaxPool) == kinds.count(Mean) == 1
    assert len(kinds) == 11


def test_golden_model_agrees_with_onnxruntime_on_every_held_out_image(network):
    images, labels = data.held_out()
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"images": images})
    result = scores(network, images, Mode.ONNX)
    np.testing.assert_array_equal(result, np.asarray(expected))
    assert np.mean(result.argmax(axis=1) == labels) >= 0.97


@pytest.mark.parametrize("mode", [Mode.XNNPACK, Mode.TFLITE])
def test_other_modes_read_as_well(network, mode):
    images, labels = data.held_out()
    result = scores(network, images, mode)
    assert (result != scores(network, images, Mode.ONNX)).any()
    assert np.mean(result.argmax(axis=1) == labels) >= 0.97
