"""What no schedule can do better: cycles that array and links need at least."""

import math
from dataclasses import dataclass

from intarsia.graph import Conv, Network

__all__ = ["LINK_BYTES", "Limits", "limits"]

#: Lanes and columns of the array of configuration `large`.
WIDE = 16

#: Bytes a cycle from off-chip, and to it.
LINK_BYTES = 16


@dataclass(frozen=True)
class Limits:
    """Cycles at least, of networks that run one after another.

    Members
    -------
    array : int
        Vectors that go through the array: outputs of up to 16 channels, by 16 taps of each.
    weights, input, output : int
        Bytes over what is carried in a cycle.
    most : int
        The largest of them, of each network.
    """

    array: int = 0
    weights: int = 0
    input: int = 0
    output: int = 0
    most: int = 0

    def __add__(self, other: "Limits") -> "Limits":
        return Limits(
            self.array + other.array,
            self.weights + other.weights,
            self.input + other.input,
            self.output + other.output,
            self.most + other.most,
        )

    def __mul__(self, times: int) -> "Limits":
        return sum([self] * times, Limits())


def limits(network: Network) -> Limits:
    """Limits of a network whose weights come from off-chip, like its input."""
    convolutions = [op for op in network.ops if isinstance(op, Conv)]
    found = (
        sum(_vectors(op, network) for op in convolutions),
        _cycles(sum(op.weights.size for op in convolutions)),
        _cycles(sum(_size(network, end.tensor) for end in network.inputs)),
        _cycles(sum(_size(network, end.tensor) for end in network.outputs)),
    )
    return Limits(*found, max(found))


def _vectors(op: Conv, network: Network) -> int:
    height, width, channels = network.tensors[op.output].shape
    taps = op.weights[0].size
    if op.groups > 1 and op.weights.shape[-1] == 1:
        # Each column has a channel of its own.
        return height * width * -(-channels // WIDE) * -(-taps // WIDE)
    blocks = op.groups * -(-channels // op.groups // WIDE)
    return height * width * blocks * -(-taps // WIDE)


def _size(network: Network, tensor: str) -> int:
    return math.prod(network.tensors[tensor].shape)


def _cycles(size: int) -> int:
    return -(-size // LINK_BYTES)
