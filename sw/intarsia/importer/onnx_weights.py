"""Weights and biases of ONNX operators."""

import numpy as np

from intarsia.importer.errors import ModelError
from intarsia.importer.onnx_reader import Node
from intarsia.importer.onnx_values import Constant, Levels, Value
from intarsia.importer.weights import symmetric

__all__ = ["bias_of", "kernel_of"]

_TOLERANCE = 2.0**-21
"""Relative: what two or three float32 roundings amount to."""

_LARGEST_FLOAT_BIAS = 1 << 20
"""Beyond, a float32 no longer says which of several integers was meant."""


def kernel_of(node: Node, value: Value | None) -> tuple[np.ndarray, np.ndarray]:
    """Weights as int8, and the scale of each output channel. Axis 0 is that of the channels."""
    where = f"{node.label}: weights"
    if not isinstance(value, Levels):
        kind = f"{value.array.dtype}" if isinstance(value, Constant) else "computed from the input"
        raise ModelError(f"{where} are {kind}: quantize them to int8 constants")
    if not value.integers.ndim or not value.integers.size:
        raise ModelError(f"{where} are empty")
    if not (np.isfinite(value.scale).all() and (value.scale > 0).all()):
        raise ModelError(f"{where} have a scale that is not positive and finite")
    scales = value.scale.reshape(len(value.scale), -1)
    if (scales != scales[:, :1]).any():
        raise ModelError(f"{where} have scales along an axis that is not the output channels'")
    integers = symmetric(value.integers, value.zero_point, where)
    return integers, scales[:, 0].astype(np.float32)


def bias_of(
    node: Node, value: Value | None, input_scale: np.float32, scales: np.ndarray
) -> np.ndarray:
    """Bias as int32 in units of input scale x weight scale.

    `value` may be an int32 constant in these units (of a QLinear operator), one that is dequantized
    with these units, or float32 if it is a multiple of them.
    """
    where = f"{node.label}: the bias"
    if value is None:
        return np.zeros(scales.size, np.int32)
    units = (input_scale * scales).astype(np.float32)
    if isinstance(value, Levels):
        _same_units(value, units, where)
        integers = value.integers
    elif isinstance(value, Constant):
        integers = value.array
        if integers.dtype == np.float32:
            integers = _exact(_per_channel(integers, scales.size, where), units, where)
    else:
        raise ModelError(f"{where} is computed from the input: it must be a constant")
    if integers.dtype != np.int32:
        raise ModelError(f"{where} is {integers.dtype}: int32 was expected")
    return _per_channel(integers, scales.size, where)


def _per_channel(array: np.ndarray, count: int, where: str) -> np.ndarray:
    if array.size not in (1, count) or array.size != max(1, *array.shape[-1:]):
        raise ModelError(f"{where} has shape {array.shape}: {count} values were expected")
    return np.broadcast_to(array.reshape(-1), count).copy()


def _same_units(value: Levels, units: np.ndarray, where: str) -> None:
    scale = _per_channel(value.scale, units.size, where)
    if value.zero_point.any():
        raise ModelError(f"{where} has a zero point: it must be 0")
    if not (np.abs(scale - units) <= _TOLERANCE * units).all():
        raise ModelError(f"{where} has a scale that is not input scale x weight scale")


def _exact(bias: np.ndarray, units: np.ndarray, where: str) -> np.ndarray:
    steps = bias.astype(np.float64) / units
    integers = np.rint(steps)
    exact = np.abs(steps - integers) <= _TOLERANCE * np.abs(steps)
    if not (exact & (np.abs(integers) <= _LARGEST_FLOAT_BIAS)).all():
        raise ModelError(
            f"{where} is float32 and no multiple of input scale x weight scale: "
            "quantize it to int32"
        )
    return integers.astype(np.int32)
