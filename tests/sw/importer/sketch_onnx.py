"""Small ONNX models, and their comparison with onnxruntime."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from intarsia.golden import evaluate, present_output, quantize_input
from intarsia.graph import Mode, Network
from intarsia.importer import load

__all__ = ["MICROSOFT", "Sketch", "assert_exact", "imported"]

MICROSOFT = "com.microsoft"


class Sketch:
    """An ONNX model, drawn node by node; every method returns the name of what it made.

    Integers are int8, or uint8 with `unsigned`, which moves zero points by 128 and changes nothing
    else. Random content comes from `seed`.
    """

    def __init__(self, *, seed=1, opset=17, unsigned=False):
        self.rng = np.random.default_rng(seed)
        self.unsigned = unsigned
        self._opset = opset
        self._nodes = []
        self._constants = []
        self._inputs = []
        self._outputs = []

    def name(self, stem):
        return f"{stem}{len(self._nodes)}_{len(self._constants)}_{len(self._inputs)}"

    def input(self, shape, dtype=None):
        dtype = dtype or (np.uint8 if self.unsigned else np.int8)
        name = self.name("x")
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name, dtype=None):
        dtype = dtype or (np.uint8 if self.unsigned else np.int8)
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._outputs.append(helper.make_tensor_value_info(name, kind, None))
        return name

    def constant(self, array, dtype=None):
        name = self.name("c")
        self._constants.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def scale(self, value):
        return self.constant(value, np.float32)

    def zero(self, value):
        """Zero point of an activation, said as for int8."""
        if self.unsigned:
            return self.constant(value + 128, np.uint8)
        return self.constant(value, np.int8)

    def node(self, kind, *inputs, domain="", outputs=1, **attributes):
        names = [f"{self.name(kind)}_{n}" for n in range(outputs)]
        node = helper.make_node(kind, inputs, names, name=names[0], domain=domain, **attributes)
        self._nodes.append(node)
        return names[0]

    def weights(self, *shape):
        # onnxruntime saturates sums of uint8 x int8 on some CPUs, but not with weights this small.
        limit = 64 if self.unsigned else 127
        return self.constant(self.rng.integers(-limit, limit + 1, shape), np.int8)

    def scales(self, count):
        return self.constant(self.rng.uniform(0.002, 0.01, count), np.float32)

    def bias(self, count):
        return self.constant(self.rng.integers(-2000, 2000, count), np.int32)

    def quantize(self, x, scale, zero):
        return self.node("QuantizeLinear", x, self.scale(scale), self.zero(zero))

    def dequantize(self, x, scale, zero):
        return self.node("DequantizeLinear", x, self.scale(scale), self.zero(zero))

    def weights_levels(self, *shape, scale=2.0**-7):
        """Dequantized per-tensor weights."""
        return self.node(
            "DequantizeLinear", self.weights(*shape), self.scale(scale), self.constant(0, np.int8)
        )

    def qlinear_conv(self, x, weights, *, source=(0.05, 3), target=(0.2, -5), **attributes):
        """A QLinearConv with random weights of a shape, scales per channel, and bias."""
        return self.node(
            "QLinearConv",
            x,
            self.scale(source[0]),
            self.zero(source[1]),
            self.weights(*weights),
            self.scales(weights[0]),
            self.constant(np.zeros(weights[0]), np.int8),
            self.scale(target[0]),
            self.zero(target[1]),
            self.bias(weights[0]),
            **attributes,
        )

    def model(self):
        graph = helper.make_graph(
            self._nodes, "sketch", self._inputs, self._outputs, self._constants
        )
        opsets = [helper.make_opsetid("", self._opset), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def imported(folder: Path, sketch: Sketch | onnx.ModelProto) -> Network:
    """The sketch as it comes back from a file."""
    model = sketch.model() if isinstance(sketch, Sketch) else sketch
    path = folder / "sketch.onnx"
    path.write_bytes(model.SerializeToString())
    return load(path)


def assert_exact(folder: Path, sketch: Sketch) -> Network:
    """Check that the network computes what onnxruntime does, byte for byte; return it."""
    network = imported(folder, sketch)
    model = sketch.model()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feeds, activations = {}, {}
    for end, own in zip(network.inputs, session.get_inputs(), strict=True):
        values = _random(sketch.rng, [d if isinstance(d, int) else 1 for d in own.shape], end.dtype)
        feeds[own.name] = values
        single = values.reshape(1, *end.model_shape)
        activations[end.tensor] = quantize_input(end, network.tensors[end.tensor], single)
    values = evaluate(network, activations, Mode.ONNX)
    for end, expected in zip(network.outputs, session.run(None, feeds), strict=True):
        y = present_output(end, network.tensors[end.tensor], values[end.tensor])
        assert y.dtype == expected.dtype
        assert y.size == expected.size
        assert end.model_shape == expected.shape[expected.shape[0] == 1 and expected.ndim > 1 :]
        assert (y.reshape(expected.shape) == expected).all()
    return network


def _random(rng, shape, dtype):
    if dtype == np.float32:
        return rng.normal(0, 2, shape).astype(np.float32)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(dtype)
