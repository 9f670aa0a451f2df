"""Operators of a quantized network.

An operator names its tensors; :class:`~intarsia.graph.network.Network` holds them. What an operator
computes, in each numerics mode, is defined by :mod:`intarsia.golden`.
"""

from dataclasses import dataclass, field

import numpy as np

__all__ = [
    "Add",
    "AveragePool",
    "Concat",
    "Conv",
    "MaxPool",
    "Mean",
    "Op",
    "Pad",
    "Reshape",
    "Softmax",
]


@dataclass(frozen=True, kw_only=True)
class Op:
    """What all operators have.

    Members
    -------
    name : str
        Unique in its network; the model's own name where it has one.
    inputs : tuple of str
        Names of the activations read.
    output : str
        Name of the activation written.
    """

    name: str
    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True, kw_only=True)
class Clamped(Op):
    """An operator with a fused activation: ``low <= y <= high``, on int8 values."""

    low: int = -128
    high: int = 127


@dataclass(frozen=True, kw_only=True)
class Window:
    """How a window moves over a map. All pairs are (vertical, horizontal)."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Top, left, bottom, right. Bottom and right may be less than what the last window would use,
    never more than what makes it fit."""

    def output(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the output map."""
        top, left, bottom, right = self.padding
        size = []
        for length, pad, k, s, d in zip(
            (height, width),
            (top + bottom, left + right),
            self.kernel,
            self.stride,
            self.dilation,
            strict=True,
        ):
            size.append((length + pad - (k - 1) * d - 1) // s + 1)
        return size[0], size[1]


@dataclass(frozen=True, kw_only=True)
class Conv(Clamped):
    """Convolution of any kind: plain, grouped, depthwise, 1-D; fully connected as 1x1.

    Members
    -------
    window : Window
    groups : int
        Output channel *k* sees the input channels of group ``k // (K // groups)``.
    weights : numpy.ndarray
        int8, ``(K, kernel height, kernel width, C // groups)``. Zero point 0.
    weight_scales : numpy.ndarray
        float32, ``(K,)``.
    bias : numpy.ndarray
        int32, ``(K,)``; zeros where the model has none.
    """

    window: Window
    groups: int = 1
    weights: np.ndarray = field(repr=False)
    weight_scales: np.ndarray = field(repr=False)
    bias: np.ndarray = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Add(Clamped):
    """Sum of two activations of the same shape and different scales."""


@dataclass(frozen=True, kw_only=True)
class MaxPool(Clamped):
    """Maximum over a window. Padding never wins. Input and output have one scale."""

    window: Window


@dataclass(frozen=True, kw_only=True)
class AveragePool(Clamped):
    """Mean over a window.

    Members
    -------
    window : Window
        Dilation 1.
    count_padding : bool
        Divide by the size of the window even at the border.
    """

    window: Window
    count_padding: bool = False


@dataclass(frozen=True, kw_only=True)
class Mean(Clamped):
    """Mean over height and width: TFLite's MEAN, ONNX's global average pool."""


@dataclass(frozen=True, kw_only=True)
class Concat(Op):
    """Inputs joined along `axis` (0 height, 1 width, 2 channels), all of the output's scale."""

    axis: int


@dataclass(frozen=True, kw_only=True)
class Reshape(Op):
    """The same bytes in the same order, in another shape."""


@dataclass(frozen=True, kw_only=True)
class Pad(Op):
    """Zero points around a map. Only where no convolution or pool could take the padding in."""

    padding: tuple[int, int, int, int]
    """Top, left, bottom, right."""


@dataclass(frozen=True, kw_only=True)
class Softmax(Op):
    """Softmax over the channels, on the host. Output scale 1/256, zero point -128."""

    beta: float = 1.0
