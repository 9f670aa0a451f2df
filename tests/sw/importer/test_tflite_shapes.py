"""TFLite operators that move values vanish, merge, or become copies; shape arithmetic is folded."""

import numpy as np
import pytest

from intarsia.graph import Concat, Conv, MaxPool, Pad, Reshape
from tests.sw.importer.sketch_tflite import TfliteSketch, imported

S, Z = 0.05, 3


def types(network):
    return [type(op) for op in network.ops]


def same(sketch, shape, **more):
    """A tensor with the quantization of the input."""
    return sketch.tensor(shape, S, Z, **more)


def finish(sketch, x, channels=2):
    """A convolution at the end, so that something is computed."""
    shape = sketch._tensors[x]["shape"]
    y = sketch.tensor([*shape[:3], 3], 0.1, 0)
    sketch.outputs = [sketch.conv(x, y, sketch.weights(3, 3, 3, channels))]


def ints(sketch, *values):
    return sketch.constant(np.array(values, np.int32))


@pytest.mark.parametrize("how", ["input", "option", "neither"])
def test_reshape(tmp_path, how):
    sketch = TfliteSketch()
    x, m = sketch.input([1, 4, 6, 2]), same(sketch, [1, 6, 4, 2])
    operands = [x, ints(sketch, -1, 6, 4, 2)] if how == "input" else [x]
    values = dict(NewShape=[-1, 6, 4, 2]) if how == "option" else {}
    sketch.operator("RESHAPE", operands, [m], "ReshapeOptions" if values else None, **values)
    finish(sketch, m)
    network = imported(tmp_path, sketch)
    assert types(network) == [Conv]
    assert network.tensors[network.inputs[0].tensor].shape == (6, 4, 2)
    assert network.inputs[0].model_shape == (4, 6, 2)


def test_reshape_to_a_computed_shape(tmp_path):
    sketch = TfliteSketch()
    x = sketch.input([1, 4, 6, 2], signature=[-1, 4, 6, 2])
    m, flat = sketch.tensor([1, 4, 6, 2], 0.1, 0), sketch.tensor([1, 48], 0.1, 0)
    sketch.conv(x, m, sketch.weights(2, 1, 1, 2))
    shape, batch, target = (sketch.tensor(s, dtype=np.int32) for s in ([4], [], [2]))
    sketch.operator("SHAPE", [m], [shape], "ShapeOptions")
    slices = [ints(sketch, 0), ints(sketch, 1), ints(sketch, 1)]
    sketch.operator(
        "STRIDED_SLICE", [shape, *slices], [batch], "StridedSliceOptions", ShrinkAxisMask=1
    )
    rest = sketch.constant(np.array(-1, np.int32))
    sketch.operator("PACK", [batch, rest], [target], "PackOptions", ValuesCount=2)
    sketch.operator("RESHAPE", [m, target], [flat])
    y = sketch.tensor([1, 5], 0.1, 0)
    weights = sketch.weights(5, 48)
    sketch.outputs = [
        sketch.operator("FULLY_CONNECTED", [flat, weights, -1], [y], "FullyConnectedOptions")
    ]
    assert types(imported(tmp_path, sketch)) == [Conv, Reshape, Conv]


def test_squeeze_and_expand_dims(tmp_path):
    sketch = TfliteSketch()
    x, m = sketch.input([1, 9, 2]), same(sketch, [1, 1, 9, 2])
    sketch.operator("EXPAND_DIMS", [x, ints(sketch, 1)], [m])
    y, z = sketch.tensor([1, 1, 9, 3], 0.1, 0), sketch.tensor([1, 9, 3], 0.1, 0)
    sketch.conv(m, y, sketch.weights(3, 1, 3, 2))
    sketch.outputs = [sketch.operator("SQUEEZE", [y], [z], "SqueezeOptions", SqueezeDims=[1])]
    network = imported(tmp_path, sketch)
    assert types(network) == [Conv]
    assert network.outputs[0].model_shape == (9, 3)


def test_transpose_of_the_input(tmp_path):
    sketch = TfliteSketch()
    x, m = sketch.input([1, 2, 4, 6]), same(sketch, [1, 4, 6, 2])
    sketch.operator("TRANSPOSE", [x, ints(sketch, 0, 2, 3, 1)], [m])
    finish(sketch, m)
    network = imported(tmp_path, sketch)
    assert types(network) == [Conv]
    assert network.inputs[0].transpose == (1, 2, 0)


