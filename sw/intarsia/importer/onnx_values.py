"""What a name of an ONNX graph stands for, while the graph is being read.

A quantized ONNX model says everything twice: integers, and what real numbers they mean. Reading it
is an interpretation in which every name has one of these values. A QLinear operator is read as what
ONNX defines it to be: DequantizeLinear, the float operator, QuantizeLinear.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.importer.builder import Builder
from intarsia.importer.errors import ModelError
from intarsia.importer.layout import Activation, View
from intarsia.importer.onnx_reader import Node
from intarsia.importer.quantization import QuantizationCell

__all__ = [
    "ANY",
    "Constant",
    "Handler",
    "Levels",
    "Pending",
    "Quantized",
    "Real",
    "Value",
    "Values",
    "moved",
    "real",
    "sized",
]

ANY = 1 << 16
"""Inputs of an operator that takes as many as there are."""

Emit = Callable[[str, QuantizationCell, int, int], Activation]


@dataclass(frozen=True)
class Constant:
    """Known to the file."""

    array: np.ndarray


@dataclass(frozen=True)
class Levels:
    """A dequantized constant: ``scale * (integers - zero_point)``, the three of one shape."""

    integers: np.ndarray
    scale: np.ndarray
    zero_point: np.ndarray


@dataclass(frozen=True)
class Quantized:
    """An activation as integers of type `dtype`."""

    view: View
    dtype: np.dtype


@dataclass(frozen=True)
class Real:
    """An activation, dequantized."""

    view: View


@dataclass(frozen=True)
class Pending:
    """Real numbers that become an activation once a QuantizeLinear says with what scale.

    Members
    -------
    emit : callable
        Appends the operator; takes the name of its output, the quantization, and the clamp.
    index : numpy.ndarray
        As in :class:`~intarsia.importer.layout.View`, of the activation to come.
    low, high : float
        Clamp, as real numbers.
    add : callable or None
        Returns the same with a constant added, where that can become a bias.
    """

    emit: Emit
    index: np.ndarray
    low: float = -np.inf
    high: float = np.inf
    add: "Callable[[Constant | Levels], Pending] | None" = None

    def bounded(self, low: float, high: float) -> "Pending":
        """The same after one more clamp."""
        return dataclasses.replace(
            self,
            low=min(max(self.low, low), high),
            high=min(max(self.high, low), high),
            add=None,
        )


Value = Constant | Levels | Quantized | Real | Pending
Values = Sequence[Value | None]
Handler = Callable[[Builder, Node, Values], Value]


def sized(node: Node, values: Values, least: int, most: int) -> Values:
    """Operands of a node that takes `least` to `most`. Below ANY, those left out follow as None."""
    if not least <= len(values) <= most:
        raise ModelError(f"{node.label} has {len(values)} inputs: {least} to {most} can be used")
    return [*values, *[None] * (most - len(values))] if most < ANY else values


def moved(value: Value, move: Callable[[np.ndarray], np.ndarray], node: Node) -> Value:
    """The value with its elements rearranged: `move` is what the operator does to an array."""
    try:
        if isinstance(value, Constant):
            return Constant(move(value.array))
        if isinstance(value, Levels):
            parts = (value.integers, value.scale, value.zero_point)
            return Levels(*(move(part) for part in parts))
        if isinstance(value, Pending):
            return dataclasses.replace(value, index=move(value.index), add=None)
        view = View(value.view.root, move(value.view.index))
        return dataclasses.replace(value, view=view)
    except (ValueError, IndexError) as error:
        raise ModelError(f"{node.label}: {error}") from None


def real(value: Value | None, node: Node, position: int) -> View:
    """An operand that must be a dequantized activation."""
    if isinstance(value, Real):
        return value.view
    name = node.inputs[position] if position < len(node.inputs) else "nothing"
    if isinstance(value, Constant | Levels):
        raise ModelError(f"{node.label} takes constant {name!r} as an activation: not supported")
    raise ModelError(
        f"{node.label} computes on {name!r}, which is not quantized: "
        "quantize the whole model to int8 (QLinear operators or QDQ)"
    )
