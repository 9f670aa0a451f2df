"""Descriptors written by hand for whole maps in an otherwise empty memory."""

import numpy as np

from intarsia.graph import Conv
from intarsia.isa.bits import decode, encode
from intarsia.isa.config import ChipConfig
from intarsia.isa.kernel import ConvDescriptor
from intarsia.isa.numerics import ChannelRecord, Rounding


def conv_case(op: Conv, x: np.ndarray, zero_points: tuple[int, int], config: ChipConfig):
    """Memory and descriptor of `op` on `x`, one bank per operand, multiplier 1/256 in FP32."""
    memory = np.random.default_rng(0).integers(0, 256, config.memory_bytes).astype(np.uint8)
    bank = config.bank_bytes
    height, width, depth = x.shape
    out_height, out_width = op.window.output(height, width)
    diagonal = op.groups > 1
    dense = op.window.dilation[1] == 1 and not diagonal
    channels, kernel_y, kernel_x, _ = op.weights.shape
    run = 1 if diagonal else kernel_x * depth if dense else depth
    top, left, _, _ = op.window.padding
    fields = dict(
        input=dict(offset=100),
        weights=dict(offset=bank + 7),
        records=dict(offset=2 * bank + 3),
        output=dict(offset=3 * bank + 5),
        in_height=height,
        row_taps=kernel_y,
        x_taps=1 if dense else kernel_x,
        out_height=out_height,
        out_width=out_width,
        out_channels=channels,
        run=run,
        row_bytes=width * depth,
        zero_point=zero_points[0],
        row_step=op.window.stride[0] * width * depth,
        stride_y=op.window.stride[0],
        tap_row_step=op.window.dilation[0] * width * depth,
        dilation_y=op.window.dilation[0],
        pixel_step=op.window.stride[1] * depth,
        pad_top=top,
        tap_step=op.window.dilation[1] * depth,
        rounding=Rounding.FP32,
        diagonal=int(diagonal),
        pad_left=left * depth,
        out_zero_point=zero_points[1],
        origin=-(top * width * depth + left * depth),
        low=op.low,
        out_pixel_step=channels,
        high=op.high,
        out_row_step=out_width * channels,
    )
    put(memory, 100, x.tobytes())
    put(memory, bank + 7, stored_weights(op, run, config))
    sums = op.weights.astype(np.int64).sum(axis=(1, 2, 3))
    for channel in range(channels):
        record = dict(
            bias=int(np.int64(op.bias[channel] - zero_points[0] * sums[channel]).astype(np.int32)),
            multiplier=1 << 23,
            shift=23 + 8,
        )
        bits = encode(ChannelRecord, record)
        put(memory, 2 * bank + 3 + 16 * channel, bits.to_bytes(16, "little"))
    work = decode(ConvDescriptor, encode(ConvDescriptor, fields))
    return memory, work


def stored_weights(op: Conv, run: int, config: ChipConfig) -> bytes:
    """Weights in the order of the descriptor, byte by byte."""
    stored = bytearray()
    runs = op.weights.reshape(len(op.weights), -1, run)
    for first in range(0, len(op.weights), config.columns):
        block = runs[first : first + config.columns]
        for taps in range(runs.shape[1]):
            for start in range(0, run, config.lanes):
                if op.groups > 1:
                    stored += block[:, taps, 0].tobytes().ljust(config.lanes, b"\0")
                    continue
                for column in block:
                    chunk = column[taps, start : start + config.lanes]
                    stored += chunk.tobytes().ljust(config.lanes, b"\0")
    return bytes(stored)


def put(memory: np.ndarray, at: int, content: bytes):
    memory[at : at + len(content)] = np.frombuffer(content, np.uint8)
