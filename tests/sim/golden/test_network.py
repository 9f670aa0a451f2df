"""Networks are interpreted operator by operator, alone or in batches, and guard their inputs."""

import numpy as np
import pytest

from intarsia.golden import ActivationError, evaluate, evaluate_op
from intarsia.graph import (
    Add,
    Conv,
    MaxPool,
    Mean,
    Mode,
    Network,
    NetworkInput,
    NetworkOutput,
    Op,
    Softmax,
    Tensor,
)
from intarsia.graph.ops import Window


def residual():
    """Small network with a skip, all kinds of rounding, and softmax on the host."""
    rng = np.random.default_rng(0)
    shapes = {"x": (6, 6, 3), "c": (6, 6, 3), "s": (6, 6, 3), "p": (3, 3, 3), "m": (1, 1, 3)}
    scales = dict(x=0.05, c=0.04, s=0.06, p=0.06, m=0.03)
    tensors = {n: Tensor(n, shapes[n], np.float32(scales[n]), 5) for n in shapes}
    tensors["y"] = Tensor("y", (1, 1, 3), np.float32(1 / 256), -128)
    conv = Conv(
        name="conv",
        inputs=("x",),
        output="c",
        window=Window(kernel=(3, 3), padding=(1, 1, 1, 1)),
        weights=rng.integers(-128, 128, (3, 3, 3, 3)).astype(np.int8),
        weight_scales=np.array([0.002, 0.003, 0.004], np.float32),
        bias=np.array([100, -200, 300], np.int32),
    )
    ops = (
        conv,
        Add(name="add", inputs=("x", "c"), output="s"),
        MaxPool(name="max", inputs=("s",), output="p", window=Window(kernel=(2, 2), stride=(2, 2))),
        Mean(name="mean", inputs=("p",), output="m"),
        Softmax(name="softmax", inputs=("m",), output="y"),
    )
    inputs = (NetworkInput("x", (6, 6, 3), None, np.dtype(np.int8)),)
    outputs = (NetworkOutput("y", (3,), None, np.dtype(np.int8)),)
    return Network("residual", tensors, ops, inputs, outputs)


NETWORK = residual()
X = np.random.default_rng(1).integers(-128, 128, (5, 6, 6, 3)).astype(np.int8)


@pytest.mark.parametrize("mode", Mode)
def test_all_activations_are_returned_as_operators_give_them(mode):
    activations = evaluate(NETWORK, {"x": X[0]}, mode)
    assert activations.keys() == NETWORK.tensors.keys()
    for op in NETWORK.ops:
        y = evaluate_op(op, [activations[name] for name in op.inputs], NETWORK.tensors, mode)
        np.testing.assert_array_equal(activations[op.output], y)
        assert y.dtype == np.int8
        assert y.shape == NETWORK.tensors[op.output].shape


@pytest.mark.parametrize("mode", Mode)
def test_batches_are_inferences(mode):
    batch = evaluate(NETWORK, {"x": X}, mode)
    for index, x in enumerate(X):
        for name, alone in evaluate(NETWORK, {"x": x}, mode).items():
            np.testing.assert_array_equal(batch[name][index], alone)


def test_modes_differ():
    results = {evaluate(NETWORK, {"x": X}, mode)["s"].tobytes() for mode in Mode}
    assert len(results) == 3


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "input 'x' is missing"),
        ({"x": X[0].astype(np.int16)}, r"input 'x' is int16 \(6, 6, 3\), not int8 \(6, 6, 3\)"),
        ({"x": X[0, 1:]}, r"input 'x' is int8 \(5, 6, 3\), not int8 \(6, 6, 3\)"),
        ({"x": X[None]}, r"input 'x' is int8 \(1, 5, 6, 6, 3\), not int8"),
    ],
)
def test_wrong_inputs_are_refused_by_name(inputs, message):
    with pytest.raises(ActivationError, match=f"^Network 'residual': {message}"):
        evaluate(NETWORK, inputs, Mode.ONNX)


def test_unknown_operators_are_refused_by_name():
    op = Op(name="odd", inputs=("x",), output="c")
    with pytest.raises(TypeError, match=r"^Operator 'odd' is of unknown type Op$"):
        evaluate_op(op, [X], NETWORK.tensors, Mode.ONNX)
