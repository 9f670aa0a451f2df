"""Reads a .tflite file into plain records, all of it, so that damage shows here."""

import inspect
import struct
from dataclasses import dataclass, field
from typing import Any

import flatbuffers.packer
import numpy as np
import tflite

from intarsia.importer.builder import LARGEST
from intarsia.importer.errors import ModelError

__all__ = ["Model", "Operator", "TfliteTensor", "read"]

_NAMES = {
    value: name for name, value in vars(tflite.BuiltinOperator).items() if isinstance(value, int)
}
_TYPES = {
    tflite.TensorType.FLOAT32: np.dtype(np.float32),
    tflite.TensorType.INT8: np.dtype(np.int8),
    tflite.TensorType.UINT8: np.dtype(np.uint8),
    tflite.TensorType.INT32: np.dtype(np.int32),
    tflite.TensorType.INT64: np.dtype(np.int64),
    tflite.TensorType.BOOL: np.dtype(np.bool_),
}
_TYPE_NAMES = {
    value: name for name, value in vars(tflite.TensorType).items() if isinstance(value, int)
}
_OPTIONS = {
    value: name for name, value in vars(tflite.BuiltinOptions).items() if isinstance(value, int)
}


@dataclass(frozen=True)
class TfliteTensor:
    """A tensor as the file has it.

    Members
    -------
    shape : tuple of int
        Batch axis included, 1 where the file leaves it open.
    dtype : numpy.dtype or None
        None for a type that no supported operator has; `type_name` says which.
    data : numpy.ndarray or None
        Constants only.
    scale, zero_point : numpy.ndarray or None
        float32 and int64, as many as there are channels; None without quantization.
    axis : int
        The channels' axis.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype | None
    type_name: str
    data: np.ndarray | None
    scale: np.ndarray | None
    zero_point: np.ndarray | None
    axis: int


@dataclass
class Operator:
    """An operator as the file has it. `options` holds what its handler has not yet taken."""

    kind: str
    label: str
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)

    def take(self, option: str) -> Any:
        """Value of an option, which thereby counts as read.

        Every option has a value where the operator has an options table.
        """
        if option not in self.options:
            raise ModelError(f"{self.label} lacks option {option}: the file is damaged")
        return self.options.pop(option)

    def require(self, option: str, *allowed: Any) -> Any:
        """Like :meth:`take`, for options of which few values are supported."""
        value = self.take(option)
        if value not in allowed:
            raise ModelError(
                f"{self.label}: {option} = {value} is not supported, "
                f"only {' or '.join(map(str, allowed))}"
            )
        return value


@dataclass(frozen=True)
class Model:
    """The one subgraph of a file."""

    tensors: tuple[TfliteTensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read(data: bytes) -> Model:
    """Parse a file.

    Raises
    ------
    ModelError
        Where it is damaged, or has more than one subgraph, or tensors without a static shape.
    """
    if data[4:8] != b"TFL3":
        raise ModelError("not a TFLite file: its identifier TFL3 is missing; download it again")
    try:
        return _model(data)
    except (
        struct.error,
        IndexError,
        OverflowError,
        TypeError,
        UnicodeDecodeError,
        AttributeError,
        ValueError,
    ) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"the file is damaged or truncated ({error}); download it again") from None


def _model(data: bytes) -> Model:
    root = tflite.Model.GetRootAs(data, 0)
    if root.SubgraphsLength() != 1:
        raise ModelError(f"{root.SubgraphsLength()} subgraphs: exactly one is supported")
    graph = _present(root.Subgraphs(0))
    buffers = [_buffer(_present(root.Buffers(n)), data, n) for n in range(root.BuffersLength())]
    tensors = tuple(_tensor(graph.Tensors(n), buffers) for n in range(graph.TensorsLength()))
    codes = [_present(root.OperatorCodes(n)) for n in range(root.OperatorCodesLength())]
    operators = tuple(
        _operator(graph.Operators(n), codes, tensors) for n in range(graph.OperatorsLength())
    )
    inputs, outputs = _indices(graph, "Inputs", tensors), _indices(graph, "Outputs", tensors)
    if not operators or not inputs or not outputs:
        raise ModelError("the file has no operators, inputs or outputs; download it again")
    return Model(tensors, operators, inputs, outputs)


def _present(table: Any) -> Any:
    if table is None:
        raise ModelError("the file is damaged or truncated (empty table); download it again")
    return table


def _vector(table: Any, member: str) -> np.ndarray | None:
    """A vector of numbers; None where the file has none."""
    if getattr(table, f"{member}IsNone")():
        return None
    return np.asarray(getattr(table, f"{member}AsNumpy")())


def _buffer(buffer: Any, data: bytes, number: int) -> np.ndarray | None:
    content = _vector(buffer, "Data")
    offset, size = buffer.Offset(), buffer.Size()
    if offset > 1:
        if offset + size > len(data):
            raise ModelError(
                f"buffer {number} lies behind the end of the file: the file is truncated"
            )
        content = np.frombuffer(data, np.uint8, size, offset)
    return content


def _tensor(tensor: Any, buffers: list[np.ndarray | None]) -> TfliteTensor:
    tensor = _present(tensor)
    name = (tensor.Name() or b"").decode()
    shape = _vector(tensor, "Shape")
    signature = _vector(tensor, "ShapeSignature")
    dims = [] if shape is None else [int(d) for d in shape]
    open_axes = [] if signature is None else [n for n, d in enumerate(signature) if d < 0]
    if any(n > 0 for n in open_axes):
        raise ModelError(
            f"tensor {name!r} has an open dimension beside the batch: export it with a fixed shape"
        )
    if any(d < 1 for d in dims) or np.prod(dims, dtype=object) > LARGEST:
        raise ModelError(f"tensor {name!r} has shape {dims}: the file is damaged, or it is too big")
    if tensor.Sparsity() is not None:
        raise ModelError(f"tensor {name!r} is sparse: export it as a dense tensor")
    if tensor.IsVariable():
        raise ModelError(f"tensor {name!r} is a variable: models with state are not supported")
    type_name = _TYPE_NAMES.get(tensor.Type(), str(tensor.Type()))
    dtype = _TYPES.get(tensor.Type())
    content = buffers[tensor.Buffer()]
    scale = zero_point = None
    axis = 0
    quantization = tensor.Quantization()
    if quantization is not None:
        if quantization.Details() is not None:
            raise ModelError(f"tensor {name!r} has a custom quantization: it is not supported")
        scale, zero_point = _vector(quantization, "Scale"), _vector(quantization, "ZeroPoint")
        axis = quantization.QuantizedDimension()
        if scale is not None and not scale.size:
            scale = None  # how converters write that there is none
        if scale is not None and (zero_point is None or not zero_point.size):
            zero_point = np.zeros(scale.size, np.int64)
    constant = None
    if content is not None and content.size and dtype is not None:
        constant = content.view(dtype).reshape(dims)
    return TfliteTensor(
        name=name,
        shape=tuple(dims),
        dtype=dtype,
        type_name=type_name,
        data=constant,
        scale=scale,
        zero_point=zero_point,
        axis=axis,
    )


def _indices(table: Any, member: str, tensors: tuple[TfliteTensor, ...]) -> tuple[int, ...]:
    vector = _vector(table, member)
    numbers = () if vector is None else tuple(int(n) for n in vector)
    if any(not -1 <= n < len(tensors) for n in numbers):
        raise ModelError("an operator refers to a tensor that is not there: the file is damaged")
    return numbers


def _operator(operator: Any, codes: list[Any], tensors: tuple[TfliteTensor, ...]) -> Operator:
    operator = _present(operator)
    code = codes[operator.OpcodeIndex()]
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    kind = _NAMES.get(number, f"operator {number}")
    if kind == "CUSTOM":
        kind = f"custom operator {(code.CustomCode() or b'').decode()!r}"
    inputs = _indices(operator, "Inputs", tensors)
    outputs = _indices(operator, "Outputs", tensors)
    name = tensors[outputs[0]].name if outputs else ""
    result = Operator(kind, f"{kind} {name!r}", name, inputs, outputs)
    if operator.BuiltinOptions2Type() != 0 or operator.CustomOptionsLength():
        raise ModelError(f"{result.label} has options of an unknown kind: it is not supported")
    if operator.BuiltinOptionsType() != tflite.BuiltinOptions.NONE:
        result.options.update(_options(operator, result.label))
    return result


def _options(operator: Any, label: str) -> dict[str, Any]:
    """All members of the options table, by name."""
    kind = _OPTIONS.get(operator.BuiltinOptionsType())
    table = operator.BuiltinOptions()
    if kind is None or table is None:
        raise ModelError(f"{label} has options of an unknown kind: the file is damaged or too new")
    options = getattr(tflite, kind)()
    options.Init(table.Bytes, table.Pos)
    members = {
        name: method
        for name, method in inspect.getmembers(options, inspect.ismethod)
        if not name.startswith(("Init", "GetRootAs"))
    }
    vectors = [name.removesuffix("AsNumpy") for name in members if name.endswith("AsNumpy")]
    scalars = {
        name: method
        for name, method in members.items()
        if not any(name.startswith(vector) for vector in vectors) and "BufferHasId" not in name
    }
    known = len(scalars) + len(vectors)
    vtable = (
        options._tab.Pos
        - flatbuffers.packer.soffset.unpack_from(options._tab.Bytes, options._tab.Pos)[0]
    )
    (length,) = flatbuffers.packer.voffset.unpack_from(options._tab.Bytes, vtable)
    slots = range(4 + 2 * known, length, flatbuffers.packer.voffset.size)
    if any(flatbuffers.packer.voffset.unpack_from(table.Bytes, vtable + s)[0] for s in slots):
        raise ModelError(f"{label} has an option that is newer than this program: update intarsia")
    values: dict[str, Any] = {name: method() for name, method in scalars.items()}
    values |= {name: _vector(options, name) for name in vectors}
    return values
