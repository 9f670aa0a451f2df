"""The shapes of ResNet-50, as the `onnx` package's test model has them: random weights."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from intarsia.graph import AveragePool, MaxPool, Network
from intarsia.graph.ops import Window
from tests.sw.compiler.networks import Builder

__all__ = ["resnet50"]

MODEL = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / "light_resnet50.onnx"

SEED = 50

#: Standard deviation of random weights.
SPREAD = 73


class _Builder(Builder):
    """Scales are such that activations neither vanish nor saturate on their way."""

    def quantization(self) -> tuple[float, int]:
        return 0.05, self.rng.randint(-20, 20)

    def numbers(
        self, source: str, target: str, shape: tuple[int, int, int, int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        weights, scales, bias = super().numbers(source, target, shape)
        even = 1 / (SPREAD * np.sqrt(np.prod(shape[1:])))
        return weights, (scales * even / scales.mean()).astype(np.float32), bias


def resnet50() -> Network:
    """Convolutions with their batch norms and clamps, sums, pools; without the softmax."""
    graph = onnx.load(MODEL).graph
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    shapes = {
        node.output[0]: tuple(constants[node.input[0]].tolist())
        for node in graph.node
        if node.op_type == "ConstantOfShape"
    }
    builder = _Builder(SEED, (224, 224, 3))
    made = {graph.input[0].name: "input"}
    for node in graph.node:
        taken = [made[name] for name in node.input if name in made]
        match node.op_type:
            case "Conv":
                window = _window(node)
                found = builder.conv(taken[0], window, shapes[node.input[1]][0], 1)
            case "Gemm":
                found = builder.conv(taken[0], Window(kernel=(1, 1)), shapes[node.input[1]][0], 1)
            case "Sum":
                found = builder.sum(*taken)
            case "MaxPool" | "AveragePool":
                found = _pool(
                    builder,
                    taken[0],
                    _window(node),
                    MaxPool if node.op_type == "MaxPool" else AveragePool,
                )
            case "BatchNormalization" | "Relu" | "Reshape":
                [found] = taken
            case _:
                continue
        made[node.output[0]] = found
    return builder.network([builder.ops[-1].output])


def _pool(builder: Builder, source: str, window: Window, kind: type) -> str:
    height, width, channels = builder.shape(source)
    name = f"pool{len(builder.ops)}"
    builder.tensor(name, (*window.output(height, width), channels), like=source)
    return builder.add(kind(name=name, output=name, inputs=(source,), window=window))


def _window(node: onnx.NodeProto) -> Window:
    given = {item.name: tuple(item.ints) for item in node.attribute}
    pads = given.get("pads", (0, 0, 0, 0))
    return Window(kernel=given["kernel_shape"], stride=given.get("strides", (1, 1)), padding=pads)
