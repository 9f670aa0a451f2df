"""QuantizeLinear and DequantizeLinear, of constants and of activations."""

import numpy as np

from intarsia.importer.errors import ModelError
from intarsia.importer.layout import View
from intarsia.importer.onnx_reader import Node
from intarsia.importer.onnx_values import Constant, Levels, Pending, Quantized, Real, Value, Values
from intarsia.importer.quantization import Quantization, QuantizationCell, clamp

__all__ = ["dequantize", "quantize"]


def dequantize(node: Node, operands: Values, axis: int = 1) -> Value:
    """What integers mean: `operands` are these, their scale, and their zero point or None."""
    value, scale, zero_point = operands
    if isinstance(value, Constant):
        integers = value.array
        if integers.dtype not in (np.int8, np.uint8, np.int32):
            raise ModelError(
                f"{node.label}: constant of type {integers.dtype} is not supported: "
                "quantize the model to int8"
            )
        zeros = _array(node, zero_point, np.zeros((), integers.dtype))
        scales = _array(node, scale)
        if zeros.dtype != integers.dtype:
            raise ModelError(f"{node.label}: zero point is {zeros.dtype}, data {integers.dtype}")
        return Levels(
            integers,
            _along(node, scales, integers.shape, axis),
            _along(node, zeros, integers.shape, axis),
        )
    if not isinstance(value, Quantized):
        raise ModelError(f"{node.label} dequantizes what is not quantized")
    value.view.root.cell.bind(_quantization(node, scale, zero_point, value.dtype), node.label)
    return Real(value.view)


def quantize(node: Node, operands: Values, axis: int = 1) -> Value:
    """Integers for real numbers: `operands` are these, a scale, and a zero point or None.

    An operator that waited for its output's scale is appended.
    """
    value, scale, zero_point = operands
    if isinstance(value, Constant):
        return _quantize_constant(node, value.array, scale, zero_point, axis)
    zeros = _array(node, zero_point, np.zeros((), np.uint8))
    quantization = _quantization(node, scale, zero_point, zeros.dtype)
    if isinstance(value, Real):
        value.view.root.cell.bind(quantization, node.label)
        return Quantized(value.view, zeros.dtype)
    if isinstance(value, Pending):
        low, high = clamp(value.low, value.high, quantization, half="even")
        root = value.emit(node.outputs[0], QuantizationCell(quantization), low, high)
        return Quantized(View(root, value.index), zeros.dtype)
    raise ModelError(f"{node.label} quantizes what is quantized already")


def _quantize_constant(
    node: Node, array: np.ndarray, scale: Value | None, zero_point: Value | None, axis: int
) -> Constant:
    zeros = _array(node, zero_point, np.zeros((), np.uint8))
    if array.dtype != np.float32 or zeros.dtype not in (np.int8, np.uint8, np.int32):
        raise ModelError(f"{node.label}: {array.dtype} to {zeros.dtype} is not supported")
    scales = _along(node, _array(node, scale), array.shape, axis)
    offsets = _along(node, zeros, array.shape, axis).astype(np.int64)
    info = np.iinfo(zeros.dtype)
    levels = np.rint(array / scales).astype(np.int64) + offsets
    return Constant(np.clip(levels, info.min, info.max).astype(zeros.dtype))


def _array(node: Node, value: Value | None, default: np.ndarray | None = None) -> np.ndarray:
    if value is None and default is not None:
        return default
    if not isinstance(value, Constant):
        raise ModelError(f"{node.label}: scale and zero point must be constants")
    return value.array


def _along(node: Node, array: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray:
    """A scale or zero point, per tensor or per element of `axis`, in the full shape."""
    if array.size == 1:
        return np.broadcast_to(array.reshape(()), shape)
    if array.ndim != 1 or not -len(shape) <= axis < len(shape) or shape[axis] != array.size:
        raise ModelError(
            f"{node.label}: {array.shape} scales or zero points for data of {shape} along "
            f"axis {axis}: only per tensor and per channel are supported"
        )
    spread = [1] * len(shape)
    spread[axis] = array.size
    return np.broadcast_to(array.reshape(spread), shape)


def _quantization(
    node: Node, scale: Value | None, zero_point: Value | None, dtype: np.dtype
) -> Quantization:
    zeros = _array(node, zero_point, np.zeros((), dtype))
    if zeros.dtype != dtype:
        raise ModelError(f"{node.label}: zero point is {zeros.dtype}, data {dtype}")
    return Quantization.of(_array(node, scale), zeros, f"{node.label}")
