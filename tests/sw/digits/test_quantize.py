"""The committed network, and the quantizer that made it."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from intarsia.digits import MODEL, WEIGHTS, data
from intarsia.digits.quantize import calibrate, quantize


@pytest.fixture
def parameters():
    with np.load(WEIGHTS) as stored:
        return dict(stored)


@pytest.fixture
def graph():
    return onnx.load(MODEL).graph


@pytest.fixture
def constants(graph):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def run(model, images):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"images": images})
    return np.asarray(scores)


def test_committed_model_follows_from_the_committed_weights(parameters):
    images, _ = data.training()
    assert quantize(parameters, images) == MODEL.read_bytes()


def test_committed_model_reads_97_percent_of_the_held_out_digits():
    images, labels = data.held_out()
    scores = run(MODEL, images)
    assert scores.shape == (360, 10)
    assert np.mean(scores.argmax(axis=1) == labels) >= 0.97


def test_one_image_alone_has_the_scores_it_has_among_others():
    images, _ = data.held_out()
    np.testing.assert_array_equal(run(MODEL, images[7:8]), run(MODEL, images)[7:8])


def test_model_is_small_and_in_operator_form(graph):
    assert MODEL.stat().st_size < 36 * 1024
    kinds = [node.op_type for node in graph.node]
    assert kinds[0] == "QuantizeLinear"
    assert kinds[-1] == "DequantizeLinear"
    assert kinds.count("QLinearConv") == 7
    assert kinds.count("QLinearAdd") == 2
    assert set(kinds[1:-1]) == {
        "QLinearConv",
        "QLinearAdd",
        "MaxPool",
        "QLinearGlobalAveragePool",
        "Flatten",
    }


def test_weights_are_int8_symmetric_per_channel(graph, constants):
    for node in graph.node:
        if node.op_type != "QLinearConv":
            continue
        weights, scales, zero_points = (constants[name] for name in node.input[3:6])
        assert weights.dtype == np.int8
        assert scales.shape == zero_points.shape == weights.shape[:1]
        assert len(np.unique(scales)) > 1
        assert not zero_points.any()
        assert (np.abs(weights.astype(int)).max(axis=(1, 2, 3)) == 127).all()
        assert constants[node.input[8]].dtype == np.int32


def test_residual_additions_join_different_scales(graph, constants):
    for node in graph.node:
        if node.op_type == "QLinearAdd":
            first, second, result = (constants[node.input[i]] for i in (1, 4, 6))
            assert len({float(first), float(second), float(result)}) == 3
            assert constants[node.input[5]] != -128
            assert constants[node.input[7]] == -128


def test_every_grey_is_quantized_without_loss(constants):
    greys = (np.arange(17) / 16).astype(np.float32)
    quantized = np.rint(greys / constants["image.scale"]) + constants["image.zero_point"]
    assert quantized.tolist() == [15 * grey - 128 for grey in range(17)]


def test_a_scale_forgets_the_last_bits_of_the_sums(parameters):
    images, _ = data.training()
    nudged = {name: value.astype(np.float64) * (1 + 1e-7) for name, value in parameters.items()}
    assert calibrate(parameters, images) == calibrate(nudged, images)
