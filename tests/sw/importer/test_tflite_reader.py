"""The reader finds everything in a file, or says what is wrong with it."""

import flatbuffers
import numpy as np
import pytest
import tflite

from intarsia.importer import ModelError
from intarsia.importer.tflite_reader import read
from tests.sw.importer.sketch_tflite import TfliteSketch


def sketch():
    result = TfliteSketch()
    x, y = result.input([1, 4, 4, 2], signature=[-1, 4, 4, 2]), result.tensor([1, 4, 4, 3], 0.1, -4)
    weights = result.weights(3, 3, 3, 2, scale=[0.1, 0.2, 0.3])
    result.outputs = [result.conv(x, y, weights, DilationWFactor=2)]
    return result


def test_records():
    drawn = sketch()
    model = read(drawn.content())
    x, y, weights = model.tensors
    assert (x.name, x.shape, x.dtype, x.data) == ("t0", (1, 4, 4, 2), np.int8, None)
    assert y.scale is not None and y.scale.tolist() == [np.float32(0.1)]
    assert y.zero_point is not None and y.zero_point.tolist() == [-4]
    assert (weights.data == drawn._tensors[2]["data"]).all()
    assert weights.scale is not None and weights.scale.size == 3
    [op] = model.operators
    assert (op.kind, op.inputs, op.outputs) == ("CONV_2D", (0, 2, -1), (1,))
    assert op.options["DilationWFactor"] == 2
    assert op.options["DilationHFactor"] == 1
    assert (model.inputs, model.outputs) == ((0,), (1,))


def test_an_option_of_a_newer_schema_is_refused():
    # What is a fully connected operator's sixth option to this schema is beyond an addition's.
    drawn = sketch()
    x, y = drawn.input([1, 4, 4, 2]), drawn.tensor([1, 4, 4, 2], 0.1)
    values = dict(FusedActivationFunction=1, QuantizedBiasType=2)
    drawn.operator("ADD", [x, x], [y], "FullyConnectedOptions", **values)
    data = bytearray(drawn.content())
    graph = tflite.Model.GetRootAs(data, 0).Subgraphs(0)
    assert graph is not None
    operator = graph.Operators(1)
    assert operator is not None
    assert operator.BuiltinOptionsType() == tflite.BuiltinOptions.FullyConnectedOptions
    position = operator._tab.Offset(10) + operator._tab.Pos
    data[position] = tflite.BuiltinOptions.AddOptions
    with pytest.raises(ModelError, match="ADD 't4' has an option that is newer than this program"):
        read(bytes(data))


def test_data_behind_the_model():
    """Models of more than 2 GiB keep their constants behind the tables."""
    weights = np.arange(24, dtype=np.int8)
    prefix = external(64, 24)
    data = prefix + bytes(-len(prefix) % 16)
    data = external(len(data), 24)
    data += bytes(-len(data) % 16) + weights.tobytes()
    tensor = read(data).tensors[2]
    assert tensor.data is not None
    assert (tensor.data.reshape(-1) == weights).all()


def test_data_behind_the_end_of_the_file():
    with pytest.raises(ModelError, match="buffer 1 lies behind the end of the file"):
        read(external(1 << 20, 24))


def external(offset, size):
    """A model whose weights lie at `offset` of the file."""

    class Outside(TfliteSketch):
        @staticmethod
        def _table(b, kind, **members):
            if kind == "Buffer" and "Data" in members:
                members = dict(Offset=offset, Size=size)
            return TfliteSketch._table(b, kind, **members)

    drawn = Outside()
    x, y = drawn.input([1, 4, 4, 2]), drawn.tensor([1, 4, 4, 3], 0.1)
    drawn.outputs = [drawn.conv(x, y, drawn.weights(3, 2, 2, 2))]
    return drawn.content()


def test_two_subgraphs_are_refused():
    class Twice(TfliteSketch):
        @staticmethod
        def _table(b, kind, **members):
            if kind == "Model":
                members["Subgraphs"] = TfliteSketch._vector(b, [])
            return TfliteSketch._table(b, kind, **members)

    with pytest.raises(ModelError, match="0 subgraphs: exactly one is supported"):
        read(Twice().content())


def test_another_flatbuffer_is_refused():
    builder = flatbuffers.Builder(0)
    builder.StartObject(0)
    builder.Finish(builder.EndObject(), file_identifier=b"NONE")
    with pytest.raises(ModelError, match="its identifier TFL3 is missing"):
        read(bytes(builder.Output()))


@pytest.mark.parametrize("length", [8, 60, 200, 400, 500])
def test_truncated(length):
    with pytest.raises(ModelError, match=r"damaged|truncated"):
        read(sketch().content()[:length])
