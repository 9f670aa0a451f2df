"""CMSIS-NN's single layers as operators and integers, for the golden model and for RTL."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from intarsia.golden.add import Addition
from intarsia.golden.requantize import Requantization
from intarsia.graph import AveragePool, Conv, MaxPool, Tensor
from intarsia.graph.ops import Window
from intarsia.isa.numerics import Rounding
from tests.inputs import CMSIS_NN

__all__ = [
    "ADDITIONS",
    "CONVOLUTIONS",
    "POOLS",
    "AddCase",
    "ConvCase",
    "PoolCase",
    "read_add",
    "read_conv",
    "read_pool",
]

ADDITIONS = [name for name in CMSIS_NN if name == "add"]
POOLS = [name for name in CMSIS_NN if "pooling" in name]
CONVOLUTIONS = [name for name in CMSIS_NN if name not in {*ADDITIONS, *POOLS}]


@dataclass(frozen=True)
class ConvCase:
    """Convolution of `x`, (batch, H, W, C), zero point `zero_point`; scales are in `by`."""

    op: Conv
    x: np.ndarray
    zero_point: int
    by: Requantization
    y: np.ndarray


@dataclass(frozen=True)
class PoolCase:
    """Pool of `x`, (batch, H, W, C), between `tensors` of one scale."""

    op: MaxPool | AveragePool
    tensors: dict[str, Tensor]
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class AddCase:
    """Sum of two flat arrays."""

    a: np.ndarray
    b: np.ndarray
    by: Addition
    y: np.ndarray


def read_conv(inputs: Path, name: str) -> ConvCase:
    c, arrays = _read(inputs, name)
    if "ACCUMULATION_DEPTH" in c:  # fully connected, as 1x1
        size, out, kernel, stride, dilation, before = (((1, 1),) * 5) + ((0, 0),)
        multiplier, shift = c["OUTPUT_MULTIPLIER"], c["OUTPUT_SHIFT"]
    else:
        size, out = (c["INPUT_H"], c["INPUT_W"]), (c["OUTPUT_H"], c["OUTPUT_W"])
        kernel, stride = (c["FILTER_Y"], c["FILTER_X"]), (c["STRIDE_Y"], c["STRIDE_X"])
        dilation, before = (c["DILATION_Y"], c["DILATION_X"]), (c["PAD_Y"], c["PAD_X"])
        multiplier = arrays["output_mult_data"].astype(np.int64)
        shift = arrays["output_shift_data"].astype(np.int64)
    channels, depth = c["OUT_CH"], c.get("FILTER_CH", c["IN_CH"])
    if "CH_MULT" in c:  # depthwise: output channels are innermost
        depth = 1
        weights = arrays["weights_data"].reshape(*kernel, channels, 1).transpose(2, 0, 1, 3)
    else:
        weights = arrays["weights_data"].reshape(channels, *kernel, depth)
    op = Conv(
        name=name,
        inputs=("x",),
        output="y",
        low=c["OUT_ACTIVATION_MIN"],
        high=c["OUT_ACTIVATION_MAX"],
        window=_window(size, out, kernel, stride, dilation, before),
        groups=c["IN_CH"] // depth,
        weights=weights,
        weight_scales=np.ones(channels, np.float32),
        bias=arrays["biases_data"],
    )
    by = Requantization(Rounding.DOUBLE, multiplier, shift, c["OUTPUT_OFFSET"], op.low, op.high)
    x = arrays["input_data"].reshape(-1, *size, c["IN_CH"])
    y = arrays["output_ref_data"].reshape(-1, *out, channels)
    return ConvCase(op, x, -c["INPUT_OFFSET"], by, y)


def read_pool(inputs: Path, name: str) -> PoolCase:
    c, arrays = _read(inputs, name)
    size, kernel = (c["INPUT_H"], c["INPUT_W"]), (c["FILTER_H"], c["FILTER_W"])
    out, stride = (c["OUTPUT_H"], c["OUTPUT_W"]), (c["STRIDE_H"], c["STRIDE_W"])
    kind = MaxPool if name.startswith("max") else AveragePool
    op = kind(
        name=name,
        inputs=("x",),
        output="y",
        low=c["ACTIVATION_MIN"],
        high=c["ACTIVATION_MAX"],
        window=_window(size, out, kernel, stride, (1, 1), (c["PADDING_H"], c["PADDING_W"])),
    )
    shapes = {"x": (*size, c["INPUT_C"]), "y": (*out, c["OUTPUT_C"])}
    tensors = {n: Tensor(n, shape, np.float32(0.1), 3) for n, shape in shapes.items()}
    x = arrays["input_tensor"].reshape(-1, *shapes["x"])
    return PoolCase(op, tensors, x, arrays["output"].reshape(-1, *shapes["y"]))


def read_add(inputs: Path, name: str) -> AddCase:
    c, arrays = _read(inputs, name)
    by = Addition(
        zero_a=-c["INPUT1_OFFSET"],
        zero_b=-c["INPUT2_OFFSET"],
        scale_a=c["INPUT1_MULT"],
        scale_b=c["INPUT2_MULT"],
        shift_a=-c["INPUT1_SHIFT"],
        shift_b=-c["INPUT2_SHIFT"],
        bias=0,
        requantization=Requantization(
            Rounding.DOUBLE,
            c["OUTPUT_MULT"],
            c["OUTPUT_SHIFT"],
            c["OUTPUT_OFFSET"],
            c["OUT_ACTIVATION_MIN"],
            c["OUT_ACTIVATION_MAX"],
        ),
    )
    return AddCase(arrays["input1_data"], arrays["input2_data"], by, arrays["output_ref_data"])


def _read(inputs: Path, name: str) -> tuple[dict[str, int], dict[str, np.ndarray]]:
    """Numbers of a case's header, and its arrays."""
    with np.load(inputs / "cmsis_nn" / f"{name}.npz") as archive:
        arrays = {key: archive[key] for key in archive.files}
    words = json.loads(str(arrays.pop("_config")))
    return {k: int(word) for k, word in words.items() if word.lstrip("-").isdigit()}, arrays


def _window(size, out, kernel, stride, dilation, before) -> Window:
    """Window of a case, which gives padding only above and to the left, and the output's size."""
    axes = zip(size, out, kernel, stride, dilation, before, strict=True)
    after = [max((o - 1) * s + (k - 1) * d + 1 - n - b, 0) for n, o, k, s, d, b in axes]
    padding = (before[0], before[1], after[0], after[1])
    return Window(kernel=kernel, stride=stride, dilation=dilation, padding=padding)
