"""ONNX operators on integers, each read as what it stands for: dequantize, compute, quantize."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from intarsia.importer import onnx_ops, onnx_shapes
from intarsia.importer.builder import Builder
from intarsia.importer.errors import ModelError
from intarsia.importer.onnx_quantize import dequantize, quantize
from intarsia.importer.onnx_reader import Node
from intarsia.importer.onnx_values import (
    ANY,
    Constant,
    Handler,
    Quantized,
    Value,
    Values,
    sized,
)

__all__ = ["OPERATORS"]

_MICROSOFT = "com.microsoft"


@dataclass(frozen=True)
class _Linear:
    """How a QLinear operator is written.

    Members
    -------
    kind : str
        The operator on real numbers that it stands for.
    operands : tuple of int
        Positions of integers that are followed by their scale and zero point.
    result : int
        Position of the output's scale, which is followed by the zero point.
    bias : int or None
        Position of an int32 bias.
    axis : int
        Of the weights' scales.
    """

    kind: str
    operands: tuple[int, ...]
    result: int
    bias: int | None = None
    axis: int = 0


_LINEAR = {
    ("", "QLinearConv"): _Linear("Conv", (0, 3), 6, bias=8),
    ("", "QLinearMatMul"): _Linear("MatMul", (0, 3), 6, axis=-1),
    (_MICROSOFT, "QGemm"): _Linear("Gemm", (0, 3), 7, bias=6, axis=-1),
    (_MICROSOFT, "QLinearAdd"): _Linear("Add", (0, 3), 6),
    (_MICROSOFT, "QLinearAveragePool"): _Linear("AveragePool", (0,), 3),
    (_MICROSOFT, "QLinearGlobalAveragePool"): _Linear("GlobalAveragePool", (0,), 3),
}


def _most(form: _Linear) -> int:
    """Greatest number of inputs."""
    return max(form.result + 2, 0 if form.bias is None else form.bias + 1)


def _linear(builder: Builder, node: Node, values: Values) -> Value:
    """Any operator of the table."""
    form = _LINEAR[node.domain, node.kind]
    rows = form.kind == "Gemm" and node.attributes.get("transB")
    axis = 0 if rows else form.axis
    operands: list[Value | None] = []
    operands += [dequantize(node, values[n : n + 3], axis) for n in form.operands]
    positions = list(form.operands)
    if form.bias is not None:
        operands.append(values[form.bias])
        positions.append(form.bias)
    # Errors name operands by their position in the operator that this one stands for.
    names = tuple(node.inputs[n] for n in positions if n < len(node.inputs))
    inner = dataclasses.replace(node, inputs=names)
    least, most, handler = onnx_ops.OPERATORS[form.kind]
    result = handler(builder, inner, sized(inner, operands, least, most))
    scale, zero_point = values[form.result : form.result + 2]
    return quantize(node, [result, scale, zero_point or _zero_like(values[form.operands[0]])])


def _concat(builder: Builder, node: Node, values: Values) -> Value:
    """QLinearConcat: the output's scale and zero point, then three values for each input."""
    scale, zero_point, *rest = values
    if len(rest) % 3:
        raise ModelError(f"{node.label} has {len(values)} inputs: two, and three for each part")
    parts = [dequantize(node, rest[n : n + 3]) for n in range(0, len(rest), 3)]
    _, _, handler = onnx_shapes.OPERATORS["Concat"]
    return quantize(node, [handler(builder, node, parts), scale, zero_point])


def _zero_like(value: Value | None) -> Constant:
    """Zero point of an output that has none: of the type of the input."""
    dtype = value.dtype if isinstance(value, Quantized) else np.dtype(np.uint8)
    return Constant(np.zeros((), dtype))


def _dequantize(builder: Builder, node: Node, values: Values) -> Value:
    node.require("block_size", 0)
    node.require("output_dtype", 0, 1)
    return dequantize(node, values, node.take("axis", int, 1))


def _quantize(builder: Builder, node: Node, values: Values) -> Value:
    node.require("block_size", 0)
    node.require("output_dtype", 0)
    node.require("precision", 0, 1)
    node.take("saturate", int)  # matters to 8-bit floats only
    return quantize(node, values, node.take("axis", int, 1))


OPERATORS: dict[tuple[str, str], tuple[int, int, Handler]] = {
    **{key: (form.result + 1, _most(form), _linear) for key, form in _LINEAR.items()},
    (_MICROSOFT, "QLinearConcat"): (5, ANY, _concat),
    ("", "DequantizeLinear"): (2, 3, _dequantize),
    ("", "QuantizeLinear"): (2, 3, _quantize),
    (_MICROSOFT, "DequantizeLinear"): (2, 3, _dequantize),
    (_MICROSOFT, "QuantizeLinear"): (2, 3, _quantize),
}
"""By domain and name: least and greatest number of inputs, and the handler."""
