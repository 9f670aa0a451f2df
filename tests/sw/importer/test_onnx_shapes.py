"""Operators that pass values on vanish, merge, or copy exactly."""

import numpy as np
import pytest

from intarsia.graph import AveragePool, Concat, Conv, MaxPool, Pad, Reshape
from tests.sw.importer.sketch_onnx import MICROSOFT, Sketch, assert_exact

S, Z = 0.05, 3
"""Quantization of most activations here; the default input of :meth:`Sketch.qlinear_conv`."""


def types(network):
    return [type(op) for op in network.ops]


def dense(sketch, x, shape):
    """A fully connected operator on integers."""
    b = (sketch.weights(*shape), sketch.scale(0.01), sketch.constant(0, np.int8))
    y = (sketch.scale(0.3), sketch.zero(4))
    return sketch.node("QLinearMatMul", x, sketch.scale(S), sketch.zero(Z), *b, *y)


@pytest.mark.parametrize("how", ["Flatten", "Reshape", "zeros", "computed", "Squeeze"])
def test_flattening_before_a_fully_connected_operator(tmp_path, how):
    sketch = Sketch()
    size = 1 if how == "Squeeze" else 3
    x = sketch.input(["N", 2, size + 2, size + 2])
    y = sketch.qlinear_conv(x, (4, 2, 3, 3), target=(S, Z))
    match how:
        case "Flatten":
            y = sketch.node("Flatten", y, axis=-3)
        case "Reshape":
            y = sketch.node("Reshape", y, sketch.constant([-1, 36]))
        case "zeros":
            y = sketch.node("Reshape", y, sketch.constant([0, -1]))
        case "computed":
            shape = sketch.node("Shape", y)
            batch = sketch.node("Gather", shape, sketch.constant(0), axis=0)
            batch = sketch.node("Unsqueeze", batch, sketch.constant([0]))
            target = sketch.node("Concat", batch, sketch.constant([-1]), axis=0)
            y = sketch.node("Reshape", y, target)
        case "Squeeze":
            y = sketch.node("Squeeze", y, sketch.constant([2, 3]))
    sketch.output(dense(sketch, y, (4 * size * size, 5)))
    network = assert_exact(tmp_path, sketch)
    assert types(network) == ([Conv, Conv] if how == "Squeeze" else [Conv, Reshape, Conv])


@pytest.mark.parametrize("opset", [11, 17])
def test_squeeze_and_unsqueeze_in_both_forms(tmp_path, opset):
    sketch = Sketch(opset=opset)
    x = sketch.input([1, 2, 9])

    def apply(kind, x, axes):
        if opset < 13:
            return sketch.node(kind, x, axes=axes)
        return sketch.node(kind, x, sketch.constant(axes))

    y = sketch.qlinear_conv(apply("Unsqueeze", x, [2]), (4, 2, 1, 3))
    sketch.output(apply("Squeeze", y, [2]))
    assert types(assert_exact(tmp_path, sketch)) == [Conv]


def test_a_model_in_nhwc_has_no_transpositions_left(tmp_path):
    sketch = Sketch()
    x = sketch.node("Transpose", sketch.input([1, 6, 5, 2]), perm=[0, 3, 1, 2])
    y = sketch.qlinear_conv(x, (4, 2, 3, 3))
    sketch.output(sketch.node("Transpose", y, perm=[0, 2, 3, 1]))
    network = assert_exact(tmp_path, sketch)
    assert types(network) == [Conv]
    assert network.inputs[0].transpose is None
    assert network.outputs[0].transpose is None


def test_transposition_before_flattening_leaves_weights_alone(tmp_path):
    sketch = Sketch()
    y = sketch.qlinear_conv(sketch.input([1, 2, 5, 5]), (4, 2, 3, 3), target=(S, Z))
    y = sketch.node("Transpose", y, perm=[0, 2, 3, 1])
    sketch.output(dense(sketch, sketch.node("Flatten", y), (36, 5)))
    assert types(assert_exact(tmp_path, sketch)) == [Conv, Reshape, Conv]


def test_flattened_output_is_transposed_by_whoever_presents_it(tmp_path):
    sketch = Sketch()
    y = sketch.qlinear_conv(sketch.input([1, 2, 5, 6]), (4, 2, 3, 3))
    sketch.output(sketch.node("Flatten", y))
    network = assert_exact(tmp_path, sketch)
    assert network.outputs[0].transpose == (2, 0, 1)
    assert network.outputs[0].model_shape == (48,)


