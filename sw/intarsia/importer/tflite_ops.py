"""TFLite operators that compute."""

import numpy as np

from intarsia.graph.ops import Add, AveragePool, MaxPool, Mean, Op, Softmax, Window
from intarsia.importer.errors import ModelError
from intarsia.importer.layout import Activation, View, identity
from intarsia.importer.quantization import Quantization, clamp
from intarsia.importer.tflite_reader import Operator
from intarsia.importer.tflite_values import Scope
from intarsia.importer.weights import Kernel, convolution, fully_connected
from intarsia.importer.windows import fitted, same_padding

__all__ = ["OPERATORS"]

_ACTIVATIONS = {
    0: (-np.inf, np.inf),
    1: (0.0, np.inf),
    2: (-1.0, 1.0),
    3: (0.0, 6.0),
}
"""Real bounds of NONE, RELU, RELU_N1_TO_1, RELU6."""

_SAME, _VALID = 0, 1
_SOFTMAX_OUTPUT = Quantization(np.float32(1 / 256), -128)


def _clamp(scope: Scope, op: Operator, activation: int | None = None) -> dict[str, int]:
    """Clamp of the fused activation, computed from the scale of the output."""
    number = op.take("FusedActivationFunction") if activation is None else activation
    if number not in _ACTIVATIONS:
        raise ModelError(
            f"{op.label}: fused activation {number} is not supported: use ReLU or none"
        )
    low, high = _ACTIVATIONS[number]
    bounds = clamp(low, high, scope.quantization(scope.result(op)), half="away")
    return dict(zip(("low", "high"), bounds, strict=True))


def _window(
    op: Operator, kernel: tuple[int, int], source: Activation, dilation: tuple[int, int] = (1, 1)
) -> Window:
    stride = (op.take("StrideH"), op.take("StrideW"))
    if min(*stride, *dilation, *kernel) < 1:
        raise ModelError(f"{op.label}: kernel, stride and dilation must be positive")
    window = Window(kernel=kernel, stride=stride, dilation=dilation)
    if op.require("Padding", _SAME, _VALID) == _SAME:
        return same_padding(window, *source.shape[:2])
    return window


