"""Between a model's own inputs and outputs and the activations that they are."""

import numpy as np

from intarsia.graph import NetworkInput, NetworkOutput, Tensor

__all__ = ["InputError", "present_output", "quantize_input"]


class InputError(ValueError):
    """Values that a model can't take."""


def quantize_input(end: NetworkInput, tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """Activations that `values` become.

    Floats are quantized as ONNX's QuantizeLinear does: a float32 division, ties to even.

    Parameters
    ----------
    end : NetworkInput
        One of ``network.inputs``.
    tensor : Tensor
        ``network.tensors[end.tensor]``.
    values : numpy.ndarray
        ``(batch, *end.model_shape)``, of the model's own type; any float where that is float32.

    Returns
    -------
    numpy.ndarray
        int8, ``(batch, height, width, channels)``.

    Raises
    ------
    :exc:`InputError`
        If the shape or the type is another, there are none, or one is not a number.
    """
    floats = end.dtype == np.float32 and np.issubdtype(values.dtype, np.floating)
    if values.shape[1:] != end.model_shape or values.ndim == 0:
        expected = ", ".join(map(str, ("N", *end.model_shape)))
        raise InputError(f"Input {end.tensor!r} has shape {values.shape}, not ({expected})")
    if not floats and values.dtype != end.dtype:
        raise InputError(f"Input {end.tensor!r} is {values.dtype}, not {end.dtype}")
    if len(values) == 0:
        raise InputError(f"Input {end.tensor!r} holds no inferences: its shape is {values.shape}")
    if floats and np.isnan(values).any():
        raise InputError(f"Input {end.tensor!r} holds values that are not numbers")

    if floats:
        steps = np.rint(values.astype(np.float32) / np.float32(tensor.scale)) + tensor.zero_point
        quantized = np.clip(steps, -128, 127)
    else:
        quantized = values.astype(np.int16) - (128 if end.dtype == np.uint8 else 0)
    if end.transpose is not None:
        quantized = quantized.transpose(0, *(axis + 1 for axis in end.transpose))
    return quantized.reshape(len(values), *tensor.shape).astype(np.int8)


def present_output(end: NetworkOutput, tensor: Tensor, activations: np.ndarray) -> np.ndarray:
    """What the model itself would return.

    Parameters
    ----------
    end : NetworkOutput
        One of ``network.outputs``.
    tensor : Tensor
        ``network.tensors[end.tensor]``.
    activations : numpy.ndarray
        int8, ``(batch, height, width, channels)``.

    Returns
    -------
    numpy.ndarray
        ``(batch, *end.model_shape)``, of the model's own type.
    """
    steps = activations.astype(np.int16)
    if end.transpose is not None:
        steps = steps.transpose(0, *(axis + 1 for axis in end.transpose))
    steps = steps.reshape(len(activations), *end.model_shape)
    if end.dtype == np.float32:
        return (steps - tensor.zero_point).astype(np.float32) * np.float32(tensor.scale)
    return (steps + (128 if end.dtype == np.uint8 else 0)).astype(end.dtype)
