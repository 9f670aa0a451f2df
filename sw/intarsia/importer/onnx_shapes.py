"""ONNX operators that pass values on: moved, picked by size, bounded, or surrounded."""

import numpy as np

from intarsia.graph.ops import MaxPool, Pad, Window
from intarsia.importer.builder import Builder
from intarsia.importer.concat import concatenated
from intarsia.importer.errors import ModelError
from intarsia.importer.layout import View, identity
from intarsia.importer.onnx_reader import Node
from intarsia.importer.onnx_values import (
    ANY,
    Constant,
    Handler,
    Pending,
    Quantized,
    Real,
    Value,
    Values,
    moved,
)
from intarsia.importer.onnx_windows import channels_first, channels_last, take_window
from intarsia.importer.quantization import INT8, clamp
from intarsia.importer.windows import pool_fitted

__all__ = ["OPERATORS"]


def _identity(builder: Builder, node: Node, values: Values) -> Value:
    return _present(node, values[0])


def _dropout(builder: Builder, node: Node, values: Values) -> Value:
    node.take("ratio", float)  # matters in training only
    node.take("seed", int)
    if values[2] is not None and _constant(node, values[2]).any():
        raise ModelError(f"{node.label}: training_mode is set: export the model for inference")
    return _present(node, values[0])


def _reshape(builder: Builder, node: Node, values: Values) -> Value:
    target = [int(length) for length in _constant(node, values[1]).reshape(-1)]
    keep_zeros = node.require("allowzero", 0, 1)

    def move(array: np.ndarray) -> np.ndarray:
        lengths = [
            array.shape[axis] if length == 0 and not keep_zeros else length
            for axis, length in enumerate(target)
        ]
        return array.reshape(lengths)

    return moved(_present(node, values[0]), move, node)


def _flatten(builder: Builder, node: Node, values: Values) -> Value:
    axis = node.take("axis", int, 1)

    def move(array: np.ndarray) -> np.ndarray:
        first = axis + array.ndim if axis < 0 else axis
        return array.reshape(int(np.prod(array.shape[:first])), -1)

    return moved(_present(node, values[0]), move, node)


def _transpose(builder: Builder, node: Node, values: Values) -> Value:
    axes = node.take("perm", list)
    return moved(_present(node, values[0]), lambda array: array.transpose(axes), node)


def _squeeze(builder: Builder, node: Node, values: Values) -> Value:
    axes = _axes(node, values[1])
    return moved(_present(node, values[0]), lambda array: array.squeeze(axes), node)


def _unsqueeze(builder: Builder, node: Node, values: Values) -> Value:
    axes = _axes(node, values[1])
    if axes is None:
        raise ModelError(f"{node.label} has no axes")
    return moved(_present(node, values[0]), lambda array: np.expand_dims(array, axes), node)


def _shape(builder: Builder, node: Node, values: Values) -> Value:
    value = _present(node, values[0])
    start, end = node.take("start", int, 0), node.take("end", int)
    if isinstance(value, Quantized | Real):
        shape = value.view.index.shape
    elif isinstance(value, Pending):
        shape = value.index.shape
    else:
        raise ModelError(f"{node.label}: the shape of a constant is not supported")
    return Constant(np.array(shape[start:end], np.int64))


def _max_pool(builder: Builder, node: Node, values: Values) -> Value:
    value = _passed(node, values[0])
    node.require("storage_order", 0, 1)  # of the indices, which are not computed
    rank = value.view.index.ndim
    image = channels_last(value.view, node)
    _, height, width, _ = image.index.shape
    return _pooled(builder, node, value, image, take_window(node, rank, height, width))


def _global_max_pool(builder: Builder, node: Node, values: Values) -> Value:
    value = _passed(node, values[0])
    image = channels_last(value.view, node)
    _, height, width, _ = image.index.shape
    return _pooled(builder, node, value, image, Window(kernel=(height, width)))


def _pooled(
    builder: Builder, node: Node, value: Quantized | Real, image: View, window: Window
) -> Value:
    _, height, width, channels = image.index.shape
    window, size = pool_fitted(window, height, width, node.label)
    source = builder.as_map(image, node.label)
    shape = (*size, channels)
    root = builder.emit(
        MaxPool, node.name, [source], node.outputs[0], shape, source.cell, window=window
    )
    index = channels_first(identity(1, *shape), value.view.index.ndim)
    return _like(value, View(root, index))


def _concat(builder: Builder, node: Node, values: Values) -> Value:
    parts = [_passed(node, value) for value in values]
    if len({(type(part), getattr(part, "dtype", None)) for part in parts}) > 1:
        raise ModelError(f"{node.label}: its inputs are of different types")
    axis = node.take("axis", int)
    rank = parts[0].view.index.ndim
    views = [part.view for part in parts]
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise ModelError(f"{node.label}: axis {axis} is out of range")
    axis %= rank
    name, output = node.name, node.outputs[0]
    if rank in (3, 4) and axis > 0:
        stored = (3, 1, 2)[axis - 1] if rank == 4 else (3, 2)[axis - 1]
        images = [channels_last(view, node) for view in views]
        view = concatenated(builder, images, stored, name, output, node.label)
        return _like(parts[0], View(view.root, channels_first(view.index, rank)))
    return _like(parts[0], concatenated(builder, views, axis, name, output, node.label))