def _conv(scope: Scope, op: Operator) -> None:
    scope.arity(op, 2, 3)
    op.require("QuantizedBiasType", 0, 2)
    source = scope.map(op, 0)
    kernel = scope.kernel(op, axis=0, rank=4)
    _emit_conv(scope, op, source, kernel, groups=max(1, source.shape[2] // kernel.weights.shape[3]))


def _depthwise_conv(scope: Scope, op: Operator) -> None:
    scope.arity(op, 2, 3)
    source = scope.map(op, 0)
    kernel = scope.kernel(op, axis=3, rank=4)
    channels = source.shape[2]
    op.require("DepthMultiplier", kernel.weights.shape[0] // channels, 0)
    _emit_conv(scope, op, source, kernel, groups=channels)


def _emit_conv(
    scope: Scope, op: Operator, source: Activation, kernel: Kernel, *, groups: int
) -> None:
    _, height, width, _ = kernel.weights.shape
    dilation = (op.take("DilationHFactor"), op.take("DilationWFactor"))
    result = convolution(
        scope.builder,
        op.label,
        scope.name(op),
        source,
        scope.name(op),
        scope.cell(op),
        kernel=kernel,
        window=_window(op, (height, width), source, dilation),
        groups=groups,
        **_clamp(scope, op),
    )
    scope.define_root(op, result)


def _fully_connected(scope: Scope, op: Operator) -> None:
    scope.arity(op, 2, 3)
    op.require("WeightsFormat", 0)
    op.require("AsymmetricQuantizeInputs", False)
    op.require("QuantizedBiasType", 0, 2)
    kernel = scope.kernel(op, axis=0, rank=2)
    length = kernel.weights.shape[1]
    view = scope.view(op, 0)
    if view.index.size % length or (op.take("KeepNumDims") and view.index.shape[-1] != length):
        raise ModelError(
            f"{op.label}: weights for {length} inputs meet a tensor of {view.index.shape}"
        )
    result = fully_connected(
        scope.builder,
        op.label,
        scope.name(op),
        View(view.root, view.index.reshape(-1, length)),
        scope.name(op),
        scope.cell(op),
        kernel=kernel,
        **_clamp(scope, op),
    )
    scope.define_root(op, result)


def _add(scope: Scope, op: Operator) -> None:
    scope.arity(op, 2, 2)
    op.take("PotScaleInt16")  # says how int16 is scaled
    left, right, index = scope.builder.aligned(scope.view(op, 0), scope.view(op, 1), op.label)
    name = scope.name(op)
    result = scope.builder.emit(
        Add, name, [left, right], name, left.shape, scope.cell(op), **_clamp(scope, op)
    )
    scope.define(op, View(result, index))


def _pool(scope: Scope, op: Operator, kind: type[Op]) -> None:
    scope.arity(op, 1, 1)
    source = scope.map(op, 0)
    kernel = (op.take("FilterHeight"), op.take("FilterWidth"))
    window, size = fitted(_window(op, kernel, source), *source.shape[:2], op.label)
    cell = scope.same_scale(op, scope.view(op, 0))
    name = scope.name(op)
    shape = (*size, source.shape[2])
    bounds = _clamp(scope, op)
    result = scope.builder.emit(kind, name, [source], name, shape, cell, window=window, **bounds)
    scope.define_root(op, result)


def _average_pool(scope: Scope, op: Operator) -> None:
    _pool(scope, op, AveragePool)


def _max_pool(scope: Scope, op: Operator) -> None:
    _pool(scope, op, MaxPool)


def _mean(scope: Scope, op: Operator) -> None:
    scope.arity(op, 2, 2)
    op.take("KeepDims")  # the shape of the output says it too
    source = scope.map(op, 0)
    axes = sorted(int(axis) % 4 for axis in scope.constant(op, 1).reshape(-1))
    if axes != [1, 2]:
        raise ModelError(f"{op.label}: mean over axes {axes}: only height and width are supported")
    name = scope.name(op)
    shape = (1, 1, source.shape[2])
    scope.define_root(op, scope.builder.emit(Mean, name, [source], name, shape, scope.cell(op)))


def _softmax(scope: Scope, op: Operator) -> None:
    scope.arity(op, 1, 1)
    view = scope.view(op, 0)
    cell = scope.cell(op)
    if cell.value != _SOFTMAX_OUTPUT:
        raise ModelError(f"{op.label}: its output has {cell.value}: it must be {_SOFTMAX_OUTPUT}")
    source, order = scope.builder.as_rows(
        View(view.root, view.index.reshape(-1, view.index.shape[-1])), op.label
    )
    name = scope.name(op)
    beta = float(op.take("Beta"))
    result = scope.builder.emit(Softmax, name, [source], name, source.shape, cell, beta=beta)
    index = identity(*source.shape)[:, 0, order].reshape(view.index.shape)
    scope.define(op, View(result, index))


def _relu(number: int):
    def handler(scope: Scope, op: Operator) -> None:
        scope.arity(op, 1, 1)
        view = scope.view(op, 0)
        scope.same_scale(op, view)
        bounds = _clamp(scope, op, number)
        scope.define(op, scope.builder.clamped(view, scope.name(op), op.label, **bounds))

    return handler


OPERATORS = {
    "ADD": _add,
    "AVERAGE_POOL_2D": _average_pool,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise_conv,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _max_pool,
    "MEAN": _mean,
    "RELU": _relu(1),
    "RELU_N1_TO_1": _relu(2),
    "RELU6": _relu(3),
    "SOFTMAX": _softmax,
}
"""Handlers by the operator's name in the schema: each reads all options, and defines the output."""
