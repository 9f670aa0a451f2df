"""QLinear operators compute what onnxruntime computes, whatever their attributes."""

import numpy as np
import pytest

from intarsia.graph import Add, AveragePool, Concat, Conv, Mean, Reshape
from tests.sw.importer.sketch_onnx import MICROSOFT, Sketch, assert_exact

CONVOLUTIONS = {
    "plain": ((5, 3, 3, 3), (3, 9, 7), {}),
    "1x1": ((5, 3, 1, 1), (3, 4, 4), {}),
    "strided": ((4, 3, 3, 2), (3, 9, 8), dict(strides=[2, 3])),
    "padded": ((4, 2, 3, 3), (2, 6, 6), dict(pads=[1, 0, 2, 1])),
    "dilated": ((4, 2, 3, 2), (2, 9, 9), dict(dilations=[2, 3], pads=[2, 1, 2, 1])),
    "grouped": ((6, 2, 3, 3), (4, 5, 5), dict(group=2)),
    "depthwise": ((8, 1, 3, 3), (4, 5, 5), dict(group=4, pads=[1, 1, 1, 1])),
    "upper": ((4, 2, 4, 4), (2, 7, 5), dict(auto_pad="SAME_UPPER", strides=[2, 2])),
    "lower": ((4, 2, 4, 4), (2, 7, 5), dict(auto_pad="SAME_LOWER", strides=[2, 2])),
    "valid": ((4, 2, 3, 3), (2, 7, 5), dict(auto_pad="VALID", kernel_shape=[3, 3])),
    "line": ((4, 2, 3), (2, 11), dict(strides=[2], pads=[1, 2])),
    "vector": ((4, 6, 1, 1), (6, 1, 1), {}),
}


@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(tmp_path, case, unsigned):
    weights, shape, attributes = CONVOLUTIONS[case]
    sketch = Sketch(unsigned=unsigned)
    x = sketch.input(["N", *shape])
    sketch.output(sketch.qlinear_conv(x, weights, **attributes))
    network = assert_exact(tmp_path, sketch)
    [op] = network.ops
    assert isinstance(op, Conv)
    assert op.weights.dtype == np.int8
    assert network.inputs[0].dtype == (np.uint8 if unsigned else np.int8)


def test_vector_convolution_after_flattening_permutes_weights(tmp_path):
    sketch = Sketch()
    x = sketch.qlinear_conv(sketch.input([1, 2, 5, 4]), (3, 2, 3, 2), target=(0.05, 3))
    flat = sketch.node("Reshape", x, sketch.constant([-1, 27, 1, 1]))
    sketch.output(sketch.qlinear_conv(flat, (4, 27, 1, 1)))
    network = assert_exact(tmp_path, sketch)
    assert [type(op) for op in network.ops] == [Conv, Reshape, Conv]
    assert network.outputs[0].model_shape == (4, 1, 1)


@pytest.mark.parametrize("per_channel", [False, True], ids=["tensor", "channel"])
def test_matmul(tmp_path, per_channel):
    sketch = Sketch()
    x = sketch.input([1, 12])
    scales = sketch.scales(5) if per_channel else sketch.scale(0.01)
    zeros = sketch.constant(np.zeros(5 if per_channel else ()), np.int8)
    b = (sketch.weights(12, 5), scales, zeros)
    y = (sketch.scale(0.3), sketch.zero(4))
    sketch.output(sketch.node("QLinearMatMul", x, sketch.scale(0.1), sketch.zero(9), *b, *y))
    network = assert_exact(tmp_path, sketch)
    assert network.ops[0].weights.shape == (5, 1, 1, 12)
    assert network.tensors[network.inputs[0].tensor].shape == (1, 1, 12)


def test_matmul_of_several_rows(tmp_path):
    sketch = Sketch()
    x = sketch.input([1, 7, 12])
    b = (sketch.weights(12, 5), sketch.scale(0.01), sketch.constant(0, np.int8))
    y = (sketch.scale(0.3), sketch.zero(4))
    sketch.output(sketch.node("QLinearMatMul", x, sketch.scale(0.1), sketch.zero(9), *b, *y))
    network = assert_exact(tmp_path, sketch)
    assert network.tensors[network.outputs[0].tensor].shape == (7, 1, 5)
    assert network.outputs[0].model_shape == (7, 5)


def test_fixed_batch_of_vectors(tmp_path):
    sketch = Sketch()
    x = sketch.input([3, 12])
    b = (sketch.weights(12, 5), sketch.scale(0.01), sketch.constant(0, np.int8))
    y = (sketch.scale(0.3), sketch.zero(4))
    sketch.output(sketch.node("QLinearMatMul", x, sketch.scale(0.1), sketch.zero(9), *b, *y))
    network = assert_exact(tmp_path, sketch)
    assert network.tensors[network.inputs[0].tensor].shape == (3, 1, 12)


