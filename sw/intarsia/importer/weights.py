"""Constants that convolutions and fully connected operators take: weights, scales, biases."""

from dataclasses import dataclass

import numpy as np

from intarsia.graph.ops import Conv, Window
from intarsia.importer.builder import Builder
from intarsia.importer.errors import ModelError
from intarsia.importer.layout import Activation, View
from intarsia.importer.quantization import QuantizationCell, signed
from intarsia.importer.windows import fitted

__all__ = ["Kernel", "convolution", "fully_connected", "symmetric"]


@dataclass(frozen=True)
class Kernel:
    """What a convolution or fully connected operator holds.

    Members
    -------
    weights : numpy.ndarray
        int8, ``(K, height, width, C // groups)``; ``(K, C)`` for a fully connected one.
    scales : numpy.ndarray
        float32, ``(K,)``.
    bias : numpy.ndarray
        int32, ``(K,)``.
    """

    weights: np.ndarray
    scales: np.ndarray
    bias: np.ndarray


def symmetric(weights: np.ndarray, zero_point: np.ndarray, where: str) -> np.ndarray:
    """8-bit weights as int8 with zero point 0. Only uint8 around 128 needs, and bears, a shift."""
    middle = 128 if weights.dtype == np.uint8 else 0
    other = np.asarray(zero_point).reshape(-1)
    other = other[other != middle]
    if other.size:
        raise ModelError(
            f"{where} have zero point {other[0]}: quantize weights symmetrically "
            f"(zero point {middle} for {weights.dtype})"
        )
    return signed(weights, where)


def convolution(
    builder: Builder,
    where: str,
    name: str,
    source: Activation,
    output: str,
    cell: QuantizationCell,
    *,
    kernel: Kernel,
    window: Window,
    groups: int,
    low: int,
    high: int,
) -> Activation:
    """Append a convolution of a map."""
    height, width, channels = source.shape
    count, _, _, depth = kernel.weights.shape
    if depth * groups != channels or count % groups:
        raise ModelError(
            f"{where}: {count} kernels of {depth} channels in {groups} groups "
            f"do not fit an input of {channels} channels"
        )
    window, size = fitted(window, height, width, where)
    return builder.emit(
        Conv,
        name,
        [source],
        output,
        (*size, count),
        cell,
        window=window,
        groups=groups,
        weights=np.ascontiguousarray(kernel.weights),
        weight_scales=kernel.scales,
        bias=kernel.bias,
        low=low,
        high=high,
    )


def fully_connected(
    builder: Builder,
    where: str,
    name: str,
    rows: View,
    output: str,
    cell: QuantizationCell,
    *,
    kernel: Kernel,
    low: int,
    high: int,
) -> Activation:
    """Append a fully connected operator over a matrix; its output is (rows, 1, K).

    Rows stored in another order than the model's (a map flattened channels first) are met by
    weights in that order.
    """
    source, order = builder.as_rows(rows, where)
    if kernel.weights.shape[1] != order.size:
        raise ModelError(
            f"{where}: weights for {kernel.weights.shape[1]} inputs meet vectors of {order.size}"
        )
    weights = np.empty_like(kernel.weights)
    weights[:, order] = kernel.weights
    return convolution(
        builder,
        where,
        name,
        source,
        output,
        cell,
        kernel=Kernel(weights[:, None, None, :], kernel.scales, kernel.bias),
        window=Window(kernel=(1, 1)),
        groups=1,
        low=low,
        high=high,
    )
