"""TFLite operators that compute become what TFLite says they are.

No TFLite runs here: expected windows and clamps are worked out by hand, and numbers are compared
with sums written out in NumPy.
"""

import numpy as np
import pytest

from intarsia.golden import evaluate
from intarsia.graph import Add, AveragePool, Conv, MaxPool, Mean, Mode, Reshape, Softmax
from tests.sw.importer.sketch_tflite import TfliteSketch, imported

PADDING = {
    # Rule, size, kernel, stride, dilation; padding: SAME puts the odd element behind.
    "same odd": (0, (7, 7), (3, 3), (2, 2), (1, 1), (1, 1, 1, 1)),
    "same even": (0, (8, 6), (3, 3), (2, 2), (1, 1), (0, 0, 1, 1)),
    "same 5x5": (0, (32, 32), (5, 5), (2, 2), (1, 1), (1, 1, 2, 2)),
    "same dilated": (0, (9, 9), (3, 3), (1, 1), (2, 3), (2, 3, 2, 3)),
    "same stride over kernel": (0, (7, 7), (1, 1), (2, 2), (1, 1), (0, 0, 0, 0)),
    "valid": (1, (7, 8), (3, 3), (2, 2), (1, 1), (0, 0, 0, 0)),
}


@pytest.mark.parametrize("case", PADDING)
def test_padding_rule(tmp_path, case):
    rule, size, kernel, stride, dilation, padding = PADDING[case]
    sketch = TfliteSketch()
    x = sketch.input([1, *size, 2])
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    lengths = [n if rule == 0 else n - r + 1 for n, r in zip(size, reach, strict=True)]
    out = [-(-n // s) for n, s in zip(lengths, stride, strict=True)]
    y = sketch.tensor([1, *out, 4], 0.1, -7)
    values = dict(
        Padding=rule,
        StrideH=stride[0],
        StrideW=stride[1],
        DilationHFactor=dilation[0],
        DilationWFactor=dilation[1],
    )
    sketch.outputs = [sketch.conv(x, y, sketch.weights(4, *kernel, 2), **values)]
    [op] = imported(tmp_path, sketch).ops
    assert isinstance(op, Conv)
    assert op.window.padding == padding
    assert (op.window.stride, op.window.dilation) == (stride, dilation)


ACTIVATIONS = {
    # With scale 0.047 and zero point -30: round(6 / 0.047) = 128, round(1 / 0.047) = 21.
    0: (-128, 127),
    1: (-30, 127),
    2: (-51, -9),
    3: (-30, 98),
}


@pytest.mark.parametrize("number", ACTIVATIONS)
def test_fused_activation(tmp_path, number):
    sketch = TfliteSketch()
    x, y = sketch.input([1, 4, 4, 2]), sketch.tensor([1, 4, 4, 3], 0.047, -30)
    weights = sketch.weights(3, 1, 1, 2)
    sketch.outputs = [sketch.conv(x, y, weights, FusedActivationFunction=number)]
    [op] = imported(tmp_path, sketch).ops
    assert (op.low, op.high) == ACTIVATIONS[number]


def test_a_bound_halfway_is_rounded_away_from_zero(tmp_path):
    sketch = TfliteSketch()
    x, y = sketch.input([1, 4, 4, 2]), sketch.tensor([1, 4, 4, 3], 0.4, 0)  # -1 / 0.4 = -2.5
    weights = sketch.weights(3, 1, 1, 2)
    sketch.outputs = [sketch.conv(x, y, weights, FusedActivationFunction=2)]
    [op] = imported(tmp_path, sketch).ops
    assert (op.low, op.high) == (-3, 3)


def test_scales_per_channel_and_bias(tmp_path):
    sketch = TfliteSketch()
    scales = np.array([0.01, 0.02, 0.03], np.float32)
    x, y = sketch.input([1, 4, 4, 2]), sketch.tensor([1, 4, 4, 3], 0.05, 0)
    weights, bias = sketch.weights(3, 1, 1, 2, scale=scales), sketch.bias(3, scales * 0.05)
    sketch.outputs = [sketch.conv(x, y, weights, bias)]
    [op] = imported(tmp_path, sketch).ops
    assert (op.weight_scales == scales).all()
    assert (op.bias == sketch._tensors[bias]["data"]).all()


def test_grouped_convolution(tmp_path):
    sketch = TfliteSketch()
    x, y = sketch.input([1, 4, 4, 6]), sketch.tensor([1, 4, 4, 4], 0.1, 0)
    sketch.outputs = [sketch.conv(x, y, sketch.weights(4, 3, 3, 3))]
    [op] = imported(tmp_path, sketch).ops
    assert op.groups == 2


@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_convolution(tmp_path, multiplier):
    sketch = TfliteSketch()
    channels = 2 * multiplier
    x, y = sketch.input([1, 5, 5, 2], 0.05, 0), sketch.tensor([1, 3, 3, channels], 100.0, 0)
    weights = sketch.weights(1, 3, 3, channels, scale=[100 / 0.05 / 64] * channels, axis=3)
    values = dict(kind="DEPTHWISE_CONV_2D", options="DepthwiseConv2DOptions", Padding=1)
    sketch.outputs = [sketch.conv(x, y, weights, **values, DepthMultiplier=multiplier)]
    network = imported(tmp_path, sketch)
    [op] = network.ops
    assert op.groups == 2
    image = sketch.rng.integers(-4, 5, (5, 5, 2)).astype(np.int8)
    taps = sketch._tensors[weights]["data"][0].astype(int)
    expected = np.zeros((3, 3, channels))
    for k in range(channels):
        for i, j in np.ndindex(3, 3):
            window = image[i : i + 3, j : j + 3, k // multiplier]
            expected[i, j, k] = (window * taps[:, :, k]).sum() / 64
    result = evaluate(network, {network.inputs[0].tensor: image}, Mode.XNNPACK)[op.output]
    assert (result == np.clip(np.rint(expected), -128, 127)).all()


@pytest.mark.parametrize("keep", [False, True])
def test_fully_connected(tmp_path, keep):
    sketch = TfliteSketch()
    x = sketch.input([1, 3, 2, 4])
    y = sketch.tensor([1, 3, 2, 5] if keep else [6, 5], 0.1, 0)
    values = dict(KeepNumDims=keep, FusedActivationFunction=1)
    weights = sketch.weights(5, 4)
    sketch.outputs = [
        sketch.operator("FULLY_CONNECTED", [x, weights], [y], "FullyConnectedOptions", **values)
    ]
    network = imported(tmp_path, sketch)
    [op] = network.ops
    assert op.weights.shape == (5, 1, 1, 4)
    assert op.low == 0
    assert network.tensors[op.output].shape == (6, 1, 5)
    assert network.outputs[0].model_shape == ((3, 2, 5) if keep else (6, 5))


def test_fully_connected_flattens_maps(tmp_path):
    sketch = TfliteSketch()
    x, m, y = sketch.input([1, 3, 2, 4]), sketch.tensor([1, 3, 2, 4], 0.1, 0), 0
    sketch.conv(x, m, sketch.weights(4, 1, 1, 4))
    y = sketch.tensor([1, 5], 0.1, 0)
    scales = np.linspace(0.01, 0.02, 5)
    weights = sketch.weights(5, 24, scale=scales)
    sketch.outputs = [
        sketch.operator("FULLY_CONNECTED", [m, weights, -1], [y], "FullyConnectedOptions")
    ]
    ops = imported(tmp_path, sketch).ops
    assert [type(op) for op in ops] == [Conv, Reshape, Conv]
    assert (ops[2].weights[:, 0, 0] == sketch._tensors[weights]["data"]).all()
    assert (ops[2].weight_scales == scales.astype(np.float32)).all()


def test_add(tmp_path):
    sketch = TfliteSketch()
    a, b = sketch.input([1, 4, 4, 2], 0.1, 1), sketch.input([1, 4, 4, 2], 0.2, 2)
    y = sketch.tensor([1, 4, 4, 2], 0.3, -5)
    sketch.outputs = [sketch.operator("ADD", [a, b], [y], "AddOptions", FusedActivationFunction=1)]
    network = imported(tmp_path, sketch)
    [op] = network.ops
    assert isinstance(op, Add)
    assert (op.low, op.high) == (-5, 127)
    assert len(network.inputs) == 2


@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pool(tmp_path, kind):
    sketch = TfliteSketch()
    x, y = sketch.input([1, 7, 8, 2]), sketch.tensor([1, 4, 4, 2], 0.05, 3)
    values = dict(Padding=0, StrideH=2, StrideW=2, FilterHeight=3, FilterWidth=2)
    values |= dict(FusedActivationFunction=1)
    sketch.outputs = [sketch.operator(kind, [x], [y], "Pool2DOptions", **values)]
    [op] = imported(tmp_path, sketch).ops
    assert isinstance(op, AveragePool if kind == "AVERAGE_POOL_2D" else MaxPool)
    assert op.window.kernel == (3, 2)
    assert op.window.padding == (1, 0, 1, 0)
    assert op.low == 3
    if isinstance(op, AveragePool):
        assert not op.count_padding


@pytest.mark.parametrize("keep", [False, True])
def test_mean(tmp_path, keep):
    sketch = TfliteSketch()
    x = sketch.input([1, 4, 4, 6])
    y = sketch.tensor([1, 1, 1, 6] if keep else [1, 6], 0.02, 0)
    axes = sketch.constant(np.array([2, -3], np.int32))
    sketch.outputs = [sketch.operator("MEAN", [x, axes], [y], "ReducerOptions", KeepDims=keep)]
    network = imported(tmp_path, sketch)
    assert [type(op) for op in network.ops] == [Mean]
    assert network.outputs[0].model_shape == ((1, 1, 6) if keep else (6,))


def test_softmax(tmp_path):
    sketch = TfliteSketch()
    x, y = sketch.input([1, 6]), sketch.tensor([1, 6], 1 / 256, -128)
    sketch.outputs = [sketch.operator("SOFTMAX", [x], [y], "SoftmaxOptions", Beta=0.5)]
    [op] = imported(tmp_path, sketch).ops
    assert isinstance(op, Softmax)
    assert op.beta == 0.5


@pytest.mark.parametrize(("kind", "bounds"), [("RELU", (3, 127)), ("RELU6", (3, 123))])
def test_activation_alone_merges_into_the_producer(tmp_path, kind, bounds):
    sketch = TfliteSketch()
    x = sketch.input([1, 4, 4, 2])
    m, y = (sketch.tensor([1, 4, 4, 2], 0.05, 3) for _ in range(2))
    sketch.conv(x, m, sketch.weights(2, 1, 1, 2))
    sketch.outputs = [sketch.operator(kind, [m], [y])]
    [op] = imported(tmp_path, sketch).ops
    assert isinstance(op, Conv)
    assert (op.low, op.high) == bounds


def test_unsigned_model_is_shifted(tmp_path):
    sketch = TfliteSketch()
    x = sketch.input([1, 4, 4, 2], 0.05, 131, dtype=np.uint8)
    y = sketch.tensor([1, 4, 4, 3], 0.1, 100, dtype=np.uint8)
    array = sketch.rng.integers(0, 256, (3, 1, 1, 2)).astype(np.uint8)
    weights = sketch.constant(array, 0.01, 128)
    sketch.outputs = [sketch.conv(x, y, weights)]
    network = imported(tmp_path, sketch)
    [op] = network.ops
    assert (op.weights.astype(int) == array.astype(int) - 128).all()
    assert network.tensors[op.inputs[0]].zero_point == 3
    assert network.tensors[op.output].zero_point == -28
    assert network.inputs[0].dtype == network.outputs[0].dtype == np.uint8
