"""Small TFLite models."""

from pathlib import Path

import flatbuffers
import numpy as np
import tflite

from intarsia.graph import Network
from intarsia.importer import load

__all__ = ["TfliteSketch", "imported"]

TYPES = {
    np.dtype(np.float32): tflite.TensorType.FLOAT32,
    np.dtype(np.int8): tflite.TensorType.INT8,
    np.dtype(np.uint8): tflite.TensorType.UINT8,
    np.dtype(np.int16): tflite.TensorType.INT16,
    np.dtype(np.int32): tflite.TensorType.INT32,
}


class TfliteSketch:
    """A TFLite model, drawn operator by operator; tensors are numbers."""

    def __init__(self, *, seed=1):
        self.rng = np.random.default_rng(seed)
        self._tensors = []
        self._operators = []
        self.inputs = []
        self.outputs = []
        self.options_kind = tflite.BuiltinOptions

    def tensor(
        self, shape, scale=None, zero=0, *, dtype=np.int8, data=None, axis=0, signature=None, **more
    ):
        """Any tensor; `more` are other members of the schema's Tensor."""
        self._tensors.append(
            dict(
                shape=shape,
                scale=scale,
                zero=zero,
                dtype=np.dtype(dtype),
                data=data,
                axis=axis,
                signature=signature,
                more=more,
            )
        )
        return len(self._tensors) - 1

    def input(self, shape, scale=0.05, zero=3, **options):
        self.inputs.append(self.tensor(shape, scale, zero, **options))
        return self.inputs[-1]

    def constant(self, array, scale=None, zero=0, *, axis=0):
        array = np.asarray(array)
        return self.tensor(array.shape, scale, zero, dtype=array.dtype, data=array, axis=axis)

    def weights(self, *shape, scale=0.01, zero=0, axis=0):
        array = self.rng.integers(-127, 128, shape).astype(np.int8)
        return self.constant(array, scale, zero, axis=axis)

    def bias(self, count, scale):
        array = self.rng.integers(-2000, 2000, count).astype(np.int32)
        return self.constant(array, scale)

    def operator(self, kind, inputs, outputs, options=None, **values):
        """An operator; `options` is the name of its options table, `values` what that holds."""
        self._operators.append((kind, inputs, outputs, options, values))
        return outputs[0]

    def conv(self, x, y, weights, bias=-1, kind="CONV_2D", options="Conv2DOptions", **values):
        values = dict(Padding=0, StrideH=1, StrideW=1) | values
        return self.operator(kind, [x, weights, bias], [y], options, **values)

    def content(self) -> bytes:
        """The file."""
        b = flatbuffers.Builder(1024)
        buffers = [self._table(b, "Buffer")]
        tensors = []
        for number, tensor in enumerate(self._tensors):
            buffer = 0
            if tensor["data"] is not None:
                data = b.CreateNumpyVector(np.frombuffer(tensor["data"].tobytes(), np.uint8))
                buffer = len(buffers)
                buffers.append(self._table(b, "Buffer", Data=data))
            tensors.append(self._tensor(b, number, tensor, buffer))
        codes, operators = [], []
        for number, (kind, inputs, outputs, options, values) in enumerate(self._operators):
            code = getattr(tflite.BuiltinOperator, kind)
            codes.append(
                self._table(
                    b, "OperatorCode", DeprecatedBuiltinCode=min(code, 127), BuiltinCode=code
                )
            )
            members = dict(
                OpcodeIndex=number,
                Inputs=b.CreateNumpyVector(np.array(inputs, np.int32)),
                Outputs=b.CreateNumpyVector(np.array(outputs, np.int32)),
            )
            if options is not None:
                for name, value in values.items():
                    if isinstance(value, list):
                        values[name] = b.CreateNumpyVector(np.array(value, np.int32))
                members["BuiltinOptions"] = self._table(b, options, **values)
                members["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, options)
            operators.append(self._table(b, "Operator", **members))
        graph = self._table(
            b,
            "SubGraph",
            Tensors=self._vector(b, tensors),
            Inputs=b.CreateNumpyVector(np.array(self.inputs, np.int32)),
            Outputs=b.CreateNumpyVector(np.array(self.outputs, np.int32)),
            Operators=self._vector(b, operators),
        )
        model = self._table(
            b,
            "Model",
            Version=3,
            OperatorCodes=self._vector(b, codes),
            Subgraphs=self._vector(b, [graph]),
            Buffers=self._vector(b, buffers),
        )
        b.Finish(model, file_identifier=b"TFL3")
        return bytes(b.Output())

    def _tensor(self, b, number, tensor, buffer):
        members = dict(
            Shape=b.CreateNumpyVector(np.array(tensor["shape"], np.int32)),
            Type=TYPES[tensor["dtype"]],
            Buffer=buffer,
            Name=b.CreateString(f"t{number}"),
        )
        if tensor["signature"] is not None:
            members["ShapeSignature"] = b.CreateNumpyVector(np.array(tensor["signature"], np.int32))
        if tensor["scale"] is not None:
            scale = np.atleast_1d(np.asarray(tensor["scale"], np.float32))
            zero = np.broadcast_to(np.asarray(tensor["zero"], np.int64), scale.shape)
            members["Quantization"] = self._table(
                b,
                "QuantizationParameters",
                Scale=b.CreateNumpyVector(scale),
                ZeroPoint=b.CreateNumpyVector(np.ascontiguousarray(zero)),
                QuantizedDimension=tensor["axis"],
            )
        return self._table(b, "Tensor", **members, **tensor["more"])

    @staticmethod
    def _table(b, kind, **members):
        getattr(tflite, f"{kind}Start")(b)
        for name, value in members.items():
            getattr(tflite, f"{kind}Add{name}")(b, value)
        return getattr(tflite, f"{kind}End")(b)

    @staticmethod
    def _vector(b, tables):
        b.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            b.PrependUOffsetTRelative(table)
        return b.EndVector()


def imported(folder: Path, sketch: TfliteSketch | bytes) -> Network:
    """The sketch as it comes back from a file."""
    path = folder / "sketch.tflite"
    path.write_bytes(sketch.content() if isinstance(sketch, TfliteSketch) else sketch)
    return load(path)
