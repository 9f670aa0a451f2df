"""What the convolution engine computes."""

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib import data

from intarsia.golden import Requantization, requantize
from intarsia.isa.config import ChipConfig
from intarsia.isa.kernel import WEIGHTS, WINDOW
from intarsia.isa.numerics import ChannelRecord
from intarsia.model.memory import Memory, as_signed, bank_addresses

__all__ = [
    "accumulate",
    "chunks",
    "convolve",
    "read_extents",
    "weight_bytes",
    "write_extents",
]

RECORD_BYTES = ChannelRecord.as_shape().size // 8


def convolve(memory: Memory, work: data.Const, config: ChipConfig) -> np.ndarray | None:
    """Executes `work`: reads inputs, weights and records from `memory`, writes the output there.

    If it is chained, returns the output instead: int8, ``(pixels, channels)``.

    Parameters
    ----------
    memory : bytearray or numpy.ndarray
        All of the chip's memory.
    work : data.Const of ConvDescriptor
        Operands hold addresses.
    config : ChipConfig
        Sizes of the chip.
    """
    stored = as_signed(memory)
    acc = accumulate(memory, work, config)
    bias, multiplier, shift = _records(stored, work)
    by = Requantization(work.rounding, multiplier, shift, work.out_zero_point, work.low, work.high)
    biased = (acc.astype(np.int64) + bias).astype(np.int32)
    output = requantize(biased, by)
    if work.chained:
        return output.reshape(-1, work.out_channels)
    stored[_output_addresses(work)] = output
    return None


def accumulate(memory: Memory, work: data.Const, config: ChipConfig) -> np.ndarray:
    """Sums of products of stored bytes and weights, padding included, bias not.

    Returns
    -------
    numpy.ndarray
        int32, ``(out_height, out_width, out_channels)``; sums wrap.
    """
    vectors = _vectors(as_signed(memory), work, config)
    weights = _weights(as_signed(memory), work, config)
    pixels = work.out_height * work.out_width
    blocks = []
    for block, factors in enumerate(weights):
        operands = vectors[block if _depthwise(work) else 0].astype(np.float64)
        if _depthwise(work):
            sums = np.einsum("pcl,cl->pl", operands, factors.astype(np.float64))
        else:
            matrix = factors.transpose(0, 2, 1).reshape(-1, factors.shape[1])
            sums = operands.reshape(pixels, -1) @ matrix.astype(np.float64)
        blocks.append(sums)
    acc = np.concatenate(blocks, axis=1)[:, : work.out_channels].astype(np.int64)
    return acc.astype(np.int32).reshape(work.out_height, work.out_width, work.out_channels)


