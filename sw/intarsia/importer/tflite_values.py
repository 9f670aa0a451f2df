"""Tensors of a TFLite model on their way into a network."""

from dataclasses import dataclass

import numpy as np

from intarsia.importer.builder import Builder
from intarsia.importer.errors import ModelError
from intarsia.importer.layout import Activation, View, identity
from intarsia.importer.quantization import Quantization, QuantizationCell
from intarsia.importer.tflite_reader import Model, Operator, TfliteTensor
from intarsia.importer.weights import Kernel, symmetric

__all__ = ["Scope", "Value"]

_BIAS_TOLERANCE = 0.02
"""Of an output step: TFLite's own limit for a bias whose scale is not that of the products."""


@dataclass(frozen=True)
class Value:
    """An activation as the model sees it: `dtype` int8, uint8 or (dequantized) float32."""

    view: View
    dtype: np.dtype


class Scope:
    """All tensors by number: constants of the file, and what operators have defined so far."""

    def __init__(self, model: Model, builder: Builder) -> None:
        self.model = model
        self.builder = builder
        self._values: dict[int, Value | np.ndarray] = {}
        for number, tensor in enumerate(model.tensors):
            if tensor.data is not None:
                self._values[number] = tensor.data

    def arity(self, op: Operator, least: int, most: int) -> None:
        """Refuse an operator with another number of inputs."""
        if not least <= len(op.inputs) <= most or -1 in op.inputs[:least]:
            raise ModelError(
                f"{op.label} has {len(op.inputs)} inputs: {least} to {most} can be used"
            )

    def tensor(self, op: Operator, position: int) -> TfliteTensor:
        """The file's record of an input."""
        return self.model.tensors[op.inputs[position]]

    def result(self, op: Operator) -> TfliteTensor:
        """The file's record of the output."""
        return self.model.tensors[op.outputs[0]]

    def name(self, op: Operator) -> str:
        """A readable name of an operator and its output: converters join names with semicolons."""
        return self.result(op).name.split(";")[0]

    def get(self, op: Operator, position: int) -> Value | np.ndarray:
        """Any input."""
        number = op.inputs[position]
        tensor = self.model.tensors[number]
        if tensor.dtype is None:
            raise ModelError(
                f"{op.label}: {tensor.name!r} is {tensor.type_name}: quantize the model to int8"
            )
        if number not in self._values:
            raise ModelError(
                f"{op.label} reads tensor {tensor.name!r}, which nothing has "
                "computed: the file is damaged"
            )
        return self._values[number]

    def value(self, op: Operator, position: int) -> Value:
        """An input that must be an activation, of any type."""
        value = self.get(op, position)
        if not isinstance(value, Value):
            raise ModelError(
                f"{op.label} takes constant {self.tensor(op, position).name!r} as an activation: "
                "fold it before export"
            )
        return value

    def view(self, op: Operator, position: int) -> View:
        """An input that must be a quantized activation."""
        value = self.value(op, position)
        if value.dtype == np.float32:
            raise ModelError(
                f"{op.label} computes on float32 tensor {self.tensor(op, position).name!r}: "
                "quantize the whole model to int8"
            )
        return value.view

    def map(self, op: Operator, position: int) -> Activation:
        """An input that must be a map: (1, height, width, channels)."""
        return self.builder.as_map(self.view(op, position), op.label)

    def constant(self, op: Operator, position: int) -> np.ndarray:
        """An input that must be a constant."""
        value = self.get(op, position)
        if isinstance(value, Value):
            raise ModelError(
                f"{op.label} takes {self.tensor(op, position).name!r}, which is computed from the "
                "input: it must be a constant"
            )
        return value

    def quantization(self, tensor: TfliteTensor) -> Quantization:
        """Of an activation."""
        where = f"Tensor {tensor.name!r}"
        if tensor.dtype not in (np.int8, np.uint8):
            raise ModelError(
                f"{where} is of type {tensor.type_name}: quantize the whole model to int8"
            )
        if tensor.scale is None or tensor.zero_point is None:
            raise ModelError(f"{where} has no quantization: quantize the whole model to int8")
        info = np.iinfo(tensor.dtype)
        if any(not info.min <= z <= info.max for z in tensor.zero_point):
            raise ModelError(f"{where} has a zero point outside {tensor.type_name}'s range")
        return Quantization.of(tensor.scale, tensor.zero_point.astype(tensor.dtype), where)

    def cell(self, op: Operator) -> QuantizationCell:
        """Quantization of the output, as the file has it."""
        return QuantizationCell(self.quantization(self.result(op)))

    def same_scale(self, op: Operator, view: View) -> QuantizationCell:
        """Quantization of an operator that passes values on: the output's must be the input's."""
        view.root.cell.bind(self.quantization(self.result(op)), f"{op.label} (its output)")
        return view.root.cell

    def kernel(self, op: Operator, *, axis: int, rank: int) -> Kernel:
        """Weights and bias of a convolution or fully connected operator.

        `axis` is that of the output channels; it comes first in the result.
        """
        where = f"{op.label}: weights"
        tensor = self.tensor(op, 1)
        weights = self.constant(op, 1)
        if tensor.scale is None or tensor.zero_point is None:
            raise ModelError(
                f"{where} are {tensor.type_name} without a scale: quantize them to int8"
            )
        if weights.ndim != rank:
            raise ModelError(f"{where} have {weights.ndim} dimensions instead of {rank}")
        if tensor.scale.size > 1 and (
            tensor.axis != axis or tensor.scale.size != weights.shape[axis]
        ):
            raise ModelError(f"{where} have {tensor.scale.size} scales along axis {tensor.axis}")
        if not (np.isfinite(tensor.scale).all() and (tensor.scale > 0).all()):
            raise ModelError(f"{where} have a scale that is not positive and finite")
        weights = symmetric(weights, tensor.zero_point, where)
        weights = np.swapaxes(weights, 0, axis)
        count = weights.shape[0]
        scales = np.broadcast_to(tensor.scale.astype(np.float32), count).copy()
        return Kernel(weights, scales, self._bias(op, scales))

    def define(self, op: Operator, view: View, dtype: np.dtype | None = None) -> None:
        """Say what the operator's output is."""
        tensor = self.result(op)
        if view.index.shape != tensor.shape:
            raise ModelError(
                f"{op.label} gives shape {view.index.shape}, but the file says {tensor.shape}: "
                "export the model with batch size 1"
            )
        self._values[op.outputs[0]] = Value(view, dtype or np.dtype(tensor.dtype))

    def define_root(self, op: Operator, root: Activation) -> None:
        """Say that the operator's output is `root`, in the shape that the file has."""
        tensor = self.result(op)
        if np.prod(tensor.shape) != np.prod(root.shape):
            raise ModelError(
                f"{op.label} gives {root.shape} values, but the file says {tensor.shape}: "
                "export the model with batch size 1"
            )
        self.define(op, View(root, identity(*tensor.shape)))

    def define_constant(self, op: Operator, constant: np.ndarray) -> None:
        """Say that the operator's output is known already."""
        self._values[op.outputs[0]] = constant

    def define_input(self, number: int) -> None:
        """Make a tensor an input of the network."""
        tensor = self.model.tensors[number]
        dtype = np.dtype(tensor.dtype)
        cell = QuantizationCell()
        if dtype != np.float32:
            cell = QuantizationCell(self.quantization(tensor))
        view = self.builder.input(tensor.name, tensor.shape, dtype, cell, channels_first=False)
        self._values[number] = Value(view, dtype)

    def define_output(self, number: int) -> None:
        """Make a tensor an output of the network."""
        tensor = self.model.tensors[number]
        value = self._values.get(number)
        if not isinstance(value, Value):
            raise ModelError(f"Output {tensor.name!r} is not computed from the input")
        self.builder.output(value.view, value.dtype, f"Output {tensor.name!r}")

    def _bias(self, op: Operator, scales: np.ndarray) -> np.ndarray:
        if len(op.inputs) < 3 or op.inputs[2] < 0:
            return np.zeros(scales.size, np.int32)
        bias, tensor = self.constant(op, 2), self.tensor(op, 2)
        where = f"{op.label}: the bias"
        if bias.dtype != np.int32 or bias.shape != scales.shape:
            raise ModelError(
                f"{where} is {tensor.type_name} of shape {bias.shape}: "
                f"one int32 for each of {scales.size} channels was expected"
            )
        source = self.quantization(self.tensor(op, 0))
        output = self.quantization(self.result(op))
        if tensor.scale is not None:
            if tensor.scale.size not in (1, scales.size):
                raise ModelError(f"{where} has {tensor.scale.size} scales for {scales.size} values")
            products = scales.astype(np.float64) * source.scale
            finite = np.where(np.isfinite(tensor.scale), tensor.scale, np.float32(0))
            wrong = np.abs(products - finite) > _BIAS_TOLERANCE * output.scale
            if wrong.any() or (finite != tensor.scale).any():
                raise ModelError(f"{where} has a scale that is not input scale x weight scale")
        if tensor.zero_point is not None and tensor.zero_point.any():
            raise ModelError(f"{where} has a zero point: it must be 0")
        return bias
