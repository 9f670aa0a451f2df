"""Integers that engines requantize with, as fields of records and descriptors."""

import numpy as np

from intarsia.compiler.windows import Region
from intarsia.compiler.workload import Workload
from intarsia.golden.add import addition
from intarsia.golden.convolution import requantization
from intarsia.golden.pool import average_requantization, average_zero_point, mean_requantization
from intarsia.golden.requantize import Requantization
from intarsia.graph import Add, AveragePool, Conv, MaxPool, Mean, Mode, Tensor
from intarsia.isa.bits import encode
from intarsia.isa.numerics import ChannelRecord, Rounding

__all__ = [
    "add_fields",
    "average_fields",
    "channel_records",
    "conv_fields",
    "max_fields",
    "mean_fields",
]


def channel_records(workload: Workload, mode: Mode) -> dict[int, list[bytes]]:
    """For each convolution, by its index in the network, one record per output channel."""
    tensors = workload.network.tensors
    return {
        index: _records(op, tensors[op.inputs[0]], tensors[op.output], mode)
        for index, op in workload.ops
        if isinstance(op, Conv)
    }


def _records(op: Conv, source: Tensor, target: Tensor, mode: Mode) -> list[bytes]:
    by = requantization(op, source, target, mode)
    sums = op.weights.astype(np.int64).sum(axis=(1, 2, 3))
    biases = (op.bias - source.zero_point * sums).astype(np.int32)
    channels = zip(
        biases.tolist(),
        np.broadcast_to(by.multiplier, biases.shape).tolist(),
        np.broadcast_to(by.shift, biases.shape).tolist(),
        strict=True,
    )
    size = ChannelRecord.as_shape().size // 8
    return [
        encode(ChannelRecord, dict(bias=bias, multiplier=multiplier, shift=shift)).to_bytes(
            size, "little"
        )
        for bias, multiplier, shift in channels
    ]


def conv_fields(op: Conv, source: Tensor, target: Tensor, mode: Mode) -> dict:
    """Fields of a convolution that concern numbers."""
    return dict(
        zero_point=source.zero_point,
        rounding=Rounding.DOUBLE if mode is Mode.TFLITE else Rounding.FP32,
        out_zero_point=target.zero_point,
        low=op.low,
        high=op.high,
    )


def add_fields(op: Add, tensors: tuple[Tensor, Tensor, Tensor], mode: Mode) -> dict:
    """Fields of an addition that concern numbers."""
    by = addition(op, tensors, mode)
    return _fields(by.requantization, op) | dict(
        zero_a=by.zero_a,
        zero_b=by.zero_b,
        scale_a=by.scale_a,
        scale_b=by.scale_b,
        shift_a=by.shift_a,
        shift_b=by.shift_b,
        bias=by.bias,
    )


def max_fields(op: MaxPool) -> dict:
    """Fields of a max pool that concern numbers."""
    return dict(low=op.low, high=op.high, rounding=Rounding.FP32)


def average_fields(
    op: AveragePool, region: Region, source: Tensor, target: Tensor, mode: Mode
) -> dict:
    """Fields of a region of an average pool that concern numbers."""
    zero = average_zero_point(source, target, mode)
    window = op.window.kernel[0] * op.window.kernel[1]
    count = window if op.count_padding else region.taps
    by = average_requantization(source, target, count, mode)
    bias = (count - region.taps) * (source.zero_point - zero) - region.taps * zero
    return _fields(by, op) | dict(bias=bias)


def mean_fields(op: Mean, count: int, source: Tensor, target: Tensor, mode: Mode) -> dict:
    """Fields of a mean over `count` values that concern numbers."""
    by = mean_requantization(source, target, count, mode)
    return _fields(by, op) | dict(bias=-count * source.zero_point)


def _fields(by: Requantization, op: Add | AveragePool | Mean) -> dict:
    return dict(
        rounding=by.rounding,
        multiplier=int(by.multiplier),
        shift=int(by.shift),
        out_zero_point=by.zero_point,
        low=op.low,
        high=op.high,
        scale_a=by.half,
    )
