"""Reads an .onnx file into plain records."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import helper, numpy_helper

from intarsia.importer.builder import LARGEST
from intarsia.importer.errors import ModelError

__all__ = ["End", "Model", "Node", "array", "read"]

_DOMAINS = ("", "ai.onnx", "com.microsoft")


@dataclass
class Node:
    """An operator as the file has it. `attributes` holds what its handler has not yet taken."""

    kind: str
    domain: str
    label: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    opset: int
    proto: onnx.NodeProto
    attributes: dict[str, Any] = field(default_factory=dict)

    def take(self, name: str, kind: type, default: Any = None) -> Any:
        """Value of an attribute, which thereby counts as read; it must be of type `kind`.

        A list is one of integers.
        """
        if name not in self.attributes:
            return default
        value = self.attributes.pop(name)
        integers = not isinstance(value, list) or all(isinstance(entry, int) for entry in value)
        if not isinstance(value, kind) or not integers:
            raise ModelError(f"{self.label}: attribute {name} is of the wrong type")
        return value

    def require(self, name: str, *allowed: Any) -> Any:
        """Like :meth:`take`, where few values are supported, of which the first is the default."""
        value = self.take(name, type(allowed[0]), allowed[0])
        if value not in allowed:
            raise ModelError(
                f"{self.label}: {name} = {value} is not supported, "
                f"only {' or '.join(map(str, allowed))}"
            )
        return value


@dataclass(frozen=True)
class End:
    """An input or output of the model; batch axis included, 1 where it is open."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype


@dataclass(frozen=True)
class Model:
    """A graph without functions and subgraphs."""

    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]


def read(data: bytes) -> Model:
    """Parse a file.

    Raises
    ------
    ModelError
        Where it is damaged, or has inputs without a static shape.
    """
    try:
        proto = onnx.load_from_string(data)
    except DecodeError:
        raise ModelError("the file is damaged or not an ONNX model; download it again") from None
    graph = proto.graph
    if proto.functions or graph.sparse_initializer:
        raise ModelError("model-local functions and sparse tensors are not supported: inline them")
    opsets = {entry.domain: entry.version for entry in proto.opset_import}
    constants = {tensor.name: array(tensor) for tensor in graph.initializer}
    nodes = tuple(_node(node, opsets, number) for number, node in enumerate(graph.node))
    inputs = tuple(_end(value) for value in graph.input if value.name not in constants)
    if not nodes or not inputs or not graph.output:
        raise ModelError("the file has no operators, inputs or outputs: it is damaged")
    outputs = tuple(End(value.name, (), _dtype(value)) for value in graph.output)
    return Model(nodes, constants, inputs, outputs)


def array(tensor: onnx.TensorProto) -> np.ndarray:
    """Content of a constant."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ModelError(
            f"constant {tensor.name!r} is in another file: save the model with its data inside"
        )
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"constant {tensor.name!r} is damaged ({error})") from None


def _node(proto: onnx.NodeProto, opsets: dict[str, int], number: int) -> Node:
    name = proto.name or next((output for output in proto.output if output), f"node {number}")
    label = f"{proto.op_type} {name!r}"
    if proto.domain not in _DOMAINS:
        raise ModelError(f"{label} is of domain {proto.domain!r}: it is not supported")
    opset = opsets.get(proto.domain, opsets.get("ai.onnx", 0))
    node = Node(
        kind=proto.op_type,
        domain="" if proto.domain == "ai.onnx" else proto.domain,
        label=label,
        name=name,
        inputs=tuple(proto.input),
        outputs=tuple(proto.output),
        opset=opset,
        proto=proto,
    )
    for attribute in proto.attribute:
        try:
            value = helper.get_attribute_value(attribute)
        except ValueError as error:
            raise ModelError(f"{label}: {error}") from None
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        node.attributes[attribute.name] = value
    return node


def _dtype(value: onnx.ValueInfoProto) -> np.dtype:
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
    except KeyError:
        raise ModelError(f"{value.name!r} is not a tensor of a known type") from None


def _end(value: onnx.ValueInfoProto) -> End:
    if not value.type.tensor_type.HasField("shape"):
        raise ModelError(f"input {value.name!r} has no shape: export it with a fixed one")
    shape = []
    for axis, dim in enumerate(value.type.tensor_type.shape.dim):
        if dim.HasField("dim_value"):
            shape.append(dim.dim_value)
        elif axis == 0:
            shape.append(1)
        else:
            raise ModelError(
                f"input {value.name!r} has an open dimension beside the batch "
                f"({dim.dim_param or '?'}): export it with a fixed shape"
            )
    if any(length < 1 for length in shape) or np.prod(shape, dtype=object) > LARGEST:
        raise ModelError(f"input {value.name!r} has shape {shape}: it is too big, or damaged")
    return End(value.name, tuple(shape), _dtype(value))
