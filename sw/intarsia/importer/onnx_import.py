"""From the records of an .onnx file to a network."""

import numpy as np

from intarsia.graph import Network
from intarsia.importer import onnx_linear, onnx_ops, onnx_shapes
from intarsia.importer.builder import Builder
from intarsia.importer.errors import ModelError
from intarsia.importer.layout import Activation
from intarsia.importer.onnx_fold import FOLDED, fold
from intarsia.importer.onnx_reader import Model, Node, read
from intarsia.importer.onnx_values import Constant, Pending, Quantized, Real, Value, sized
from intarsia.importer.quantization import INT8, QuantizationCell

__all__ = ["import_onnx"]

_OPERATORS = {
    **{("", kind): entry for kind, entry in onnx_ops.OPERATORS.items()},
    **{("", kind): entry for kind, entry in onnx_shapes.OPERATORS.items()},
    **onnx_linear.OPERATORS,
}


def import_onnx(data: bytes, name: str) -> Network:
    """Network of a file's content."""
    return _Import(read(data), Builder(name)).run()


class _Import:
    """Interprets the nodes of a graph in order; each name gets a value."""

    def __init__(self, model: Model, builder: Builder) -> None:
        self._model = model
        self._builder = builder
        self._values: dict[str, Value] = {
            name: Constant(array) for name, array in model.constants.items()
        }

    def run(self) -> Network:
        for end in self._model.inputs:
            self._define_input(end.name, end.shape, end.dtype)
        for node in self._model.nodes:
            if not node.outputs or not node.outputs[0]:
                raise ModelError(f"{node.label} has no output")
            if any(name in self._values for name in node.outputs):
                raise ModelError(f"{node.label} defines a name for the second time")
            self._values[node.outputs[0]] = self._interpret(node)
            if node.attributes:
                name = next(iter(node.attributes))
                raise ModelError(f"{node.label}: attribute {name} is not supported")
        for end in self._model.outputs:
            self._define_output(end.name, end.dtype)
        return self._builder.finish()

    def _define_input(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        if dtype not in (np.int8, np.uint8, np.float32):
            raise ModelError(f"input {name!r} is {dtype}: int8, uint8 or float32 was expected")
        view = self._builder.input(name, shape, dtype, QuantizationCell(), channels_first=True)
        if dtype != np.float32:
            self._values[name] = Quantized(view, dtype)
            return

        def emit(_: str, cell: QuantizationCell, low: int, high: int) -> Activation:
            if cell.value is None or (low, high) != INT8:
                raise ModelError(f"input {name!r} is bounded before it is quantized: not supported")
            view.root.cell.bind(cell.value, f"input {name!r}")
            return view.root

        self._values[name] = Pending(emit, view.index)

    def _define_output(self, name: str, dtype: np.dtype) -> None:
        value = self._values.get(name)
        if not isinstance(value, Quantized | Real):
            raise ModelError(
                f"output {name!r} is not quantized: quantize the whole model to int8 "
                "(QLinear operators or QDQ)"
            )
        self._builder.output(value.view, dtype, f"output {name!r}")

    def _interpret(self, node: Node) -> Value:
        values = [self._value(node, name) for name in node.inputs]
        constants = [value.array if isinstance(value, Constant) else None for value in values]
        known = all(isinstance(value, Constant) or value is None for value in values)
        if node.kind in FOLDED and not node.domain and known:
            return Constant(fold(node, constants))
        key = (node.domain, node.kind)
        if key not in _OPERATORS:
            domain = f" of {node.domain}" if node.domain else ""
            raise ModelError(f"{node.label}{domain} is not supported: docs/import.md lists what is")
        least, most, handler = _OPERATORS[key]
        return handler(self._builder, node, sized(node, values, least, most))

    def _value(self, node: Node, name: str) -> Value | None:
        if name and name not in self._values:
            raise ModelError(f"{node.label} reads {name!r}, which is not computed before")
        return self._values.get(name)
