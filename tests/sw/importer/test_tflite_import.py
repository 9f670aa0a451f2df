"""What a TFLite model may not hold is refused by name, in one line."""

import numpy as np
import pytest

from intarsia.importer import ModelError
from tests.sw.importer.sketch_tflite import TfliteSketch, imported

S, Z = 0.05, 3


def conv(sketch, x=None, y=None, weights=None, bias=-1, **values):
    x = sketch.input([1, 4, 4, 2], S, Z) if x is None else x
    y = sketch.tensor([1, 4, 4, 3], 0.1, 0) if y is None else y
    weights = sketch.weights(3, 3, 3, 2) if weights is None else weights
    return sketch.conv(x, y, weights, bias, **values)


def one(sketch, kind, *, shape=(1, 4, 4, 2), options=None, scale=S, zero=Z, more=(), **values):
    """An operator on the input, whose output has shape `shape`."""
    x = sketch.input([1, 4, 4, 2], S, Z)
    return sketch.operator(
        kind, [x, *more], [sketch.tensor(list(shape), scale, zero)], options, **values
    )


def pool(sketch, **values):
    values = dict(Padding=1, StrideH=2, StrideW=2, FilterHeight=2, FilterWidth=2) | values
    return sketch.operator(
        "MAX_POOL_2D",
        [sketch.input([1, 4, 4, 2], S, Z)],
        [sketch.tensor([1, 2, 2, 2], values.pop("scale", S), Z)],
        "Pool2DOptions",
        **values,
    )


def pad(sketch, amounts, fill=None):
    more = [sketch.constant(np.array(amounts, np.int32))]
    if fill is not None:
        more.append(sketch.constant(np.array([fill], np.int8), S, Z))
    return one(sketch, "PAD" if fill is None else "PADV2", shape=(1, 6, 6, 2), more=more)


def constant(sketch, *values):
    return sketch.constant(np.array(values, np.int32))


