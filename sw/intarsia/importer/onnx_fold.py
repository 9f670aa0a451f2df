"""Operators all of whose inputs are known: shape arithmetic, and constants kept as nodes."""

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from intarsia.importer.errors import ModelError
from intarsia.importer.onnx_reader import Node

__all__ = ["FOLDED", "fold"]

FOLDED = frozenset({
    "Add",
    "Cast",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Div",
    "Flatten",
    "Gather",
    "Identity",
    "Mul",
    "Reshape",
    "Shape",
    "Slice",
    "Squeeze",
    "Sub",
    "Transpose",
    "Unsqueeze",
})


def fold(node: Node, constants: list[np.ndarray | None]) -> np.ndarray:
    """The result, by ONNX's own reference implementation, which knows all attributes."""
    feeds = {
        name: array
        for name, array in zip(node.inputs, constants, strict=True)
        if array is not None and name
    }
    inputs = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in feeds]
    outputs = [helper.make_tensor_value_info(node.outputs[0], TensorProto.UNDEFINED, None)]
    graph = helper.make_graph([node.proto], "fold", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", node.opset)])
    try:
        (result,) = ReferenceEvaluator(model).run(None, feeds)
    except Exception as error:
        raise ModelError(f"{node.label}: cannot be computed ({error})") from None
    node.attributes.clear()
    return np.asarray(result)