@pytest.mark.parametrize("transposed", [0, 1], ids=["b", "bT"])
@pytest.mark.parametrize("biased", [False, True], ids=["plain", "bias"])
def test_gemm(tmp_path, transposed, biased):
    sketch = Sketch()
    x = sketch.input([1, 12])
    shape = (5, 12) if transposed else (12, 5)
    b = (sketch.weights(*shape), sketch.scales(5), sketch.constant(np.zeros(5), np.int8))
    c = sketch.bias(5) if biased else ""
    y = (sketch.scale(0.3), sketch.zero(4))
    a = (sketch.scale(0.1), sketch.zero(9))
    gemm = sketch.node("QGemm", x, *a, *b, c, *y, domain=MICROSOFT, transB=transposed)
    sketch.output(gemm)
    [op] = assert_exact(tmp_path, sketch).ops
    assert bool(op.bias.any()) == biased


@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
def test_add(tmp_path, unsigned):
    sketch = Sketch(unsigned=unsigned)
    a, b = sketch.input([1, 3, 4, 5]), sketch.input([1, 3, 4, 5])
    ends = [(0.1, 3), (0.0317, -8), (0.1237, 5)]
    (sa, za), (sb, zb), y = ((sketch.scale(s), sketch.zero(z)) for s, z in ends)
    sketch.output(sketch.node("QLinearAdd", a, sa, za, b, sb, zb, *y, domain=MICROSOFT))
    network = assert_exact(tmp_path, sketch)
    assert [type(op) for op in network.ops] == [Add]
    assert network.inputs[1].transpose == (1, 2, 0)


def test_add_of_a_tensor_to_itself_and_to_the_input(tmp_path):
    sketch = Sketch()
    x = sketch.input([1, 3, 4, 4])
    y = sketch.qlinear_conv(x, (3, 3, 3, 3), pads=[1, 1, 1, 1])
    scales = [(sketch.scale(s), sketch.zero(z)) for s, z in [(0.05, 3), (0.2, -5), (0.3, 0)]]
    z = sketch.node("QLinearAdd", x, *scales[0], y, *scales[1], *scales[2], domain=MICROSOFT)
    twice = sketch.node("QLinearAdd", z, *scales[2], z, *scales[2], *scales[2], domain=MICROSOFT)
    sketch.output(twice)
    assert [type(op) for op in assert_exact(tmp_path, sketch).ops] == [Conv, Add, Add]


POOLS = {
    "plain": dict(kernel_shape=[2, 3], strides=[2, 3]),
    "padded": dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
    "counted": dict(kernel_shape=[3, 3], pads=[1, 0, 1, 2], count_include_pad=1),
    "ceil": dict(kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    "upper": dict(kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
}


@pytest.mark.parametrize("case", POOLS)
def test_average_pool(tmp_path, case):
    sketch = Sketch()
    x = sketch.input([1, 3, 7, 9])
    ends = [(0.1, 3), (0.1237, -4)]
    (sx, zx), y = ((sketch.scale(s), sketch.zero(z)) for s, z in ends)
    pool = sketch.node("QLinearAveragePool", x, sx, zx, *y, domain=MICROSOFT, **POOLS[case])
    sketch.output(pool)
    [op] = assert_exact(tmp_path, sketch).ops
    assert isinstance(op, AveragePool)
    assert op.count_padding == (case == "counted")


@pytest.mark.parametrize("last", [0, 1], ids=["nchw", "nhwc"])
def test_global_average_pool(tmp_path, last):
    sketch = Sketch()
    x = sketch.input([1, 3, 7, 9])
    ends = [(0.1, 3), (0.1237, -4)]
    (sx, zx), y = ((sketch.scale(s), sketch.zero(z)) for s, z in ends)
    kind = "QLinearGlobalAveragePool"
    sketch.output(sketch.node(kind, x, sx, zx, *y, domain=MICROSOFT, channels_last=last))
    network = assert_exact(tmp_path, sketch)
    assert [type(op) for op in network.ops] == [Mean]
    assert network.inputs[0].transpose == (None if last else (1, 2, 0))


@pytest.mark.parametrize("axis", [1, 2, -1], ids=["channels", "height", "width"])
def test_concat(tmp_path, axis):
    sketch = Sketch()
    shapes = [[1, 3, 4, 5], [1, 3, 4, 5]]
    shapes[1][axis] = 2
    s, z = sketch.scale(0.1), sketch.zero(3)
    parts = [(sketch.input(shape), s, z) for shape in shapes]
    flat = [name for part in parts for name in part]
    sketch.output(sketch.node("QLinearConcat", s, z, *flat, domain=MICROSOFT, axis=axis))
    [op] = assert_exact(tmp_path, sketch).ops
    assert isinstance(op, Concat)
    assert op.axis == {1: 2, 2: 0, -1: 1}[axis]


def test_concat_of_flattened_maps_feeds_a_fully_connected_one(tmp_path):
    sketch = Sketch()
    s, z = sketch.scale(0.05), sketch.zero(3)
    parts = []
    for _ in range(2):
        x = sketch.qlinear_conv(sketch.input([1, 2, 4, 3]), (3, 2, 2, 2), target=(0.05, 3))
        parts += [sketch.node("Flatten", x), s, z]
    joined = sketch.node("QLinearConcat", s, z, *parts, domain=MICROSOFT, axis=1)
    b = (sketch.weights(36, 5), sketch.scale(0.01), sketch.constant(0, np.int8))
    y = (sketch.scale(0.3), sketch.zero(4))
    sketch.output(sketch.node("QLinearMatMul", joined, s, z, *b, *y))
    assert_exact(tmp_path, sketch)