def _pad(builder: Builder, node: Node, values: Values) -> Value:
    value = _passed(node, values[0])
    node.require("mode", "constant")
    view = value.view
    rank = view.index.ndim
    pads = node.take("pads", list) if values[1] is None else _constant(node, values[1]).tolist()
    axes = range(rank) if values[3] is None else [a % rank for a in _constant(node, values[3])]
    if not isinstance(pads, list) or len(pads) != 2 * len(axes) or min(pads) < 0:
        raise ModelError(f"{node.label}: pads {pads} do not fit, or are negative")
    before, after = [0] * rank, [0] * rank
    for axis, first, last in zip(axes, pads, pads[len(axes) :], strict=False):
        before[axis], after[axis] = first, last
    if rank not in (3, 4) or any(before[:2] + after[:2]):
        raise ModelError(f"{node.label}: only height and width can be padded")
    fill = node.take("value", float, 0.0) if values[2] is None else _scalar(node, values[2])
    _check_fill(node, value, fill)
    source = builder.as_map(channels_last(view, node), node.label)
    top, left = [0, 0, *before[2:]][-2:]
    bottom, right = [0, 0, *after[2:]][-2:]
    height, width, channels = source.shape
    shape = (height + top + bottom, width + left + right, channels)
    padding = (top, left, bottom, right)
    root = builder.emit(
        Pad, node.name, [source], node.outputs[0], shape, source.cell, padding=padding
    )
    return _like(value, View(root, channels_first(identity(1, *shape), rank)))


def _check_fill(node: Node, value: Quantized | Real, fill: float) -> None:
    """Padding must be with real zeros."""
    zero = 0
    if isinstance(value, Quantized):
        quantization = value.view.root.cell.value
        if quantization is None:
            raise ModelError(f"{node.label}: the scale of its input is not known yet")
        zero = quantization.zero_point + (128 if value.dtype == np.uint8 else 0)
    if fill != zero:
        raise ModelError(f"{node.label} pads with {fill}: only real zeros ({zero}) are supported")


def _relu(builder: Builder, node: Node, values: Values) -> Value:
    return _bounded(builder, node, _present(node, values[0]), 0.0, np.inf)


def _clip(builder: Builder, node: Node, values: Values) -> Value:
    bounds = []
    for name, value, default in zip(("min", "max"), values[1:], (-np.inf, np.inf), strict=True):
        bound = node.take(name, float, default)
        bounds.append(bound if value is None else _scalar(node, value))
    if np.isnan(bounds).any():
        raise ModelError(f"{node.label}: a bound is not a number")
    return _bounded(builder, node, _present(node, values[0]), *bounds)


def _bounded(builder: Builder, node: Node, value: Value, low: float, high: float) -> Value:
    if isinstance(value, Pending):
        return value.bounded(low, high)
    value = _passed(node, value)
    name = node.outputs[0]
    if isinstance(value, Quantized):
        shift = 128 if value.dtype == np.uint8 else 0
        least, most = (int(np.clip(bound - shift, *INT8)) for bound in (low, high))
    else:
        quantization = value.view.root.cell.value
        assert quantization is not None
        least, most = clamp(low, high, quantization, half="even")
    return _like(value, builder.clamped(value.view, name, node.label, low=least, high=most))


def _like(value: Quantized | Real, view: View) -> Value:
    return Quantized(view, value.dtype) if isinstance(value, Quantized) else Real(view)


def _present(node: Node, value: Value | None) -> Value:
    if value is None:
        raise ModelError(f"{node.label} lacks its first input")
    return value


def _passed(node: Node, value: Value | None) -> Quantized | Real:
    """An operand that must be an activation, quantized or dequantized."""
    if not isinstance(value, Quantized | Real):
        raise ModelError(
            f"{node.label} takes a constant, or numbers that are not quantized: "
            "put QuantizeLinear and DequantizeLinear before it"
        )
    return value


def _constant(node: Node, value: Value | None) -> np.ndarray:
    if not isinstance(value, Constant):
        raise ModelError(f"{node.label}: an input that must be a constant is computed or missing")
    return value.array


def _scalar(node: Node, value: Value | None) -> float:
    array = _constant(node, value)
    if array.size != 1:
        raise ModelError(f"{node.label}: an input has {array.size} values instead of one")
    return float(array.reshape(()))


def _axes(node: Node, value: Value | None) -> tuple[int, ...] | None:
    axes = node.take("axes", list)
    if value is not None:
        axes = _constant(node, value).reshape(-1).tolist()
    return None if axes is None else tuple(int(axis) for axis in axes)


OPERATORS: dict[str, tuple[int, int, Handler]] = {
    "Clip": (1, 3, _clip),
    "Concat": (1, ANY, _concat),
    "Dropout": (1, 3, _dropout),
    "Flatten": (1, 1, _flatten),
    "GlobalMaxPool": (1, 1, _global_max_pool),
    "Identity": (1, 1, _identity),
    "MaxPool": (1, 1, _max_pool),
    "Pad": (1, 4, _pad),
    "Relu": (1, 1, _relu),
    "Reshape": (2, 2, _reshape),
    "Shape": (1, 1, _shape),
    "Squeeze": (1, 2, _squeeze),
    "Transpose": (1, 1, _transpose),
    "Unsqueeze": (1, 2, _unsqueeze),
}
"""By name: least and greatest number of inputs, and the handler, which gets the greatest."""
