"""The network: what its layers are, and what they compute in floating point.

One list of layers is read by the training, by the calibration and by the writer of the quantized
model. The names of the layers are the names of the tensors in all three.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from intarsia.digits.tape import Tape, Variable

__all__ = ["IMAGE", "LAYERS", "LOGITS", "Add", "Conv", "Layer", "MaxPool", "Mean", "evaluate"]

IMAGE = "image"
LOGITS = "logits"


@dataclass(frozen=True)
class Layer:
    """A layer; it is called like its output."""

    name: str
    inputs: tuple[str, ...]
    relu: bool = False


@dataclass(frozen=True, kw_only=True)
class Conv(Layer):
    """Square convolution, padded by ``kernel // 2``."""

    channels: int
    outputs: int
    kernel: int = 3
    stride: int = 1


@dataclass(frozen=True)
class Add(Layer):
    """Sum of two tensors: where a residual block ends."""


@dataclass(frozen=True, kw_only=True)
class MaxPool(Layer):
    """Maximum over square tiles."""

    size: int


@dataclass(frozen=True)
class Mean(Layer):
    """Mean over height and width."""


LAYERS: tuple[Layer, ...] = (
    Conv("stem", (IMAGE,), relu=True, channels=1, outputs=16),
    Conv("fine.first", ("stem",), relu=True, channels=16, outputs=16),
    Conv("fine.second", ("fine.first",), channels=16, outputs=16),
    Add("fine", ("stem", "fine.second"), relu=True),
    Conv("halved", ("fine",), relu=True, channels=16, outputs=32, stride=2),
    Conv("coarse.first", ("halved",), relu=True, channels=32, outputs=32),
    Conv("coarse.second", ("coarse.first",), channels=32, outputs=32),
    Add("coarse", ("halved", "coarse.second"), relu=True),
    MaxPool("strongest", ("coarse",), size=2),
    Mean("mean", ("strongest",)),
    Conv(LOGITS, ("mean",), channels=32, outputs=10, kernel=1),
)


def evaluate(
    tape: Tape, parameters: Mapping[str, Variable], images: np.ndarray
) -> dict[str, Variable]:
    """Run the network in float32.

    Parameters
    ----------
    tape : Tape
        Records what a gradient needs.
    parameters : mapping of str to Variable
        ``<layer>.weights`` (height, width, C, K) and ``<layer>.bias`` (K,) of each convolution.
    images : numpy.ndarray
        (N, 1, 8, 8), float32.

    Returns
    -------
    dict of str to Variable
        Every tensor of the network by name, in order, (N, H, W, C).
    """
    tensors = {IMAGE: Variable(images.transpose(0, 2, 3, 1))}
    for layer in LAYERS:
        first, last = tensors[layer.inputs[0]], tensors[layer.inputs[-1]]
        match layer:
            case Conv(name=name, stride=stride):
                weights, bias = parameters[f"{name}.weights"], parameters[f"{name}.bias"]
                result = tape.conv(first, weights, bias, stride)
            case Add():
                result = tape.add(first, last)
            case MaxPool(size=size):
                result = tape.max_pool(first, size)
            case Mean():
                result = tape.mean(first)
            case _:
                raise TypeError(f"layer {layer.name!r} is of unknown kind {type(layer).__name__}")
        tensors[layer.name] = tape.relu(result) if layer.relu else result
    return tensors
