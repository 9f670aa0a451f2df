"""QDQ groups become single quantized operators that compute what onnxruntime computes.

Scales are powers of two wherever onnxruntime computes a group in float32: that is exact then.
"""

import numpy as np
import pytest

from intarsia.graph import Add, AveragePool, Conv, Mean, Reshape, Softmax
from tests.sw.importer.sketch_onnx import Sketch, assert_exact

X = (2.0**-4, 3)
Y = (2.0**-3, -5)


def qdq(sketch, shape, kind, *others, source=X, **attributes):
    """The float operator `kind` on a dequantized input."""
    return sketch.node(kind, sketch.dequantize(sketch.input(shape), *source), *others, **attributes)


@pytest.mark.parametrize("bias", ["none", "levels", "float"])
def test_convolution(tmp_path, bias):
    sketch = Sketch()
    x = sketch.dequantize(sketch.input(["N", 3, 8, 8]), *X)
    operands = [x, sketch.weights_levels(6, 3, 3, 3)]
    if bias == "levels":
        scale = sketch.scale(2.0**-11)
        operands.append(sketch.node("DequantizeLinear", sketch.bias(6), scale))
    if bias == "float":
        operands.append(sketch.scale(sketch.rng.integers(-999, 999, 6) * 2.0**-11))
    y = sketch.node("Conv", *operands, pads=[1, 1, 1, 1], strides=[2, 2])
    sketch.output(sketch.quantize(y, *Y))
    [op] = assert_exact(tmp_path, sketch).ops
    assert isinstance(op, Conv)
    assert bool(op.bias.any()) == (bias != "none")


def test_convolution_with_a_scale_per_channel(tmp_path):
    sketch = Sketch()
    x = sketch.dequantize(sketch.input([1, 3, 8, 8]), *X)
    scale = sketch.scale(2.0 ** -sketch.rng.integers(6, 9, 4))
    zeros = sketch.constant(np.zeros(4), np.int8)
    weights = sketch.node("DequantizeLinear", sketch.weights(4, 3, 3, 3), scale, zeros, axis=0)
    sketch.output(sketch.quantize(sketch.node("Conv", x, weights), *Y))
    [op] = assert_exact(tmp_path, sketch).ops
    assert len(set(op.weight_scales.tolist())) > 1


def test_weights_quantized_in_the_graph(tmp_path):
    sketch = Sketch()
    x = sketch.dequantize(sketch.input([1, 3, 8, 8]), *X)
    floats = sketch.scale(sketch.rng.normal(0, 0.3, (4, 3, 3, 3)))
    parameters = (sketch.scale(2.0**-7), sketch.constant(0, np.int8))
    integers = sketch.node("QuantizeLinear", floats, *parameters)
    weights = sketch.node("DequantizeLinear", integers, *parameters)
    sketch.output(sketch.quantize(sketch.node("Conv", x, weights), *Y))
    assert_exact(tmp_path, sketch)


def test_unsigned_weights_around_128(tmp_path):
    sketch = Sketch(unsigned=True)
    x = sketch.dequantize(sketch.input([1, 3, 8, 8]), *X)
    integers = sketch.constant(sketch.rng.integers(64, 192, (4, 3, 3, 3)), np.uint8)
    parameters = (sketch.scale(2.0**-7), sketch.constant(128, np.uint8))
    weights = sketch.node("DequantizeLinear", integers, *parameters)
    sketch.output(sketch.quantize(sketch.node("Conv", x, weights), *Y))
    assert_exact(tmp_path, sketch)


@pytest.mark.parametrize("activation", ["relu", "clip", "clip below", "clip attributes"])
def test_activation_becomes_a_clamp(tmp_path, activation):
    sketch = Sketch(opset=17 if activation != "clip attributes" else 10)
    y = qdq(sketch, [1, 3, 8, 8], "Conv", sketch.weights_levels(6, 3, 3, 3))
    bounded = {
        "relu": lambda: sketch.node("Relu", y),
        "clip": lambda: sketch.node("Clip", y, sketch.scale(0), sketch.scale(6)),
        "clip below": lambda: sketch.node("Clip", y, sketch.scale(-1)),
        "clip attributes": lambda: sketch.node("Clip", y, min=0.0, max=6.0),
    }[activation]()
    sketch.output(sketch.quantize(bounded, *Y))
    [op] = assert_exact(tmp_path, sketch).ops
    expected = {"relu": (-5, 127), "clip below": (-13, 127)}.get(activation, (-5, 43))
    assert (op.low, op.high) == expected