@pytest.mark.parametrize("kind", ["PAD", "PADV2"])
def test_padding_merges_into_a_convolution(tmp_path, kind):
    sketch = TfliteSketch()
    x, m = sketch.input([1, 4, 6, 2]), same(sketch, [1, 7, 7, 2])
    amounts = sketch.constant(np.array([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32))
    fill = [sketch.constant(np.array([Z], np.int8), S, Z)] if kind == "PADV2" else []
    sketch.operator(kind, [x, amounts, *fill], [m])
    y = sketch.tensor([1, 5, 5, 3], 0.1, 0)
    sketch.outputs = [sketch.conv(m, y, sketch.weights(3, 3, 3, 2), Padding=1)]
    network = imported(tmp_path, sketch)
    assert types(network) == [Conv]
    assert network.ops[0].window.padding == (1, 0, 2, 1)


def test_padding_that_no_window_reaches_is_dropped(tmp_path):
    sketch = TfliteSketch()
    x, m = sketch.input([1, 4, 4, 2]), same(sketch, [1, 6, 6, 2])
    amounts = sketch.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    sketch.operator("PAD", [x, amounts], [m])
    y = sketch.tensor([1, 2, 2, 3], 0.1, 0)
    weights = sketch.weights(3, 3, 3, 2)
    sketch.outputs = [sketch.conv(m, y, weights, Padding=1, StrideH=2, StrideW=2)]
    [op] = imported(tmp_path, sketch).ops
    assert op.window.padding == (1, 1, 0, 0)


def test_padding_before_a_max_pool_stays(tmp_path):
    sketch = TfliteSketch()
    x, m, y = sketch.input([1, 4, 4, 2]), same(sketch, [1, 6, 6, 2]), same(sketch, [1, 3, 3, 2])
    amounts = sketch.constant(np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    sketch.operator("PAD", [x, amounts], [m])
    values = dict(Padding=1, StrideH=2, StrideW=2, FilterHeight=2, FilterWidth=2)
    sketch.outputs = [sketch.operator("MAX_POOL_2D", [m], [y], "Pool2DOptions", **values)]
    assert types(imported(tmp_path, sketch)) == [Pad, MaxPool]


@pytest.mark.parametrize(("axis", "expected"), [(3, 2), (1, 0), (-2, 1)])
def test_concatenation(tmp_path, axis, expected):
    sketch = TfliteSketch()
    parts = [sketch.input([1, 4, 4, 2]) for _ in range(2)]
    shape = [1, 4, 4, 2]
    shape[axis] *= 2
    sketch.outputs = [
        sketch.operator(
            "CONCATENATION", parts, [same(sketch, shape)], "ConcatenationOptions", Axis=axis
        )
    ]
    [op] = imported(tmp_path, sketch).ops
    assert isinstance(op, Concat)
    assert op.axis == expected


def test_shifts_between_signed_and_unsigned_vanish(tmp_path):
    sketch = TfliteSketch()
    x = sketch.input([1, 4, 4, 2], S, 131, dtype=np.uint8)
    m, y = same(sketch, [1, 4, 4, 2]), sketch.tensor([1, 4, 4, 3], 0.1, 0)
    z = sketch.tensor([1, 4, 4, 3], 0.1, 128, dtype=np.uint8)
    sketch.operator("QUANTIZE", [x], [m])
    sketch.conv(m, y, sketch.weights(3, 1, 1, 2))
    sketch.outputs = [sketch.operator("QUANTIZE", [y], [z])]
    network = imported(tmp_path, sketch)
    assert types(network) == [Conv]
    assert network.inputs[0].dtype == network.outputs[0].dtype == np.uint8


def test_float_ends(tmp_path):
    sketch = TfliteSketch()
    x = sketch.input([1, 4, 4, 2], None, dtype=np.float32)
    m, y = same(sketch, [1, 4, 4, 2]), sketch.tensor([1, 4, 4, 3], 0.1, 0)
    z = sketch.tensor([1, 4, 4, 3], dtype=np.float32)
    sketch.operator("QUANTIZE", [x], [m])
    sketch.conv(m, y, sketch.weights(3, 1, 1, 2))
    sketch.outputs = [sketch.operator("DEQUANTIZE", [y], [z])]
    network = imported(tmp_path, sketch)
    assert types(network) == [Conv]
    assert network.inputs[0].dtype == network.outputs[0].dtype == np.float32
    assert network.tensors[network.inputs[0].tensor].scale == np.float32(S)
