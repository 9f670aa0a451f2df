"""ONNX operators that compute, as operators on real numbers."""

from collections.abc import Callable

import numpy as np

from intarsia.graph.ops import Add, AveragePool, Mean, Softmax
from intarsia.importer.builder import Builder
from intarsia.importer.errors import ModelError
from intarsia.importer.layout import Activation, View, identity
from intarsia.importer.onnx_reader import Node
from intarsia.importer.onnx_values import (
    Constant,
    Handler,
    Levels,
    Pending,
    Value,
    Values,
    moved,
    real,
)
from intarsia.importer.onnx_weights import bias_of, kernel_of
from intarsia.importer.onnx_windows import channels_first, channels_last, take_window
from intarsia.importer.quantization import INT8, Quantization, QuantizationCell
from intarsia.importer.weights import Kernel, convolution, fully_connected
from intarsia.importer.windows import fitted, pool_fitted

__all__ = ["OPERATORS"]

_SOFTMAX_OUTPUT = Quantization(np.float32(1 / 256), -128)


def _conv(builder: Builder, node: Node, values: Values) -> Value:
    x, w, b = values
    view = real(x, node, 0)
    rank = view.index.ndim
    image = channels_last(view, node)
    _, height, width, _ = image.index.shape
    weights, scales = kernel_of(node, w)
    if weights.ndim != rank:
        raise ModelError(f"{node.label}: weights of {weights.ndim} dimensions for input of {rank}")
    window = take_window(node, rank, height, width, weights.shape[2:])
    groups = node.take("group", int, 1)
    weights = weights.reshape(*weights.shape[:2], *window.kernel).transpose(0, 2, 3, 1)
    kernel = Kernel(weights, scales, bias_of(node, b, _scale(view), scales))
    if height == width == 1 and window.kernel == (1, 1) and groups == 1:
        # A 1x1 map is a vector: its channels may be stored in any order.
        vector = View(image.root, image.index.reshape(1, -1))
        pending = _dense(builder, node, vector, weights[:, 0, 0, :], scales, kernel.bias)
        return moved(pending, lambda index: index.reshape(1, -1, *[1] * (rank - 2)), node)

    def emit(name: str, cell: QuantizationCell, low: int, high: int) -> Activation:
        source = builder.as_map(image, node.label)
        return convolution(
            builder,
            node.label,
            node.name,
            source,
            name,
            cell,
            kernel=kernel,
            window=window,
            groups=groups,
            low=low,
            high=high,
        )

    _, size = fitted(window, height, width, node.label)
    return Pending(emit, channels_first(identity(1, *size, scales.size), rank))


def _dense(
    builder: Builder,
    node: Node,
    view: View,
    weights: np.ndarray,
    scales: np.ndarray,
    bias: np.ndarray,
) -> Pending:
    """Product of a tensor (..., C) with weights (K, C)."""
    length = view.index.shape[-1]
    rows = View(view.root, view.index.reshape(-1, length))

    def emit(name: str, cell: QuantizationCell, low: int, high: int) -> Activation:
        kernel = Kernel(weights, scales, bias)
        return fully_connected(
            builder, node.label, node.name, rows, name, cell, kernel=kernel, low=low, high=high
        )

    def add(value: Constant | Levels) -> Pending:
        more = bias_of(node, value, _scale(view), scales)
        return _dense(builder, node, view, weights, scales, bias + more)

    return Pending(emit, identity(*view.index.shape[:-1], scales.size), add=add)


def _matmul(builder: Builder, node: Node, values: Values) -> Value:
    view = real(values[0], node, 0)
    return _product(builder, node, view, values[1], None)


def _gemm(builder: Builder, node: Node, values: Values) -> Value:
    for name in ("alpha", "beta"):
        node.require(name, 1.0)
    node.require("transA", 0)
    view = real(values[0], node, 0)
    weights = values[1]
    if node.require("transB", 0, 1) and isinstance(weights, Levels):
        weights = moved(weights, np.transpose, node)
    return _product(builder, node, view, weights, values[2])


def _product(
    builder: Builder, node: Node, view: View, weights: Value | None, bias: Value | None
) -> Pending:
    """Product with weights (C, K)."""
    if isinstance(weights, Levels):
        weights = moved(weights, np.transpose, node)
    integers, scales = kernel_of(node, weights)
    if integers.ndim != 2 or view.index.ndim < 1 or view.index.shape[-1] != integers.shape[1]:
        raise ModelError(
            f"{node.label}: weights {integers.shape[::-1]} do not fit an input of "
            f"{view.index.shape}"
        )
    biases = bias_of(node, bias, _scale(view), scales)
    return _dense(builder, node, view, integers, scales, biases)


def _add(builder: Builder, node: Node, values: Values) -> Value:
    for this, other in (values, values[::-1]):
        if isinstance(this, Pending) and this.add and isinstance(other, Constant | Levels):
            return this.add(other)
    views = [real(value, node, position) for position, value in enumerate(values)]
    left, right, index = builder.aligned(views[0], views[1], node.label)

    def emit(name: str, cell: QuantizationCell, low: int, high: int) -> Activation:
        return builder.emit(
            Add, node.name, [left, right], name, left.shape, cell, low=low, high=high
        )

    return Pending(emit, index)