MAX_POOLS = {
    "plain": dict(kernel_shape=[2, 3], strides=[2, 3]),
    "padded": dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
    "dilated": dict(kernel_shape=[2, 2], dilations=[2, 3]),
    "ceil": dict(kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    "ceil padded": dict(kernel_shape=[3, 3], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1),
    "lower": dict(kernel_shape=[4, 4], strides=[2, 2], auto_pad="SAME_LOWER"),
}


@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
@pytest.mark.parametrize("case", MAX_POOLS)
def test_max_pool(tmp_path, case, unsigned):
    sketch = Sketch(unsigned=unsigned)
    y = sketch.node("MaxPool", sketch.input([1, 3, 7, 9]), **MAX_POOLS[case])
    sketch.output(sketch.qlinear_conv(y, (2, 3, 1, 1)))
    network = assert_exact(tmp_path, sketch)
    assert types(network) == [MaxPool, Conv]
    assert {network.tensors[name].zero_point for name in network.ops[0].inputs} == {Z}


def test_max_pool_between_dequantize_and_quantize(tmp_path):
    sketch = Sketch()
    y = sketch.node(
        "MaxPool", sketch.dequantize(sketch.input([1, 3, 6, 6]), S, Z), kernel_shape=[2, 2]
    )
    sketch.output(sketch.quantize(y, S, Z))
    assert types(assert_exact(tmp_path, sketch)) == [MaxPool]


def test_max_pool_over_a_line(tmp_path):
    sketch = Sketch()
    y = sketch.node("MaxPool", sketch.input([1, 3, 11]), kernel_shape=[3], strides=[2])
    sketch.output(sketch.qlinear_conv(y, (2, 3, 2)))
    assert types(assert_exact(tmp_path, sketch)) == [MaxPool, Conv]


def test_global_max_pool(tmp_path):
    sketch = Sketch()
    y = sketch.node("GlobalMaxPool", sketch.dequantize(sketch.input([1, 3, 6, 5]), S, Z))
    sketch.output(sketch.quantize(y, S, Z))
    [op] = assert_exact(tmp_path, sketch).ops
    assert op.window.kernel == (6, 5)


@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
def test_padding_merges_into_a_convolution(tmp_path, unsigned):
    sketch = Sketch(unsigned=unsigned)
    fill = sketch.zero(Z)
    pads = sketch.constant([0, 0, 1, 0, 0, 0, 2, 3])
    y = sketch.node(
        "Pad",
        sketch.qlinear_conv(sketch.input([1, 2, 6, 6]), (2, 2, 1, 1), target=(S, Z)),
        pads,
        fill,
    )
    sketch.output(sketch.qlinear_conv(y, (4, 2, 3, 3), strides=[2, 2]))
    network = assert_exact(tmp_path, sketch)
    assert types(network) == [Conv, Conv]
    assert network.ops[1].window.padding == (1, 0, 2, 3)


def test_padding_of_real_zeros_by_axes_and_twice(tmp_path):
    sketch = Sketch(opset=18)
    y = sketch.dequantize(sketch.input([1, 2, 6, 6]), S, Z)
    y = sketch.node("Pad", y, sketch.constant([1, 2]), "", sketch.constant([3]))
    y = sketch.node("Pad", y, sketch.constant([1, 1]), "", sketch.constant([-2]))
    y = sketch.quantize(y, S, Z)
    sketch.output(sketch.qlinear_conv(y, (4, 2, 3, 3)))
    [op] = assert_exact(tmp_path, sketch).ops
    assert op.window.padding == (1, 1, 1, 2)


def pool(sketch, kind, x):
    if kind == "MaxPool":
        return sketch.node("MaxPool", x, kernel_shape=[3, 3])
    y = (sketch.scale(0.0617), sketch.zero(1))
    source = (sketch.scale(S), sketch.zero(-128))
    name = "QLinearAveragePool"
    return sketch.node(name, x, *source, *y, domain=MICROSOFT, kernel_shape=[3, 3])


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_padding_merges_into_a_pool_of_the_least_value(tmp_path, kind):
    sketch = Sketch()
    x = sketch.qlinear_conv(sketch.input([1, 2, 6, 6]), (2, 2, 1, 1), target=(S, -128))
    y = sketch.node("Pad", x, sketch.constant([0, 0, 1, 1, 0, 0, 1, 1]), sketch.zero(-128))
    sketch.output(pool(sketch, kind, y))
    network = assert_exact(tmp_path, sketch)
    assert types(network) == [Conv, MaxPool if kind == "MaxPool" else AveragePool]
    if kind == "AveragePool":
        assert network.ops[1].count_padding


def test_padding_stays_where_it_could_win_a_maximum(tmp_path):
    sketch = Sketch()
    x = sketch.qlinear_conv(sketch.input([1, 2, 6, 6]), (2, 2, 1, 1), target=(S, Z))
    y = sketch.node("Pad", x, sketch.constant([0, 0, 1, 1, 0, 0, 1, 1]), sketch.zero(Z))
    sketch.output(pool(sketch, "MaxPool", y))
    assert types(assert_exact(tmp_path, sketch)) == [Conv, Pad, MaxPool]


def test_padding_stays_where_the_output_shows_it(tmp_path):
    sketch = Sketch()
    x = sketch.qlinear_conv(sketch.input([1, 2, 6, 6]), (2, 2, 1, 1), target=(S, Z))
    y = sketch.node("Pad", x, sketch.constant([0, 0, 1, 1, 0, 0, 1, 1]), sketch.zero(Z))
    sketch.output(y)
    sketch.output(sketch.qlinear_conv(y, (4, 2, 3, 3)))
    assert types(assert_exact(tmp_path, sketch)) == [Conv, Pad, Conv]


@pytest.mark.parametrize("kind", ["Identity", "Dropout"])
def test_operators_that_do_nothing_vanish(tmp_path, kind):
    sketch = Sketch()
    y = sketch.node(kind, sketch.dequantize(sketch.input([1, 2, 6, 6]), S, Z))
    y = sketch.node("Conv", y, sketch.weights_levels(3, 2, 3, 3))
    sketch.output(sketch.quantize(y, 2.0**-3, 1))
    assert types(assert_exact(tmp_path, sketch)) == [Conv]


@pytest.mark.parametrize("unsigned", [False, True], ids=["int8", "uint8"])
def test_bounds_on_integers(tmp_path, unsigned):
    sketch = Sketch(unsigned=unsigned)
    y = sketch.qlinear_conv(sketch.input([1, 2, 6, 6]), (4, 2, 3, 3))
    sketch.output(sketch.node("Clip", y, sketch.zero(-20), sketch.zero(40)))
    [op] = assert_exact(tmp_path, sketch).ops
    assert (op.low, op.high) == (-20, 40)


def test_bounds_do_not_merge_into_what_others_read(tmp_path):
    sketch = Sketch()
    y = sketch.qlinear_conv(sketch.input([1, 2, 6, 6]), (4, 2, 3, 3))
    sketch.output(y)
    sketch.output(sketch.node("Clip", y, sketch.zero(-20), sketch.zero(40)))
    network = assert_exact(tmp_path, sketch)
    assert types(network) == [Conv, MaxPool]
    assert network.ops[0].low == -128


@pytest.mark.parametrize("real", [False, True], ids=["integers", "real"])
def test_concat(tmp_path, real):
    sketch = Sketch()
    parts = [sketch.input([1, n, 4, 5]) for n in (1, 2, 3)]
    if real:
        parts = [sketch.dequantize(part, S, Z) for part in parts]
    y = sketch.node("Concat", *parts, axis=1)
    if real:
        y = sketch.quantize(y, S, Z)
    sketch.output(sketch.qlinear_conv(y, (4, 6, 3, 3)))
    assert types(assert_exact(tmp_path, sketch)) == [Concat, Conv]


def test_dead_operators_are_dropped(tmp_path):
    sketch = Sketch()
    x = sketch.input([1, 2, 6, 6])
    sketch.qlinear_conv(x, (4, 2, 3, 3))
    sketch.output(sketch.qlinear_conv(x, (3, 2, 3, 3)))
    network = assert_exact(tmp_path, sketch)
    assert types(network) == [Conv]
    assert len(network.tensors) == 2