REFUSED = {
    r"LOGISTIC 't1' is not supported: docs/import.md": lambda s: one(s, "LOGISTIC"),
    r"GELU 't1' is not supported": lambda s: one(s, "GELU"),
    r"custom operator '' 't1' is not supported": lambda s: one(s, "CUSTOM"),
    r"CONV_2D 't1' computes on float32 tensor 't0': quantize": lambda s: conv(
        s, s.input([1, 4, 4, 2], None, dtype=np.float32)
    ),
    r"is of type INT16: quantize the whole model": lambda s: conv(
        s, s.input([1, 4, 4, 2], S, 0, dtype=np.int16)
    ),
    r"'t0' has no quantization": lambda s: conv(s, s.input([1, 4, 4, 2], None)),
    r"Tensor 't0' has no quantization: ": lambda s: conv(s, s.input([1, 4, 4, 2], [])),
    r"zero point outside INT8's range": lambda s: conv(s, s.input([1, 4, 4, 2], S, 200)),
    r"has 2 scales: activations must be": lambda s: conv(s, s.input([1, 4, 4, 2], [0.1, 0.2], 0)),
    r"has scale nan: it must be positive": lambda s: conv(s, s.input([1, 4, 4, 2], np.nan, 0)),
    r"weights have zero point 5": lambda s: conv(s, weights=s.weights(3, 3, 3, 2, zero=5)),
    r"weights have 2 scales along axis 0": lambda s: conv(
        s, weights=s.weights(3, 3, 3, 2, scale=[0.1, 0.2])
    ),
    r"weights are INT8 without a scale": lambda s: conv(
        s, weights=s.weights(3, 3, 3, 2, scale=None)
    ),
    r"weights have 2 dimensions instead of 4": lambda s: conv(s, weights=s.weights(3, 18)),
    r"weights have a scale that is not positive": lambda s: conv(
        s, weights=s.weights(3, 3, 3, 2, scale=-1.0)
    ),
    r"takes 't1', which is computed from the input": lambda s: conv(
        s, weights=s.input([3, 3, 3, 2], S, 0) if s.input([1, 4, 4, 2]) == 0 else None
    ),
    r"the bias is INT32 of shape \(2,\): one int32 for each of 3": lambda s: conv(
        s, bias=s.bias(2, S * 0.01)
    ),
    r"the bias has a scale that is not input scale x weight scale": lambda s: conv(
        s, bias=s.bias(3, 1.0)
    ),
    r"the bias has a scale that is not input": lambda s: conv(s, bias=s.bias(3, np.nan)),
    r"the bias has 2 scales for 3 values": lambda s: conv(s, bias=s.bias(3, [1.0, 1.0])),
    r"the bias has a zero point": lambda s: conv(
        s, bias=s.constant(np.zeros(3, np.int32), S * 0.01, 1)
    ),
    r"fused activation 4 is not supported": lambda s: conv(s, FusedActivationFunction=4),
    r"stride and dilation must be positive": lambda s: conv(s, StrideH=0),
    r"Padding = 2 is not supported, only 0 or 1": lambda s: conv(s, Padding=2),
    r"do not fit an input of 2 channels": lambda s: conv(s, weights=s.weights(3, 3, 3, 4)),
    r"gives \(4, 4, 3\) values, but the file says \(1, 4, 4, 4\)": lambda s: conv(
        s, y=s.tensor([1, 4, 4, 4], 0.1, 0)
    ),
    r"QuantizedBiasType = 4 is not supported": lambda s: conv(s, QuantizedBiasType=4),
    r"DepthMultiplier = 3 is not supported, only 2": lambda s: conv(
        s,
        y=s.tensor([1, 4, 4, 4], 0.1, 0),
        weights=s.weights(1, 3, 3, 4, axis=3),
        kind="DEPTHWISE_CONV_2D",
        options="DepthwiseConv2DOptions",
        DepthMultiplier=3,
    ),
    r"lacks option FilterHeight": lambda s: one(s, "MAX_POOL_2D", options="AddOptions"),
    r"MAX_POOL_2D .* requantization between operators": lambda s: pool(s, scale=0.06),
    r"window of \(5, 5\) does not fit a 4x4 map": lambda s: pool(s, FilterHeight=5, FilterWidth=5),
    r"QUANTIZE .* requantization between operators": lambda s: one(s, "QUANTIZE", scale=0.06),
    r"only height and width can be padded": lambda s: pad(s, [[0, 0], [1, 1], [1, 1], [1, 1]]),
    r"only padding with real zeros": lambda s: pad(s, [[0, 0], [1, 1], [1, 1], [0, 0]], fill=0),
    r"mean over axes \[1\]": lambda s: one(
        s, "MEAN", options="ReducerOptions", more=[constant(s, 1)]
    ),
    r"its output has scale 0.05.*: it must be scale 0.0039": lambda s: one(
        s, "SOFTMAX", options="SoftmaxOptions"
    ),
    r"broadcasting is not supported": lambda s: one(
        s, "ADD", options="AddOptions", more=[s.input([1, 1, 1, 2])]
    ),
    r"takes constant 't0' as an activation": lambda s: one(
        s, "ADD", options="AddOptions", more=[s.weights(1, 4, 4, 2)]
    ),
    r"ADD 't1' has 1 inputs: 2 to 2": lambda s: one(s, "ADD", options="AddOptions"),
    r"cannot reshape array of size 32": lambda s: one(s, "RESHAPE", more=[constant(s, 1, 31)]),
    r"RELU .* requantization between operators": lambda s: one(s, "RELU", scale=0.06),
    r"'t1' has an open dimension beside the batch": lambda s: conv(
        s,
        y=s.tensor([1, 4, 4, 3], 0.1, 0, signature=[1, -1, 4, 3])
        if s.input([1, 4, 4, 2]) == 0
        else None,
    ),
    r"has shape \[1, 0, 4, 2\]: the file is damaged": lambda s: conv(s, s.input([1, 0, 4, 2])),
    r"is a variable: models with state": lambda s: conv(s, s.input([1, 4, 4, 2], IsVariable=True)),
    r"a map with batch size 1 was expected": lambda s: conv(s, s.input([2, 4, 4, 2])),
    r"option DilationDFactor is not supported": lambda s: one(
        s, "QUANTIZE", options="Conv3DOptions"
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(tmp_path, message):
    sketch = TfliteSketch()
    sketch.outputs = [REFUSED[message](sketch)]
    with pytest.raises(ModelError, match=message) as error:
        imported(tmp_path, sketch)
    assert str(error.value).startswith("sketch.tflite: ")
    assert "\n" not in str(error.value)
