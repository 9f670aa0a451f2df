"""Models' own inputs become activations, and activations become models' own outputs."""

import numpy as np
import pytest

from intarsia.golden import InputError, present_output, quantize_input
from intarsia.graph import NetworkInput, NetworkOutput, Tensor

TENSOR = Tensor("x", (2, 3, 4), np.float32(0.5), -3)
ACTIVATIONS = np.arange(-24, 24, dtype=np.int8).reshape(2, 2, 3, 4)


def image(kind, dtype):
    """End that has its channels first."""
    transpose = (1, 2, 0) if kind is NetworkInput else (2, 0, 1)
    return kind("x", (4, 2, 3), transpose, np.dtype(dtype))


def vector(kind, dtype):
    return kind("x", (24,), None, np.dtype(dtype))


@pytest.mark.parametrize("offset, dtype", [(0, np.int8), (128, np.uint8)])
def test_bytes_are_shifted_and_transposed(dtype, offset):
    values = (np.moveaxis(ACTIVATIONS, 3, 1).astype(int) + offset).astype(dtype)
    x = quantize_input(image(NetworkInput, dtype), TENSOR, values)
    assert x.dtype == np.int8
    np.testing.assert_array_equal(x, ACTIVATIONS)
    y = present_output(image(NetworkOutput, dtype), TENSOR, ACTIVATIONS)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, values)


def test_extreme_bytes_keep_their_place():
    end = NetworkInput("x", (2,), None, np.dtype(np.uint8))
    tensor = Tensor("x", (1, 1, 2), np.float32(1), 0)
    x = quantize_input(end, tensor, np.array([[0, 255]], np.uint8))
    assert x.ravel().tolist() == [-128, 127]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_floats_are_quantized_to_even(dtype):
    end = NetworkInput("x", (6,), None, np.dtype(np.float32))
    tensor = Tensor("x", (1, 1, 6), np.float32(0.5), -3)
    values = np.array([[0.25, 0.75, -0.25, 1, 1000, -np.inf]], dtype)
    x = quantize_input(end, tensor, values)
    assert x.ravel().tolist() == [-3, -1, -3, -1, 127, -128]


def test_floats_are_dequantized():
    y = present_output(vector(NetworkOutput, np.float32), TENSOR, ACTIVATIONS)
    assert y.dtype == np.float32
    assert y.shape == (2, 24)
    np.testing.assert_array_equal(y, (ACTIVATIONS.reshape(2, 24).astype(np.float32) + 3) * 0.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((1, 2, 3, 4), np.int8), r"shape \(1, 2, 3, 4\), not \(N, 4, 2, 3\)"),
        (np.zeros((4, 2, 3), np.int8), r"shape \(4, 2, 3\), not \(N, 4, 2, 3\)"),
        (np.zeros((), np.int8), r"shape \(\), not \(N, 4, 2, 3\)"),
        (np.zeros((1, 4, 2, 3), np.uint8), "is uint8, not int8"),
        (np.zeros((1, 4, 2, 3), np.float32), "is float32, not int8"),
    ],
)
def test_wrong_inputs_are_refused_by_name(values, message):
    with pytest.raises(InputError, match=f"^Input 'x' (has )?{message}$"):
        quantize_input(image(NetworkInput, np.int8), TENSOR, values)


def test_no_inferences_are_refused_by_name():
    message = r"^Input 'x' holds no inferences: its shape is \(0, 4, 2, 3\)$"
    with pytest.raises(InputError, match=message):
        quantize_input(image(NetworkInput, np.int8), TENSOR, np.zeros((0, 4, 2, 3), np.int8))


def test_integers_are_no_floats():
    with pytest.raises(InputError, match="is int8, not float32"):
        quantize_input(vector(NetworkInput, np.float32), TENSOR, np.zeros((1, 24), np.int8))


def test_what_is_no_number_is_refused():
    values = np.full((1, 24), np.nan, np.float32)
    with pytest.raises(InputError, match=r"^Input 'x' holds values that are not numbers$"):
        quantize_input(vector(NetworkInput, np.float32), TENSOR, values)