def chunks(work: data.Const, config: ChipConfig) -> int:
    """Vectors of input that one output pixel takes, per block of output channels."""
    if work.sliding:
        return 1
    if work.packed:
        return -(-work.row_taps * work.run // config.lanes)
    return work.row_taps * work.x_taps * -(-work.run // config.lanes)


def weight_bytes(work: data.Const, config: ChipConfig) -> int:
    """Bytes of the weights."""
    stored = work.out_channels
    if work.diagonal:
        return -(-stored // config.columns) * chunks(work, config) * config.lanes
    return stored * chunks(work, config) * config.lanes


def _piece_bytes(work: data.Const, config: ChipConfig) -> int:
    """Bytes of each piece of the weights of a job that is ``striped``."""
    whole, rest = divmod(work.out_channels, config.columns)
    rows = whole * config.columns // config.weight_ports + -(-rest // config.weight_ports)
    return rows * chunks(work, config) * config.lanes


def _piece_starts(work: data.Const, config: ChipConfig) -> list[int]:
    """Address of the first byte of each piece of the weights of a job that is ``striped``."""
    return [work[name].offset for name in WEIGHTS[: config.weight_ports]]


def read_extents(work: data.Const, config: ChipConfig) -> dict[str, tuple[int, int]]:
    """For each operand read, addresses of its first byte that counts and of the first after it."""
    rows, row_offsets = _rows(work)
    stored = row_offsets[(rows >= 0) & (rows < work.in_height)]
    positions = _positions(work, config)[..., : work.run].ravel()
    if _depthwise(work):
        positions = (positions[:, None] + np.arange(work.out_channels)).ravel()
    positions = positions[(positions >= 0) & (positions < work.row_bytes)]
    extents = {
        "records": (work.records.offset, work.records.offset + work.out_channels * RECORD_BYTES),
    }
    if work.striped:
        size = _piece_bytes(work, config)
        for name, start in zip(WEIGHTS, _piece_starts(work, config), strict=False):
            extents[name] = start, start + size
    else:
        start = work.weights.offset
        extents["weights"] = start, start + weight_bytes(work, config)
    if stored.size and positions.size:
        start = work.input.offset + work.origin + work.pad_left
        extents["input"] = (
            int(start + stored.min() + positions.min()),
            int(start + stored.max() + positions.max() + 1),
        )
    return extents


def write_extents(work: data.Const) -> dict[str, tuple[int, int]]:
    """For each operand written, addresses of its first byte and of the first after its last."""
    if work.chained:
        return {}
    addresses = _output_addresses(work)
    return {"output": (int(addresses.min()), int(addresses.max()) + 1)}


def _rows(work: data.Const) -> tuple[np.ndarray, np.ndarray]:
    """Input row, and bytes from the first window, of each output row and row of its window."""
    oy, ky = np.ogrid[: work.out_height, : work.row_taps]
    rows = oy * work.stride_y - work.pad_top + ky * work.dilation_y
    return rows, oy * work.row_step + ky * work.tap_row_step


def _positions(work: data.Const, config: ChipConfig) -> np.ndarray:
    """Byte positions in the row: ``(out_width, x_taps, lanes of all chunks of a run)``."""
    lanes = work.run if work.packed else -(-work.run // config.lanes) * config.lanes
    ox, kx, lane = np.ogrid[: work.out_width, : work.x_taps, :lanes]
    return ox * work.pixel_step - work.pad_left + kx * work.tap_step + lane


def _vectors(stored: np.ndarray, work: data.Const, config: ChipConfig) -> list[np.ndarray]:
    """Operands of the array: ``(pixels, chunks, lanes)``, one per block where blocks differ."""
    rows, row_offsets = _rows(work)
    positions = _positions(work, config)
    blocks = -(-work.out_channels // config.columns) if _depthwise(work) else 1
    row_valid = (rows >= 0) & (rows < work.in_height)
    vectors = []
    for block in range(blocks):
        across = positions + block * config.columns
        offsets = row_offsets[:, None, :, None, None] + (across + work.pad_left)[None, :, None]
        addresses = bank_addresses(work.input.offset, offsets + work.origin, config)
        valid = row_valid[:, None, :, None, None]
        valid = valid & ((across >= 0) & (across < work.row_bytes))[None, :, None]
        values = np.where(valid, stored[addresses], np.int8(work.zero_point))
        windows = values.reshape(work.out_height * work.out_width, -1)
        rest = [(0, 0), (0, -windows.shape[1] % config.lanes)]
        filled = np.pad(windows, rest, constant_values=work.zero_point)
        vectors.append(filled.reshape(len(windows), -1, config.lanes))
    return vectors


def _weights(stored: np.ndarray, work: data.Const, config: ChipConfig) -> list[np.ndarray]:
    """Weights of each block: ``(chunks, columns, lanes)``, or ``(chunks, lanes)`` if depthwise."""
    if work.striped:
        stored, start = _interleaved(stored, work, config), 0
    else:
        start = work.weights.offset
    if work.sliding:
        return _window_weights(stored[start : start + weight_bytes(work, config)], work, config)
    shape = chunks(work, config), config.lanes
    blocks = []
    for first in range(0, work.out_channels, config.columns):
        columns = min(config.columns, work.out_channels - first)
        size = shape[0] * shape[1] * (1 if work.diagonal else columns)
        taken = stored[start : start + size]
        blocks.append(
            taken.reshape(shape) if work.diagonal else taken.reshape(shape[0], columns, shape[1])
        )
        start += size
    return blocks


def _interleaved(stored: np.ndarray, work: data.Const, config: ChipConfig) -> np.ndarray:
    """Weights in the order that they have where they don't lie in pieces."""
    size = _piece_bytes(work, config)
    vectors = np.stack(
        [
            stored[start : start + size].reshape(-1, config.lanes)
            for start in _piece_starts(work, config)
        ],
        axis=1,
    ).reshape(-1, config.lanes)
    blocks, at = [], 0
    for first in range(0, work.out_channels, config.columns):
        columns = min(config.columns, work.out_channels - first)
        stored_columns = -(-columns // config.weight_ports) * config.weight_ports
        block = vectors[at : at + chunks(work, config) * stored_columns]
        at += len(block)
        blocks.append(block.reshape(-1, stored_columns, config.lanes)[:, :columns].ravel())
    return np.concatenate(blocks)


def _window_weights(stored: np.ndarray, work: data.Const, config: ChipConfig) -> list[np.ndarray]:
    """Weights of each block, as those of the tap of each chunk: ``(chunks, lanes)``."""
    up, left = np.ogrid[: work.row_taps, : work.x_taps]
    lanes = (WINDOW * up + left)[::-1, ::-1].ravel()
    taps = stored.reshape(work.out_channels, config.lanes)[:, lanes]
    padded = np.pad(taps, [(0, -work.out_channels % config.columns), (0, 0)])
    return [block.T for block in padded.reshape(-1, config.columns, lanes.size)]


def _depthwise(work: data.Const) -> bool:
    """Whether each output channel sees one input channel."""
    return bool(work.diagonal or work.sliding)


def _records(stored: np.ndarray, work: data.Const) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bias, multiplier and shift of each output channel."""
    start = work.records.offset
    raw = stored[start : start + work.out_channels * RECORD_BYTES].reshape(-1, RECORD_BYTES)
    return _field(raw, "bias"), _field(raw, "multiplier"), _field(raw, "shift")


def _field(raw: np.ndarray, name: str) -> np.ndarray:
    """One field of all records, as int64."""
    field = ChannelRecord.as_shape()[name]
    start, size = field.offset // 8, field.width // 8
    kind = "i" if Shape.cast(field.shape).signed else "u"
    return (
        np.ascontiguousarray(raw[:, start : start + size]).view(f"<{kind}{size}")[:, 0].astype(int)
    )


def _output_addresses(work: data.Const) -> np.ndarray:
    oy, ox, channel = np.ogrid[: work.out_height, : work.out_width, : work.out_channels]
    return work.output.offset + oy * work.out_row_step + ox * work.out_pixel_step + channel