def _average_pool(builder: Builder, node: Node, values: Values) -> Value:
    view = real(values[0], node, 0)
    rank = view.index.ndim
    last = node.require("channels_last", 0, 1)
    image = view if last else channels_last(view, node)
    _, height, width, channels = image.index.shape
    ceil = node.attributes.get("ceil_mode", 0)
    window = take_window(node, rank, height, width)
    count_padding = bool(node.require("count_include_pad", 0, 1))
    if window.dilation != (1, 1):
        raise ModelError(f"{node.label}: dilations of an average pool are not supported")
    if ceil and count_padding:
        raise ModelError(f"{node.label}: ceil_mode with count_include_pad is not supported")
    window, size = pool_fitted(window, height, width, node.label)

    def emit(name: str, cell: QuantizationCell, low: int, high: int) -> Activation:
        return builder.emit(
            AveragePool,
            node.name,
            [builder.as_map(image, node.label)],
            name,
            (*size, channels),
            cell,
            window=window,
            count_padding=count_padding and any(window.padding),
            low=low,
            high=high,
        )

    index = identity(1, *size, channels)
    return Pending(emit, index if last else channels_first(index, rank))


def _global_average_pool(builder: Builder, node: Node, values: Values) -> Value:
    view = real(values[0], node, 0)
    if node.require("channels_last", 0, 1):
        return _mean(builder, node, view, lambda index: index)
    image = channels_last(view, node)
    return _mean(builder, node, image, lambda index: channels_first(index, view.index.ndim))


def _reduce_mean(builder: Builder, node: Node, values: Values) -> Value:
    view = real(values[0], node, 0)
    rank = view.index.ndim
    axes = node.take("axes", list)
    if isinstance(values[1], Constant):
        axes = values[1].array.tolist()
    node.require("noop_with_empty_axes", 0)
    keep = node.require("keepdims", 1, 0)
    axes = sorted(axis % rank for axis in axes or [])
    if rank == 4 and axes == [1, 2]:
        image, move = view, (lambda index: index)
    elif rank in (3, 4) and axes == list(range(2, rank)):
        image, move = channels_last(view, node), (lambda index: channels_first(index, rank))
    else:
        raise ModelError(f"{node.label}: mean over axes {axes}: only height and width together")
    pending = _mean(builder, node, image, move)
    return pending if keep else moved(pending, lambda index: index.squeeze(tuple(axes)), node)


def _mean(
    builder: Builder, node: Node, image: View, move: Callable[[np.ndarray], np.ndarray]
) -> Pending:
    """Mean over height and width of a map (1, H, W, C); `move` brings back the model's shape."""
    shape = (1, 1, image.index.shape[-1])

    def emit(name: str, cell: QuantizationCell, low: int, high: int) -> Activation:
        source = builder.as_map(image, node.label)
        return builder.emit(Mean, node.name, [source], name, shape, cell, low=low, high=high)

    return Pending(emit, move(identity(1, *shape)))


def _softmax(builder: Builder, node: Node, values: Values) -> Value:
    view = real(values[0], node, 0)
    index = view.index
    axis = node.take("axis", int, -1 if node.opset >= 13 else 1) % index.ndim
    if node.opset >= 13:
        index = np.moveaxis(index, axis, -1)
        length = index.shape[-1]
    else:
        length = int(np.prod(index.shape[axis:]))
    rows = View(view.root, index.reshape(-1, length))

    def emit(name: str, cell: QuantizationCell, low: int, high: int) -> Activation:
        if cell.value != _SOFTMAX_OUTPUT or (low, high) != INT8:
            raise ModelError(f"{node.label}: its output must have {_SOFTMAX_OUTPUT} (int8)")
        source, order = builder.as_rows(rows, node.label)
        if not np.array_equal(order, identity(order.size)):
            raise ModelError(f"{node.label}: its input is stored in another order")
        return builder.emit(Softmax, node.name, [source], name, source.shape, cell)

    places = identity(*rows.index.shape).reshape(index.shape)
    return Pending(emit, np.moveaxis(places, -1, axis) if node.opset >= 13 else places)


def _scale(view: View) -> np.float32:
    """Scale of a dequantized activation: whoever dequantized it has said it."""
    value = view.root.cell.value
    assert value is not None
    return value.scale


OPERATORS: dict[str, tuple[int, int, Handler]] = {
    "Add": (2, 2, _add),
    "AveragePool": (1, 1, _average_pool),
    "Conv": (2, 3, _conv),
    "Gemm": (2, 3, _gemm),
    "GlobalAveragePool": (1, 1, _global_average_pool),
    "MatMul": (2, 2, _matmul),
    "ReduceMean": (1, 2, _reduce_mean),
    "Softmax": (1, 1, _softmax),
}
"""By name: least and greatest number of inputs, and the handler, which gets the greatest."""
