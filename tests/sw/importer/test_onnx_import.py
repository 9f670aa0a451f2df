"""What an ONNX model may not hold is refused by name, in one line."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from intarsia.importer import ModelError
from tests.sw.importer.sketch_onnx import MICROSOFT, Sketch, imported

S, Z = 0.05, 3


def convolution(sketch, **attributes):
    x = sketch.input([1, 2, 6, 6])
    return sketch.qlinear_conv(x, (4, 2, 3, 3), **attributes)


def fully_connected(sketch, *, zero=0, kind=np.int8, scales=0.01, c=None, **attributes):
    x = sketch.dequantize(sketch.input([1, 6]), S, Z)
    integers = sketch.constant(sketch.rng.integers(0, 99, (6, 4)), kind)
    weights = sketch.node(
        "DequantizeLinear", integers, sketch.scale(scales), sketch.constant(zero, kind)
    )
    operands = [x, weights] + ([] if c is None else [c])
    return sketch.quantize(sketch.node("Gemm", *operands, **attributes), 0.1, 0)


def pooled(sketch, kind="QLinearAveragePool", **attributes):
    ends = [name for _ in range(2) for name in (sketch.scale(S), sketch.zero(Z))]
    return sketch.node(
        kind, sketch.input([1, 2, 6, 6]), *ends, domain=MICROSOFT, kernel_shape=[2, 2], **attributes
    )


def real(sketch, *shape):
    return sketch.dequantize(sketch.input(list(shape)), S, Z)


def quantized(sketch, x, scale=S, zero=Z):
    return sketch.quantize(x, scale, zero)


def of_type(sketch, dtype):
    """Levels of another type."""
    x = sketch.node(
        "DequantizeLinear",
        sketch.input([1, 6], dtype),
        sketch.scale(S),
        sketch.constant(0, dtype),
    )
    return sketch.node("QuantizeLinear", x, sketch.scale(S), sketch.constant(0, dtype))


def float_model(sketch):
    x = sketch.input([1, 2, 6, 6], np.float32)
    return sketch.node("Conv", x, sketch.scale(np.ones((3, 2, 3, 3))))


def float_weights(sketch):
    return quantized(
        sketch, sketch.node("Conv", real(sketch, 1, 2, 6, 6), sketch.scale(np.ones((3, 2, 3, 3))))
    )


def unquantized_output(sketch):
    return sketch.node("Conv", real(sketch, 1, 2, 6, 6), sketch.weights_levels(3, 2, 3, 3))


def add(sketch, *shapes):
    return quantized(sketch, sketch.node("Add", *(real(sketch, *shape) for shape in shapes)))


def concat_of_scales(sketch):
    ends = (sketch.scale(S), sketch.zero(Z))
    other = (sketch.scale(0.06), sketch.zero(Z))
    parts = (sketch.input([1, 2, 6, 6]), *ends, sketch.input([1, 2, 6, 6]), *other)
    return sketch.node("QLinearConcat", *ends, *parts, domain=MICROSOFT, axis=1)


def reinterpreted(sketch):
    y = convolution(sketch, target=(0.2, -5))
    return sketch.qlinear_conv(y, (4, 4, 1, 1), source=(0.2, -4))


def shuffled_channels(sketch):
    y = sketch.node("Reshape", convolution(sketch), sketch.constant([1, 2, 2, 4, 4]))
    y = sketch.node("Transpose", y, perm=[0, 2, 1, 3, 4])
    y = sketch.node("Reshape", y, sketch.constant([1, 4, 4, 4]))
    return sketch.qlinear_conv(y, (3, 4, 3, 3), source=(0.2, -5))


def padded(sketch, pads, *others, **attributes):
    y = sketch.node("Pad", convolution(sketch), sketch.constant(pads), *others, **attributes)
    return sketch.qlinear_conv(y, (3, 4, 3, 3), source=(0.2, -5))


def added_transposed(sketch):
    y = convolution(sketch)
    scales = (sketch.scale(0.2), sketch.zero(-5))
    moved = sketch.node("Transpose", y, perm=[0, 2, 1, 3])
    return sketch.node("QLinearAdd", y, *scales, moved, *scales, *scales, domain=MICROSOFT)


def scales_of_input_channels(sketch):
    zeros = sketch.constant(np.zeros(2), np.int8)
    levels = (sketch.weights(3, 2, 3, 3), sketch.scales(2), zeros)
    weights = sketch.node("DequantizeLinear", *levels, axis=1)
    return quantized(sketch, sketch.node("Conv", real(sketch, 1, 2, 6, 6), weights))


def trained(sketch):
    ratio, training = sketch.scale(0.5), sketch.constant(True, np.bool_)
    return quantized(sketch, sketch.node("Dropout", real(sketch, 1, 6), ratio, training))


def softmax(sketch, scale):
    return quantized(sketch, sketch.node("Softmax", real(sketch, 1, 6)), scale, -128)


def bias(sketch, shift):
    return sketch.scale(
        (sketch.rng.integers(-99, 99, 4) + shift) * np.float32(S) * np.float32(0.01)
    )


def scaled_bias(sketch):
    return sketch.node("DequantizeLinear", sketch.bias(4), sketch.scale(0.02))


REFUSED = {
    r"Conv 'Conv.*' computes on 'x.*', which is not quantized: quantize": float_model,
    r"Conv 'Conv.*': weights are float32: quantize": float_weights,
    r"output 'Conv.*' is not quantized": unquantized_output,
    r"Sigmoid 'Sigmoid.*' is not supported: docs/import.md": lambda s: quantized(
        s, s.node("Sigmoid", real(s, 1, 6))
    ),
    r"MatMulInteger '.*' is not supported": lambda s: s.node(
        "MatMulInteger", s.input([1, 6]), s.weights(6, 4)
    ),
    r"QLinearMul '.*' of com.microsoft is not supported": lambda s: s.node(
        "QLinearMul", s.input([1, 6]), domain=MICROSOFT
    ),
    r"is of domain 'org.example'": lambda s: s.node("Thing", s.input([1, 6]), domain="org.example"),
    r"attribute activation is not supported": lambda s: convolution(s, activation="Relu"),
    r"attribute group is of the wrong type": lambda s: convolution(s, group=1.5),
    r"auto_pad = SAME is not supported, only NOTSET or VALID": lambda s: convolution(
        s, auto_pad="SAME"
    ),
    r"auto_pad VALID and pads contradict": lambda s: convolution(
        s, auto_pad="VALID", pads=[1, 1, 1, 1]
    ),
    r"kernel_shape \[2, 2\] differs": lambda s: convolution(s, kernel_shape=[2, 2]),
    r"strides = \[1\]: 2 numbers were expected": lambda s: convolution(s, strides=[1]),
    r"pads are out of range": lambda s: convolution(s, pads=[-1, 0, 0, 0]),
    r"do not fit an input of 2 channels": lambda s: convolution(s, group=2),
    r"window of \(3, 3\) does not fit a 6x6 map": lambda s: convolution(s, dilations=[3, 3]),
    r"ceil_mode with count_include_pad": lambda s: pooled(s, ceil_mode=1, count_include_pad=1),
    r"padding \(2, 0, 0, 0\) is no less than the window": lambda s: pooled(s, pads=[2, 0, 0, 0]),
    r"dilations of an average pool": lambda s: pooled(s, dilations=[2, 2]),
    r"alpha = 0.5 is not supported": lambda s: fully_connected(s, alpha=0.5),
    r"transA = 1 is not supported": lambda s: fully_connected(s, transA=1),
    r"weights have zero point 7: quantize weights symmetrically": lambda s: fully_connected(
        s, zero=7
    ),
    r"weights have zero point 120: .*128 for uint8": lambda s: fully_connected(
        s, zero=120, kind=np.uint8
    ),
    r"scale that is not positive and finite": lambda s: fully_connected(s, scales=np.nan),
    r"bias is float32 and no multiple": lambda s: fully_connected(s, c=bias(s, 0.3)),
    r"bias is float32 and no multiple of": lambda s: fully_connected(s, c=bias(s, np.nan)),
    r"bias has a scale that is not input scale x weight": lambda s: fully_connected(
        s, c=scaled_bias(s)
    ),
    r"bias is computed from the input": lambda s: fully_connected(s, c=real(s, 1, 4)),
    r"QuantizeLinear '.*': scale 0.06.* here, but scale 0.05.* requantization": lambda s: quantized(
        s, real(s, 1, 6), 0.06
    ),
    r"QLinearConv '.*': scale 0.2.*zero point -4 here, but": reinterpreted,
    r"QLinearConcat '.*': scale 0.06.* here, but scale 0.05": concat_of_scales,
    r"int16: int8, uint8 or float32 was expected": lambda s: of_type(s, np.int16),
    r"has scale 0.0: it must be positive": lambda s: quantized(s, real(s, 1, 6), 0.0),
    r"has 6 scales: activations must be quantized per tensor": lambda s: s.node(
        "QuantizeLinear", real(s, 1, 6), s.scale(np.ones(6)), s.zero(Z)
    ),
    r"its inputs are stored in different orders": added_transposed,
    r"scales along an axis that is not the output channels'": scales_of_input_channels,
    r"broadcasting is not supported": lambda s: add(s, (1, 4, 3, 3), (1, 4, 1, 1)),
    r"takes constant '.*' as an activation": lambda s: quantized(
        s, s.node("Add", real(s, 1, 6), s.scale(np.ones(6)))
    ),
    r"an order in which they are not stored": shuffled_channels,
    r"open dimension beside the batch \(width\)": lambda s: quantized(s, real(s, 1, 2, 6, "width")),
    r"a map with batch size 1 was expected": lambda s: s.qlinear_conv(
        s.input([2, 2, 6, 6]), (4, 2, 3, 3)
    ),
    r"only height and width can be padded": lambda s: padded(s, [0, 1, 0, 0, 0, 0, 0, 0]),
    r"or are negative": lambda s: padded(s, [0, 0, -1, 0, 0, 0, 0, 0]),
    r"pads with 0.* only real zeros \(-5\)": lambda s: padded(s, [0, 0, 1, 0, 0, 0, 1, 0]),
    r"mode = reflect is not supported": lambda s: padded(
        s, [0, 0, 1, 0, 0, 0, 1, 0], mode="reflect"
    ),
    r"training_mode is set": trained,
    r"its output must have scale 0.0039": lambda s: softmax(s, 1 / 128),
    r"mean over axes \[2\]": lambda s: quantized(
        s, s.node("ReduceMean", real(s, 1, 2, 6, 6), axes=[2])
    ),
    r"cannot reshape array of size 64": lambda s: s.node(
        "Reshape", convolution(s), s.constant([1, 63])
    ),
    r"an input that must be a constant is computed": lambda s: s.node(
        "Reshape", convolution(s), s.input([2], np.int8)
    ),
    r"has 1 inputs: 2 to 2": lambda s: s.node("Reshape", convolution(s)),
    r"has no scale: only fully quantized": lambda s: s.node("Relu", s.input([1, 6])),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(tmp_path, message):
    sketch = Sketch()
    sketch.output(REFUSED[message](sketch))
    with pytest.raises(ModelError, match=message) as error:
        imported(tmp_path, sketch)
    assert str(error.value).startswith("sketch.onnx: ")
    assert "\n" not in str(error.value)


def sketched():
    sketch = Sketch()
    sketch.output(convolution(sketch))
    return sketch.model()


def test_functions_are_refused(tmp_path):
    model = sketched()
    model.functions.add()
    with pytest.raises(ModelError, match="functions and sparse tensors are not supported"):
        imported(tmp_path, model)


def test_external_data_are_refused(tmp_path):
    model = sketched()
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    with pytest.raises(ModelError, match=r"constant '.*' is in another file"):
        imported(tmp_path, model)


def test_damaged_constants_are_refused(tmp_path):
    model = sketched()
    model.graph.initializer[2].raw_data = b"\0"
    with pytest.raises(ModelError, match=r"constant '.*' is damaged"):
        imported(tmp_path, model)


def test_names_defined_twice_are_refused(tmp_path):
    model = sketched()
    model.graph.node.append(model.graph.node[0])
    with pytest.raises(ModelError, match="defines a name for the second time"):
        imported(tmp_path, model)


def test_nodes_out_of_order_are_refused(tmp_path):
    model = sketched()
    node = helper.make_node("Relu", ["later"], ["early"], name="relu")
    model.graph.node.insert(0, node)
    with pytest.raises(ModelError, match="Relu 'relu' reads 'later', which is not computed before"):
        imported(tmp_path, model)


def test_inputs_without_a_shape_are_refused(tmp_path):
    model = sketched()
    model.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(ModelError, match=r"input '.*' has no shape"):
        imported(tmp_path, model)


def test_an_empty_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no operators, inputs or outputs"):
        imported(tmp_path, onnx.ModelProto())
