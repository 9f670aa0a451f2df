"""From the records of a .tflite file to a network."""

from intarsia.graph import Network
from intarsia.importer import tflite_ops, tflite_shapes
from intarsia.importer.builder import Builder
from intarsia.importer.errors import ModelError
from intarsia.importer.tflite_reader import read
from intarsia.importer.tflite_values import Scope

__all__ = ["import_tflite"]

_OPERATORS = tflite_ops.OPERATORS | tflite_shapes.OPERATORS


def import_tflite(data: bytes, name: str) -> Network:
    """Network of a file's content."""
    model = read(data)
    builder = Builder(name)
    scope = Scope(model, builder)
    for number in model.inputs:
        scope.define_input(number)
    for op in model.operators:
        if op.kind not in _OPERATORS:
            raise ModelError(f"{op.label} is not supported: docs/import.md lists what is")
        if len(op.outputs) != 1:
            raise ModelError(f"{op.label} has {len(op.outputs)} outputs: one is supported")
        _OPERATORS[op.kind](scope, op)
        if op.options:
            raise ModelError(f"{op.label}: option {next(iter(op.options))} is not supported")
    for number in model.outputs:
        scope.define_output(number)
    return builder.finish()
