"""Convolutions cut into jobs of the convolution engine, by their channels."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from intarsia.compiler.boxes import Box
from intarsia.graph import Conv
from intarsia.graph.ops import Window
from intarsia.isa.config import ChipConfig
from intarsia.isa.kernel import PACKED_ROWS, PACKED_RUN, WINDOW
from intarsia.isa.numerics import ChannelRecord

__all__ = ["RECORD_BYTES", "Job", "jobs", "pack", "packing_pitch", "tiles"]

#: Bytes of the record of one output channel.
RECORD_BYTES = ChannelRecord.as_shape().size // 8


@dataclass(frozen=True)
class Job:
    """Output channels that one descriptor computes.

    Members
    -------
    first, last : int
        Output channels `first` to `last` - 1.
    source, depth : int
        The `depth` input channels from `source` on, which they see; weights of channels of other
        groups are zero.
    kernel : (int, int)
    dense : bool
        A row of the window is one run.
    diagonal, sliding : bool
    packed : bool
        Rows of the window follow one another in vectors.
    """

    first: int
    last: int
    source: int
    depth: int
    kernel: tuple[int, int]
    dense: bool
    diagonal: bool
    sliding: bool
    packed: bool

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return self.last - self.first

    @property
    def depthwise(self) -> bool:
        """Each output channel sees one input channel."""
        return self.diagonal or self.sliding

    def chunks(self, config: ChipConfig) -> int:
        """Vectors of input per pixel and block of output channels."""
        kernel_y, kernel_x = self.kernel
        if self.sliding:
            return 1
        if self.diagonal:
            return kernel_y * kernel_x
        if self.packed:
            return -(-kernel_y * kernel_x * self.depth // config.lanes)
        if self.dense:
            return kernel_y * -(-kernel_x * self.depth // config.lanes)
        return kernel_y * kernel_x * -(-self.depth // config.lanes)

    def cycles(self, stride: tuple[int, int], config: ChipConfig) -> int:
        """Cycles per output pixel; windows that slide see pixels that the stride leaves out."""
        chunks = stride[0] * stride[1] if self.sliding else self.chunks(config)
        return chunks * -(-self.channels // config.columns)

    def weight_bytes(self, config: ChipConfig) -> int:
        """Bytes of weights."""
        if self.diagonal:
            blocks = -(-self.channels // config.columns)
            return blocks * self.chunks(config) * config.lanes
        return self.channels * self.chunks(config) * config.lanes

    def blob_bytes(self, config: ChipConfig) -> int:
        """Bytes of weights and channel records."""
        return self.weight_bytes(config) + self.channels * RECORD_BYTES


def jobs(
    op: Conv,
    width: int,
    box: Box,
    config: ChipConfig,
    pixel_bytes: int | None = None,
    pitch: int | None = None,
) -> list[Job]:
    """Jobs that compute the channels of `box`, in order.

    Parameters
    ----------
    op : Conv
        Convolution to cut.
    width : int
        Columns of its input.
    box : Box
        The part of its output to compute.
    config : ChipConfig
        Sizes of the chip.
    pixel_bytes : int or None
        Channels that a pixel is stored with; None for all that the operator has.
    pitch : int or None
        Bytes from row to row of what is stored; None for what suits best.
    """
    channels = len(op.weights), op.groups, op.weights.shape[3]
    return _jobs(channels, op.window, width, box.first, box.last, config, pixel_bytes, pitch)


@cache
def _jobs(
    channels: tuple[int, int, int],
    window: Window,
    width: int,
    first: int,
    last: int,
    config: ChipConfig,
    pixel_bytes: int | None,
    pitch: int | None,
) -> list[Job]:
    (total, groups, depth), kernel = channels, window.kernel
    stored = groups * depth if pixel_bytes is None else pixel_bytes
    per_group = total // groups

    def job(first: int, last: int, diagonal: bool = False, sliding: bool = False) -> Job:
        source, end = first // per_group, (last - 1) // per_group + 1
        seen = (end - source) * depth
        dense = kernel[1] == 1 or (window.dilation[1] == 1 and seen == stored)
        dense &= not (diagonal or sliding)
        packed = dense and _packs(window, kernel[1] * seen, pitch, config)
        return Job(first, last, source * depth, seen, kernel, dense, diagonal, sliding, packed)

    options = []
    if groups > 1 and depth == per_group == 1:
        options.append([job(first, last, diagonal=True)])
        if _slides(window, width, config):
            options.append([job(first, last, sliding=True)])
    low, high = first // per_group, (last - 1) // per_group + 1
    for step in _divisions(high - low):
        starts = [*range(low * per_group, high * per_group, step * per_group), last]
        starts[0] = first
        options.append([job(*pair) for pair in itertools.pairwise(starts)])
    return min(
        options,
        key=lambda option: (
            sum(item.cycles(window.stride, config) for item in option),
            len(option),
        ),
    )


def packing_pitch(window: Window, depth: int, line: int, config: ChipConfig) -> int | None:
    """The least pitch of rows of `line` bytes at which windows over `depth` channels are packed.

    None, where that is not possible, or gains nothing.
    """
    run = window.kernel[1] * depth
    for pitch in range(line, line + config.lanes):
        if window.dilation[1] == 1 and _packs(window, run, pitch, config):
            return pitch
    return None


def _packs(window: Window, run: int, pitch: int | None, config: ChipConfig) -> bool:
    """Whether fewer vectors hold a window when its rows, of `run` bytes, follow one another."""
    rows, lanes = window.kernel[0], config.lanes
    return (
        config.packs
        and -(-rows * run // lanes) < rows * -(-run // lanes)
        and run <= PACKED_RUN
        and (rows <= PACKED_ROWS or run * PACKED_ROWS >= lanes)
        and (pitch is None or (window.dilation[0] * pitch - run) % lanes == 0)
    )


def _slides(window: Window, width: int, config: ChipConfig) -> bool:
    """Whether line buffers can form the windows of a depthwise convolution."""
    return (
        max(window.kernel) <= WINDOW
        and window.dilation == (1, 1)
        and all(pad < size for pad, size in zip(window.padding, window.kernel * 2, strict=True))
        and 1 < width <= config.line_pixels
    )


def _divisions(count: int) -> Iterator[int]:
    """Powers of two below `count`, and `count` itself."""
    step = 1
    while step < count:
        yield step
        step *= 2
    yield count


def tiles(job: Job, limit: int, config: ChipConfig) -> list[Job] | None:
    """`job` cut by output channels so that each piece's blob has at most `limit` bytes.

    None, if no piece is that small.
    """
    whole = _piece(job, job.first, min(job.last, job.first + config.columns))
    if whole.blob_bytes(config) <= limit:
        unit = config.columns
        most = limit // whole.blob_bytes(config)
    else:
        unit, single = 1, _piece(job, job.first, job.first + 1)
        most = limit // single.blob_bytes(config)
    if not most:
        return None
    units = -(-job.channels // unit)
    count = -(-units // most)
    cuts = [job.first + units * piece // count * unit for piece in range(count)]
    return [_piece(job, *pair) for pair in itertools.pairwise([*cuts, job.last])]


def _piece(job: Job, first: int, last: int) -> Job:
    if job.depthwise:
        source, depth = job.source + first - job.first, last - first
    else:
        source, depth = job.source, job.depth
    return replace(job, first=first, last=last, source=source, depth=depth)


def pack(op: Conv, job: Job, config: ChipConfig) -> bytes:
    """Weights of `job` in the order of :class:`~intarsia.isa.kernel.ConvDescriptor`."""
    weights = op.weights[job.first : job.last]
    if job.diagonal:
        taps = weights.reshape(job.channels, -1)
        padded = np.pad(taps, [(0, -job.channels % config.columns), (0, 0)])
        blocks = padded.reshape(-1, config.columns, taps.shape[1])
        return blocks.transpose(0, 2, 1).tobytes()
    if job.sliding:
        lanes = np.zeros((job.channels, config.lanes), np.int8)
        window = lanes[:, : WINDOW * WINDOW].reshape(-1, WINDOW, WINDOW)
        window[:, : job.kernel[0], : job.kernel[1]] = weights[:, ::-1, ::-1, 0]
        return lanes.tobytes()
    seen = _expanded(op, job)
    rows = 1 if job.packed else job.kernel[0]
    runs = seen.reshape(job.channels, rows, 1 if job.dense else job.kernel[1], -1)
    lanes = np.pad(runs, [(0, 0)] * 3 + [(0, -runs.shape[3] % config.lanes)])
    chunks = lanes.reshape(job.channels, -1, config.lanes)
    return b"".join(
        chunks[start : start + config.columns].transpose(1, 0, 2).tobytes()
        for start in range(0, job.channels, config.columns)
    )


def _expanded(op: Conv, job: Job) -> np.ndarray:
    """Weights over all channels that the job sees, zero where a group does not see them."""
    per_group, depth = len(op.weights) // op.groups, op.weights.shape[3]
    expanded = np.zeros((job.channels, *job.kernel, job.depth), np.int8)
    for channel in range(job.first, job.last):
        start = channel // per_group * depth - job.source
        expanded[channel - job.first, ..., start : start + depth] = op.weights[channel]
    return expanded
