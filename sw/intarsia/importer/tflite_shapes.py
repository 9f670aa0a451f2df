"""TFLite operators that move values or compute shapes, and those that change between types."""

import numpy as np

from intarsia.graph.ops import Pad
from intarsia.importer.concat import concatenated
from intarsia.importer.errors import ModelError
from intarsia.importer.layout import View
from intarsia.importer.quantization import signed
from intarsia.importer.tflite_reader import Operator
from intarsia.importer.tflite_values import Scope, Value

__all__ = ["OPERATORS"]


def _reshape(scope: Scope, op: Operator) -> None:
    scope.arity(op, 1, 2)
    target = op.take("NewShape") if op.options else None
    if len(op.inputs) > 1 and op.inputs[1] >= 0:
        target = scope.constant(op, 1)
    wanted = scope.result(op).shape if target is None else tuple(int(n) for n in target.reshape(-1))
    _reindex(scope, op, lambda index: index.reshape(wanted))


def _reindex(scope: Scope, op: Operator, move) -> None:
    """An operator that only moves values: `move` is what it does to an array."""
    value = scope.get(op, 0)
    try:
        if isinstance(value, Value):
            if value.dtype != np.float32:
                scope.same_scale(op, value.view)
            scope.define(op, View(value.view.root, move(value.view.index)), value.dtype)
        else:
            scope.define_constant(op, move(value))
    except (ValueError, IndexError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{op.label}: {error}") from None


def _squeeze(scope: Scope, op: Operator) -> None:
    scope.arity(op, 1, 1)
    dims = op.take("SqueezeDims")
    axes = None if dims is None or not len(dims) else tuple(int(axis) for axis in dims)
    _reindex(scope, op, lambda index: index.squeeze(axes))


def _expand_dims(scope: Scope, op: Operator) -> None:
    scope.arity(op, 2, 2)
    axis = int(scope.constant(op, 1).reshape(-1)[0])
    _reindex(scope, op, lambda index: np.expand_dims(index, axis))


def _transpose(scope: Scope, op: Operator) -> None:
    scope.arity(op, 2, 2)
    axes = tuple(int(axis) for axis in scope.constant(op, 1).reshape(-1))
    _reindex(scope, op, lambda index: index.transpose(axes))


def _pad(scope: Scope, op: Operator) -> None:
    scope.arity(op, 2, 3)
    source = scope.map(op, 0)
    cell = scope.same_scale(op, scope.view(op, 0))
    amounts = scope.constant(op, 1)
    if amounts.shape != (4, 2) or amounts[[0, 3]].any() or amounts.min() < 0:
        raise ModelError(
            f"{op.label}: padding {amounts.tolist()}: only height and width can be padded"
        )
    if len(op.inputs) > 2:
        tensor = scope.tensor(op, 2)
        value = signed(scope.constant(op, 2).reshape(-1), f"{op.label}: its padding value")
        quantization = scope.quantization(tensor)
        if quantization != cell.value or value.tolist() != [quantization.zero_point]:
            raise ModelError(f"{op.label}: only padding with real zeros is supported")
    (top, bottom), (left, right) = amounts[1:3].tolist()
    height, width, channels = source.shape
    shape = (height + top + bottom, width + left + right, channels)
    name = scope.name(op)
    padding = (top, left, bottom, right)
    scope.define_root(
        op, scope.builder.emit(Pad, name, [source], name, shape, cell, padding=padding)
    )


def _concatenation(scope: Scope, op: Operator) -> None:
    op.require("FusedActivationFunction", 0)
    axis = int(op.take("Axis"))
    values = [scope.get(op, n) for n in range(len(op.inputs))]
    constants = [value for value in values if isinstance(value, np.ndarray)]
    if constants and len(constants) == len(values):
        scope.define_constant(op, np.concatenate(constants, axis))
        return
    views = [scope.view(op, n) for n in range(len(values))]
    for view in views:
        scope.same_scale(op, view)
    name = scope.name(op)
    scope.define(op, concatenated(scope.builder, views, axis, name, name, op.label))


def _shape(scope: Scope, op: Operator) -> None:
    scope.arity(op, 1, 1)
    op.take("OutType")  # the output's own type says it too
    shape = scope.value(op, 0).view.index.shape
    scope.define_constant(op, np.array(shape, scope.result(op).dtype))


def _strided_slice(scope: Scope, op: Operator) -> None:
    scope.arity(op, 4, 4)
    source, begin, end, stride = (scope.constant(op, n) for n in range(4))
    for option in ("EllipsisMask", "NewAxisMask"):
        op.require(option, 0)
    op.require("Offset", False)
    begin_mask, end_mask = op.take("BeginMask"), op.take("EndMask")
    shrink = op.take("ShrinkAxisMask")
    where = []
    for axis in range(begin.size):
        bit, first = 1 << axis, int(begin[axis])
        start = None if begin_mask & bit else first
        stop = None if end_mask & bit else int(end[axis])
        where.append(first if shrink & bit else slice(start, stop, int(stride[axis])))
    scope.define_constant(op, np.asarray(source[tuple(where)]))


def _pack(scope: Scope, op: Operator) -> None:
    op.require("ValuesCount", len(op.inputs))
    axis = int(op.take("Axis"))
    scope.define_constant(
        op, np.stack([scope.constant(op, n) for n in range(len(op.inputs))], axis)
    )


def _quantize(scope: Scope, op: Operator) -> None:
    scope.arity(op, 1, 1)
    view = scope.value(op, 0).view
    scope.same_scale(op, view)
    scope.define(op, view)


def _dequantize(scope: Scope, op: Operator) -> None:
    scope.arity(op, 1, 1)
    if scope.result(op).dtype != np.float32:
        raise ModelError(f"{op.label}: only float32 output is supported")
    scope.define(op, scope.view(op, 0))


OPERATORS = {
    "CONCATENATION": _concatenation,
    "DEQUANTIZE": _dequantize,
    "EXPAND_DIMS": _expand_dims,
    "PACK": _pack,
    "PAD": _pad,
    "PADV2": _pad,
    "QUANTIZE": _quantize,
    "RESHAPE": _reshape,
    "SHAPE": _shape,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "TRANSPOSE": _transpose,
}
"""Handlers by the operator's name in the schema: each reads all options, and defines the output."""
