"""Operators that move bytes move them where they belong."""

import numpy as np
import pytest

from intarsia.golden import ScaleError, evaluate_op
from intarsia.graph import Concat, Mode, Pad, Reshape, Softmax, Tensor

X = np.arange(-12, 12, dtype=np.int8).reshape(2, 3, 4)


def tensor(name, *shape, scale=0.5, zero_point=-3):
    return Tensor(name, shape, np.float32(scale), zero_point)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concat_joins_along_its_axis(axis, mode):
    tensors = {name: tensor(name, 2, 3, 4) for name in "aby"}
    op = Concat(name="concat", inputs=("a", "b"), output="y", axis=axis)
    y = evaluate_op(op, [X, -X], tensors, mode)
    np.testing.assert_array_equal(y, np.concatenate([X, -X], axis))


@pytest.mark.parametrize("other", [dict(scale=0.25), dict(zero_point=0)])
def test_concat_of_other_scales_is_refused_by_name(other):
    tensors = {"a": tensor("a", 2, 3, 4), "b": tensor("b", 2, 3, 4, **other), "y": tensor("y")}
    op = Concat(name="concat", inputs=("a", "b"), output="y", axis=0)
    with pytest.raises(ScaleError, match=r"^Concat 'concat': input 'b' .* of 'y'; requantize it"):
        evaluate_op(op, [X, X], tensors, Mode.ONNX)


def test_pad_is_the_zero_point():
    tensors = {"x": tensor("x", 2, 3, 4), "y": tensor("y", 5, 10, 4)}
    op = Pad(name="pad", inputs=("x",), output="y", padding=(1, 3, 2, 4))
    y = evaluate_op(op, [X], tensors, Mode.ONNX)
    assert y.shape == (5, 10, 4)
    np.testing.assert_array_equal(y[1:3, 3:6], X)
    assert np.count_nonzero(y == -3) == 200 - 24 + np.count_nonzero(X == -3)


def test_reshape_keeps_the_order():
    tensors = {"x": tensor("x", 2, 3, 4), "y": tensor("y", 1, 1, 24)}
    op = Reshape(name="reshape", inputs=("x",), output="y")
    y = evaluate_op(op, [np.stack([X, -X])], tensors, Mode.ONNX)
    assert y.shape == (2, 1, 1, 24)
    assert y[0].ravel().tolist() == X.ravel().tolist()


@pytest.mark.parametrize(
    ("logits", "scale", "expected"),
    [
        ([0, 0, 0, 0], 1, [-64, -64, -64, -64]),
        ([127, -128, -128], 1, [127, -128, -128]),  # 256 does not fit
        ([1, 0], np.log(3), [64, -64]),
        ([-100, -101], np.log(3), [64, -64]),
        ([2, 0, 0], np.log(2), [43, -85, -85]),
    ],
)
def test_softmax(logits, scale, expected):
    tensors = {"x": tensor("x", 1, 1, 4, scale=scale), "y": tensor("y", 1, 1, 4)}
    op = Softmax(name="softmax", inputs=("x",), output="y")
    y = evaluate_op(op, [np.array([[logits]], np.int8)], tensors, Mode.ONNX)
    assert y.ravel().tolist() == expected


def test_softmax_has_a_temperature():
    tensors = {"x": tensor("x", 1, 1, 2, scale=np.log(3) / 2), "y": tensor("y", 1, 1, 2)}
    op = Softmax(name="softmax", inputs=("x",), output="y", beta=2.0)
    y = evaluate_op(op, [np.array([[[1, 0]]], np.int8)], tensors, Mode.ONNX)
    assert y.ravel().tolist() == [64, -64]
