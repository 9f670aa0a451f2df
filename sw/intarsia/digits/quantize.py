"""Post-training quantization: float weights and a few images in, an int8 `.onnx` out.

Weights are symmetric per output channel, activations asymmetric over the range that the
calibration images reach, biases int32. A rectified tensor has its zero point at -128: saturation
is the rectifier, and the model needs no operator for it.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from intarsia.digits.network import (
    IMAGE,
    LAYERS,
    LOGITS,
    Add,
    Conv,
    Layer,
    MaxPool,
    Mean,
    evaluate,
)
from intarsia.digits.tape import Tape, Variable

__all__ = ["calibrate", "quantize"]

MICROSOFT = "com.microsoft"
INPUT_SCALE = np.float32(1 / 240)
"""Gives each of the 17 greys a value of its own, exactly."""


def _rounded_up(value: float) -> np.float32:
    """`value` rounded up to 12 significant bits.

    What two BLAS libraries sum differently in the last bits ends up as the same scale.
    """
    mantissa, exponent = np.frexp(value)
    return np.float32(np.ldexp(np.ceil(mantissa * 4096) / 4096, exponent))


def calibrate(
    parameters: Mapping[str, np.ndarray], images: np.ndarray
) -> dict[str, tuple[np.float32, int]]:
    """Scale and zero point of every tensor.

    Parameters
    ----------
    parameters : mapping of str to numpy.ndarray
        What :func:`intarsia.digits.train.train` returns.
    images : numpy.ndarray
        Images whose activations span the ranges, (N, 1, 8, 8).
    """
    variables = {name: Variable(value.astype(np.float32)) for name, value in parameters.items()}
    tensors = evaluate(Tape(), variables, images)
    ranges = {IMAGE: (INPUT_SCALE, -128)}
    for layer in LAYERS:
        if isinstance(layer, MaxPool):
            ranges[layer.name] = ranges[layer.inputs[0]]
            continue
        values = tensors[layer.name].data
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        scale = _rounded_up((high - low) / 255)
        ranges[layer.name] = scale, int(np.clip(np.rint(-128 - low / scale), -128, 127))
    return ranges


class _Model:
    """An ONNX graph being written."""

    def __init__(self, ranges: dict[str, tuple[np.float32, int]]):
        self._ranges = ranges
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        for name, (scale, zero_point) in ranges.items():
            self.constant(f"{name}.scale", np.float32(scale))
            self.constant(f"{name}.zero_point", np.int8(zero_point))

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        self._constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes):
        self._nodes.append(
            helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes)
        )

    def quantized(self, name: str) -> list[str]:
        """A tensor's name, with those of its scale and zero point."""
        return [name, *self.range(name)]

    def range(self, name: str) -> list[str]:
        return [f"{name}.scale", f"{name}.zero_point"]

    def conv(self, layer: Conv, weights: np.ndarray, bias: np.ndarray) -> None:
        """Write a convolution and its constants."""
        matrix = weights.astype(np.float32).transpose(3, 2, 0, 1)
        scales = np.abs(matrix).max(axis=(1, 2, 3)) / np.float32(127)
        rounded = np.rint(matrix / scales.reshape(-1, 1, 1, 1)).astype(np.int8)
        steps = scales.astype(np.float64) * self._ranges[layer.inputs[0]][0]
        biases = np.rint(bias.astype(np.float64) / steps).astype(np.int32)
        inputs = [
            *self.quantized(layer.inputs[0]),
            self.constant(f"{layer.name}.weights", rounded),
            self.constant(f"{layer.name}.weights.scale", scales),
            self.constant(f"{layer.name}.weights.zero_point", np.zeros(layer.outputs, np.int8)),
            *self.range(layer.name),
            self.constant(f"{layer.name}.bias", biases),
        ]
        self.node(
            "QLinearConv",
            inputs,
            layer.name,
            kernel_shape=[layer.kernel] * 2,
            pads=[layer.kernel // 2] * 4,
            strides=[layer.stride] * 2,
        )

    def layer(self, layer: Layer, parameters: Mapping[str, np.ndarray]) -> None:
        """Write a layer."""
        match layer:
            case Conv(name=name):
                self.conv(layer, parameters[f"{name}.weights"], parameters[f"{name}.bias"])
            case Add(name=name, inputs=(first, second)):
                inputs = [*self.quantized(first), *self.quantized(second), *self.range(name)]
                self.node("QLinearAdd", inputs, name, MICROSOFT)
            case MaxPool(name=name, inputs=(source,), size=size):
                sides = [size, size]
                self.node("MaxPool", [source], name, kernel_shape=sides, strides=sides)
            case Mean(name=name, inputs=(source,)):
                inputs = [*self.quantized(source), *self.range(name)]
                self.node("QLinearGlobalAveragePool", inputs, name, MICROSOFT, channels_last=0)
            case _:
                raise TypeError(f"layer {layer.name!r} is of unknown kind {type(layer).__name__}")

    def finish(self) -> onnx.ModelProto:
        """The model, checked."""
        real = onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            self._nodes,
            "digits",
            [helper.make_tensor_value_info("images", real, ["N", 1, 8, 8])],
            [helper.make_tensor_value_info("scores", real, ["N", 10])],
            self._constants,
        )
        versions = [helper.make_opsetid("", 13), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(
            graph, ir_version=8, opset_imports=versions, producer_name="intarsia"
        )
        onnx.checker.check_model(model)
        return model


def quantize(parameters: Mapping[str, np.ndarray], images: np.ndarray) -> bytes:
    """Quantize the network.

    Parameters
    ----------
    parameters : mapping of str to numpy.ndarray
        What :func:`intarsia.digits.train.train` returns.
    images : numpy.ndarray
        Calibration images, (N, 1, 8, 8).

    Returns
    -------
    bytes
        A `.onnx` file. It takes float images (N, 1, 8, 8) in 0..1 and returns float scores (N, 10).
    """
    model = _Model(calibrate(parameters, images))
    model.node("QuantizeLinear", ["images", *model.range(IMAGE)], IMAGE)
    for layer in LAYERS:
        model.layer(layer, parameters)
    model.node("Flatten", [LOGITS], "flat", axis=1)
    model.node("DequantizeLinear", ["flat", *model.range(LOGITS)], "scores")
    return model.finish().SerializeToString(deterministic=True)
