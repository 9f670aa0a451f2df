"""Scales and zero points, and the clamps that activation functions become."""

import math
from dataclasses import dataclass

import numpy as np

from intarsia.importer.errors import ModelError

__all__ = [
    "INT8",
    "Quantization",
    "QuantizationCell",
    "clamp",
    "signed",
]

INT8 = (-128, 127)
"""Least and greatest value of an activation."""


@dataclass(frozen=True)
class Quantization:
    """``real = scale * (int8 - zero_point)``; uint8 is shifted by 128 beforehand."""

    scale: np.float32
    zero_point: int

    @classmethod
    def of(cls, scale: np.ndarray, zero_point: np.ndarray, where: str) -> "Quantization":
        """From arrays of one element each, the zero point of type int8 or uint8."""
        if scale.size != 1 or zero_point.size != 1:
            raise ModelError(
                f"{where} has {max(scale.size, zero_point.size)} scales: "
                "activations must be quantized per tensor"
            )
        if scale.dtype != np.float32:
            raise ModelError(
                f"{where} has a scale of type {scale.dtype}: only float32 is supported"
            )
        value = scale.reshape(-1)[0]
        if not (np.isfinite(value) and value > 0):
            raise ModelError(f"{where} has scale {value!s}: it must be positive and finite")
        return cls(value, int(signed(zero_point.reshape(-1), where)[0]))

    def __str__(self) -> str:
        return f"scale {self.scale!s}, zero point {self.zero_point}"


class QuantizationCell:
    """The quantization of one activation, or of several that share it: known once anybody says it.

    An int8 input of an ONNX model has none of its own; the first operator that reads it says it.
    """

    def __init__(self, value: Quantization | None = None) -> None:
        self._value = value
        self._joined: QuantizationCell | None = None

    @property
    def value(self) -> Quantization | None:
        """What is known."""
        return self._value if self._joined is None else self._joined.value

    def bind(self, value: Quantization, where: str) -> None:
        """Settle, or agree. A different statement is refused: it would be a requantization."""
        if self._joined is not None:
            self._joined.bind(value, where)
            return
        if self._value is None:
            self._value = value
        if self._value != value:
            raise ModelError(
                f"{where}: {value} here, but {self._value} where the tensor comes from: "
                "requantization between operators is not supported; give both one scale"
            )

    def join(self, other: "QuantizationCell", where: str) -> None:
        """Make both the same, now and for ever."""
        if self._joined is not None:
            self._joined.join(other, where)
        elif other._joined is not None:
            self.join(other._joined, where)
        elif self is not other:
            if self._value is not None:
                other.bind(self._value, where)
            self._joined = other


def signed(array: np.ndarray, where: str) -> np.ndarray:
    """8-bit integers as int8: uint8 shifted by 128, which changes no real value."""
    if array.dtype == np.int8:
        return array
    if array.dtype == np.uint8:
        return (array.astype(np.int16) - 128).astype(np.int8)
    raise ModelError(f"{where} is of type {array.dtype}: only int8 and uint8 are supported")


def clamp(low: float, high: float, quantization: Quantization, *, half: str) -> tuple[int, int]:
    """The int8 values between which ``low <= real <= high`` lies.

    Parameters
    ----------
    low, high : float
        May be infinite.
    quantization : Quantization
        Of the activation.
    half : {"even", "away"}
        How a bound in the middle of two values is rounded: ONNX to even, TFLite away from zero.
    """

    def bound(real: float) -> int:
        if math.isinf(real):
            return INT8[real > 0]
        steps = float(np.float32(real) / quantization.scale)
        if half == "away":
            rounded = math.copysign(math.floor(abs(steps) + 0.5), steps)
        else:
            rounded = round(steps)
        return int(np.clip(rounded + quantization.zero_point, *INT8))

    return bound(low), bound(high)