@pytest.mark.parametrize("form", ["transB", "B", "added", "twice"])
def test_gemm(tmp_path, form):
    sketch = Sketch()
    x = sketch.dequantize(sketch.input([1, 12]), *X)
    scale = sketch.scale(2.0**-11)
    bias = sketch.node("DequantizeLinear", sketch.bias(5), scale)
    if form == "B":
        y = sketch.node("Gemm", x, sketch.weights_levels(12, 5), bias)
    elif form == "transB":
        y = sketch.node("Gemm", x, sketch.weights_levels(5, 12), bias, transB=1)
    elif form == "twice":
        y = sketch.node("Gemm", x, sketch.weights_levels(12, 5), bias)
        y = sketch.node("Add", sketch.node("DequantizeLinear", sketch.bias(5), scale), y)
    else:
        y = sketch.node("MatMul", x, sketch.weights_levels(12, 5))
        y = sketch.node("Add", y, bias)
    sketch.output(sketch.quantize(y, *Y))
    [op] = assert_exact(tmp_path, sketch).ops
    assert op.bias.any()


def test_matmul_with_transposed_weights_after_a_map(tmp_path):
    sketch = Sketch()
    y = sketch.quantize(qdq(sketch, [1, 3, 6, 5], "Conv", sketch.weights_levels(4, 3, 3, 3)), *Y)
    flat = sketch.node("Flatten", sketch.dequantize(y, *Y))
    weights = sketch.node("Transpose", sketch.weights_levels(7, 48), perm=[1, 0])
    out = sketch.node("Add", sketch.node("MatMul", flat, weights), sketch.scale(np.zeros(7)))
    sketch.output(sketch.quantize(out, *Y))
    assert [type(op) for op in assert_exact(tmp_path, sketch).ops] == [Conv, Reshape, Conv]


def test_add(tmp_path):
    sketch = Sketch()
    a = sketch.dequantize(sketch.input([1, 3, 4, 5]), *X)
    b = sketch.dequantize(sketch.input([1, 3, 4, 5]), *Y)
    y = sketch.node("Relu", sketch.node("Add", a, b))
    sketch.output(sketch.quantize(y, 0.17, -20))
    [op] = assert_exact(tmp_path, sketch).ops
    assert isinstance(op, Add)
    assert op.low == -20


@pytest.mark.parametrize("kind", ["AveragePool", "GlobalAveragePool", "ReduceMean"])
def test_means(tmp_path, kind):
    sketch = Sketch()
    attributes = {
        "AveragePool": dict(kernel_shape=[2, 4], strides=[2, 2]),
        "GlobalAveragePool": {},
        "ReduceMean": dict(axes=[-1, -2], keepdims=0),
    }[kind]
    y = qdq(sketch, [1, 3, 4, 8], kind, **attributes)
    sketch.output(sketch.quantize(y, *X))
    network = assert_exact(tmp_path, sketch)
    assert [type(op) for op in network.ops] == [AveragePool if kind == "AveragePool" else Mean]
    if kind == "ReduceMean":
        assert network.outputs[0].model_shape == (3,)


def test_mean_over_axes_given_as_an_input(tmp_path):
    sketch = Sketch(opset=18)
    axes = sketch.constant([2, 3], np.int64)
    sketch.output(sketch.quantize(qdq(sketch, [1, 3, 4, 8], "ReduceMean", axes), *X))
    assert [type(op) for op in assert_exact(tmp_path, sketch).ops] == [Mean]


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
def test_softmax(tmp_path, opset, unsigned):
    sketch = Sketch(opset=opset, unsigned=unsigned)
    y = qdq(sketch, [1, 10], "Softmax", axis=1)
    sketch.output(sketch.quantize(y, 1 / 256, -128))
    assert [type(op) for op in assert_exact(tmp_path, sketch).ops] == [Softmax]


def test_softmax_over_the_channels_of_a_map(tmp_path):
    sketch = Sketch()
    y = qdq(sketch, [1, 5, 3, 2], "Softmax", axis=1)
    y = sketch.quantize(y, 1 / 256, -128)
    conv = sketch.node(
        "Conv", sketch.dequantize(y, 1 / 256, -128), sketch.weights_levels(3, 5, 1, 1)
    )
    sketch.output(sketch.quantize(conv, *Y))
    types = [type(op) for op in assert_exact(tmp_path, sketch).ops]
    assert types == [Softmax, Reshape, Conv]


def test_float_ends(tmp_path):
    sketch = Sketch()
    x = sketch.quantize(sketch.input(["N", 3, 6, 6], np.float32), *X)
    y = sketch.node("Conv", sketch.dequantize(x, *X), sketch.weights_levels(4, 3, 3, 3))
    y = sketch.dequantize(sketch.quantize(y, *Y), *Y)
    sketch.output(y, np.float32)
    network = assert_exact(tmp_path, sketch)
    assert network.inputs[0].dtype == np.float32
    assert network.outputs[0].dtype == np.float32
    assert network.outputs[0].transpose == (2, 0, 1)


def test_bounds_after_quantization_merge_into_the_producer(tmp_path):
    sketch = Sketch()
    y = sketch.quantize(qdq(sketch, [1, 3, 8, 8], "Conv", sketch.weights_levels(6, 3, 3, 3)), *Y)
    y = sketch.quantize(sketch.node("Relu", sketch.dequantize(y, *Y)), *Y)
    sketch.output(y)
    [op] = assert_exact(tmp_path, sketch).ops
    assert op.low == -5
