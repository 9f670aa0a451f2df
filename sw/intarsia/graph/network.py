"""A network: operators in order, the activations between them, and the model's own ends."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from intarsia.graph.ops import Op
from intarsia.graph.tensor import Tensor

__all__ = ["Network", "NetworkInput", "NetworkOutput"]


@dataclass(frozen=True)
class NetworkInput:
    """What the model takes, and the activation that it becomes.

    Members
    -------
    tensor : str
        Activation, int8, (H, W, C).
    model_shape : tuple of int
        One inference as the model has it, without the batch axis: (C, H, W) for ONNX images.
    transpose : tuple of int or None
        Axes that bring one inference of the model's shape into the activation's order (before it is
        reshaped to the activation's shape), or None where the order is the same.
    dtype : numpy.dtype
        The model's input type: float32 (quantized as the model says), uint8 or int8.
    """

    tensor: str
    model_shape: tuple[int, ...]
    transpose: tuple[int, ...] | None
    dtype: np.dtype


@dataclass(frozen=True)
class NetworkOutput:
    """What the model returns, and the activation that it is made from.

    Members are those of :class:`NetworkInput`; `transpose` brings the activation, shaped as
    ``(H, W, C)``, into the model's order before it is reshaped to `model_shape`. With float32 the
    activation is dequantized.
    """

    tensor: str
    model_shape: tuple[int, ...]
    transpose: tuple[int, ...] | None
    dtype: np.dtype


@dataclass(frozen=True)
class Network:
    """A quantized network, ready to be compiled or interpreted.

    Members
    -------
    name : str
    tensors : dict of str to Tensor
        All activations.
    ops : tuple of Op
        In an order in which every input is an earlier output or an input of the network.
    inputs, outputs : tuple
    """

    name: str
    tensors: dict[str, Tensor]
    ops: tuple[Op, ...]
    inputs: tuple[NetworkInput, ...]
    outputs: tuple[NetworkOutput, ...]

    def consumers(self, tensor: str) -> Iterator[Op]:
        """Operators that read `tensor`."""
        return (op for op in self.ops if tensor in op.inputs)

    def producer(self, tensor: str) -> Op | None:
        """Operator that writes `tensor`; None for an input of the network."""
        return next((op for op in self.ops if op.output == tensor), None)
