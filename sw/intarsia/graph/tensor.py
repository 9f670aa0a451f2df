"""Quantized tensors, and the numerics modes they are computed in."""

import enum
from dataclasses import dataclass

import numpy as np

__all__ = ["Mode", "Tensor"]


class Mode(enum.StrEnum):
    """Whose rounding a network is run with. ``docs/numerics.md`` has the formulas."""

    ONNX = "onnx"
    XNNPACK = "xnnpack"
    TFLITE = "tflite"


@dataclass(frozen=True)
class Tensor:
    """An int8 activation, ``real = scale * (int8 - zero_point)``.

    Members
    -------
    name : str
        Unique in its network.
    shape : (int, int, int)
        Height, width, channels: one inference, channels innermost. A flat vector of *n* values is
        ``(1, 1, n)``; a batch of vectors is ``(batch, 1, n)``.
    scale : numpy.float32
        Positive and finite.
    zero_point : int
        In -128..127. uint8 models are shifted by 128 when they are imported.
    """

    name: str
    shape: tuple[int, int, int]
    scale: np.float32
    zero_point: int

    @property
    def size(self) -> int:
        """Bytes, which are values."""
        height, width, channels = self.shape
        return height * width * channels
