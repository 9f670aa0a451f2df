"""Convolutions as jobs of the engine: descriptors, and what must be in memory."""

from dataclasses import dataclass, replace

import numpy as np
from amaranth.lib import data

from intarsia.isa.bits import decode, encode
from intarsia.isa.config import ChipConfig
from intarsia.isa.kernel import PACKED_ROWS, PACKED_RUN, WEIGHTS, WINDOW, ConvDescriptor
from intarsia.isa.numerics import ChannelRecord, Rounding

__all__ = ["DoesNotFitError", "Layer", "packed", "random_layer"]

RECORD_BYTES = ChannelRecord.as_shape().size // 8


#: Bytes between pieces of weights.
GAP = 3


class DoesNotFitError(Exception):
    """The layer is too large for the memory."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A convolution. Pairs are vertical, horizontal. Each operand has a macro-bank of its own."""

    size: tuple[int, int]
    channels: int
    out_channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    group: tuple[int, int] | None = None  # first channel and number of channels that are seen
    diagonal: bool = False
    sliding: bool = False
    packed: bool = False
    striped: bool = False
    rounding: Rounding = Rounding.FP32
    zero_point: int = 0
    out_zero_point: int = 0
    low: int = -128
    high: int = 127
    row_gap: int = 0
    out_gap: int = 0
    offset: int = 0  # of the input within its macro-bank
    bank: int = 0  # of the input; the others follow

    def out_size(self) -> tuple[int, int]:
        height, width = (
            (size + before + after - (kernel - 1) * dilation - 1) // stride + 1
            for size, before, after, kernel, dilation, stride in zip(
                self.size,
                self.before,
                self.after,
                self.kernel,
                self.dilation,
                self.stride,
                strict=True,
            )
        )
        return height, width

    def descriptor(self, config: ChipConfig) -> data.Const:
        """Work of the engine. Raises DoesNotFitError."""
        out_height, out_width = self.out_size()
        first, channels = self.group or (0, self.channels)
        pitch = self.size[1] * self.channels + self.row_gap
        pad_left = self.before[1] * self.channels
        depthwise = self.diagonal or self.sliding
        dense = self.dilation[1] == 1 and channels == self.channels and not depthwise
        run = self.kernel[1] * channels if dense else 1 if depthwise else channels
        out_pixel = self.out_channels + self.out_gap
        places = [((self.bank + n) % config.macro_banks) * config.bank_bytes for n in range(4)]
        vectors = self._weight_vectors(config, run, 1 if dense else self.kernel[1])
        if self.striped:
            # One behind the other, the last one first.
            chunks = vectors // self.out_channels
            piece = chunks * sum(-(-n // config.weight_ports) for n in self._blocks(config))
            piece = piece * config.lanes + GAP
            vectors = config.weight_ports * -(-piece // config.lanes)
            starts = [places[1] + n * piece for n in reversed(range(config.weight_ports))]
        else:
            starts = [places[1]]
        needs = (
            self.offset + self.size[0] * pitch,
            vectors * config.lanes,
            self.out_channels * RECORD_BYTES,
            out_height * out_width * out_pixel,
        )
        if min(out_height, out_width) < 1 or max(needs) > config.bank_bytes:
            raise DoesNotFitError
        fields = dict(
            input={"offset": places[0] + self.offset},
            **{name: {"offset": start} for name, start in zip(WEIGHTS, starts, strict=False)},
            records={"offset": places[2]},
            output={"offset": places[3]},
            in_height=self.size[0],
            row_taps=self.kernel[0],
            x_taps=1 if dense else self.kernel[1],
            out_height=out_height,
            out_width=out_width,
            out_channels=self.out_channels,
            run=run,
            row_bytes=self.size[1] * self.channels,
            zero_point=self.zero_point,
            row_step=self.stride[0] * pitch,
            stride_y=self.stride[0],
            tap_row_step=self.dilation[0] * pitch,
            dilation_y=self.dilation[0],
            pixel_step=self.stride[1] * self.channels,
            pad_top=self.before[0],
            tap_step=0 if dense else self.dilation[1] * self.channels,
            rounding=self.rounding,
            diagonal=self.diagonal,
            sliding=self.sliding,
            packed=self.packed,
            striped=self.striped,
            pad_left=pad_left,
            origin=first - self.before[0] * pitch - pad_left,
            out_zero_point=self.out_zero_point,
            low=self.low,
            high=self.high,
            out_pixel_step=out_pixel,
            out_row_step=out_width * out_pixel,
        )
        return decode(ConvDescriptor, encode(ConvDescriptor, fields))

    def contents(self, config: ChipConfig, rng: np.random.Generator) -> dict[int, bytes]:
        """Random inputs, weights and records, by address; results are spread over int8."""
        work = self.descriptor(config)
        run = work.run * (work.row_taps if self.packed else 1)
        run_lanes = -(-run // config.lanes) * config.lanes
        vectors = self._weight_vectors(config, work.run, work.x_taps)
        weights = rng.integers(-128, 128, (vectors, config.lanes))
        if self.sliding:
            up, left = np.divmod(np.arange(config.lanes), WINDOW)
            weights[:, (up >= self.kernel[0]) | (left >= self.kernel[1])] = 0
        elif not self.diagonal:
            lanes = np.arange(run_lanes).reshape(-1, 1, config.lanes) < run
            at = 0
            for start in range(0, self.out_channels, config.columns):
                columns = min(config.columns, self.out_channels - start)
                rows = 1 if self.packed else work.row_taps
                chunks = rows * work.x_taps * (run_lanes // config.lanes)
                block = weights[at : at + chunks * columns].reshape(
                    -1, run_lanes // config.lanes, columns, config.lanes
                )
                block *= lanes
                at += chunks * columns
        products = work.row_taps * work.x_taps * work.run
        records = b"".join(self._record(products, rng) for _ in range(self.out_channels))
        bank = work.input.offset - self.offset
        pieces = self._pieces(config, weights, rng) if self.striped else [weights]
        return {
            bank: rng.bytes(config.bank_bytes),
            **{
                work[name].offset: piece.astype(np.int8).tobytes()
                for name, piece in zip(WEIGHTS, pieces, strict=False)
            },
            work.records.offset: records,
        }

    def _blocks(self, config: ChipConfig) -> list[int]:
        """Output channels of each block."""
        whole, rest = divmod(self.out_channels, config.columns)
        return [config.columns] * whole + [rest] * bool(rest)

    def _pieces(
        self, config: ChipConfig, weights: np.ndarray, rng: np.random.Generator
    ) -> list[np.ndarray]:
        """Columns of each chunk, dealt out to pieces, and anything for those that don't exist."""
        ports, chunks = config.weight_ports, len(weights) // self.out_channels
        pieces: list[list[np.ndarray]] = [[] for _ in range(ports)]
        at = 0
        for columns in self._blocks(config):
            block = weights[at : at + chunks * columns].reshape(chunks, columns, -1)
            at += chunks * columns
            rest = rng.integers(-128, 128, (chunks, -columns % ports, config.lanes))
            dealt = np.concatenate([block, rest], axis=1)
            for number, piece in enumerate(pieces):
                piece.append(dealt[:, number::ports].reshape(-1, config.lanes))
        return [np.concatenate(piece) for piece in pieces]

    def _weight_vectors(self, config: ChipConfig, run: int, x_taps: int) -> int:
        chunks = self.kernel[0] * x_taps * -(-run // config.lanes)
        if self.sliding:
            chunks = 1
        if self.packed:
            chunks = -(-self.kernel[0] * run // config.lanes)
        if self.diagonal:
            return chunks * -(-self.out_channels // config.columns)
        return chunks * self.out_channels

    def _record(self, products: int, rng: np.random.Generator) -> bytes:
        """Record that brings a sum of `products` products to the range of int8, or beyond it."""
        spread = 5500.0 * products**0.5
        scale = float(rng.choice([2.0, 40.0, 100.0, 300.0])) / spread
        multiplier, shift = _integers(self.rounding, scale)
        bias = int(rng.integers(-int(spread), int(spread) + 1))
        if rng.random() < 0.1:
            bias = int(rng.integers(-(1 << 31), 1 << 31))
        record = dict(bias=bias, multiplier=multiplier, shift=shift)
        return encode(ChannelRecord, record).to_bytes(RECORD_BYTES, "little")


def _integers(rounding: Rounding, scale: float) -> tuple[int, int]:
    """m and s for about `scale`."""
    fraction, exponent = np.frexp(scale)
    match rounding:
        case Rounding.FP32:
            return int(fraction * 2**24), int(24 - exponent)
        case Rounding.DOUBLE:
            return int(fraction * 2**31), int(exponent)
        case Rounding.MEAN:
            return int(fraction * 2**16), int(16 - exponent)
        case Rounding.HALF_UP:
            return int(fraction * 2**15), int(15 - exponent)


def random_layer(config: ChipConfig, rng: np.random.Generator, **fixed) -> Layer:
    """Any layer that fits the memory."""

    def pair(low: int, high: int) -> tuple[int, int]:
        return int(rng.integers(low, high)), int(rng.integers(low, high))

    while True:
        diagonal = bool(rng.random() < 0.3)
        sliding = bool(not diagonal and config.line_pixels and rng.random() < 0.3)
        channels = int(rng.integers(1, 3 * config.lanes))
        kernel = pair(1, WINDOW + 1) if sliding else pair(1, 5)
        low, high = sorted(int(n) for n in rng.integers(-128, 128, 2))
        clamp = rng.random() < 0.3
        first = int(rng.integers(channels))
        depthwise = diagonal or sliding
        grouped = not depthwise and rng.random() < 0.3
        most = kernel[0] - sliding, kernel[1] - sliding
        layer = dict(
            size=(int(rng.integers(1, 9)), int(rng.integers(2 if sliding else 1, 9))),
            channels=channels,
            out_channels=channels if depthwise else int(rng.integers(1, 3 * config.columns)),
            kernel=kernel,
            stride=pair(1, 4),
            dilation=(1, 1) if sliding else pair(1, 3),
            before=(int(rng.integers(most[0] + 1)), int(rng.integers(most[1] + 1))),
            after=(int(rng.integers(kernel[0] + 1)), int(rng.integers(kernel[1] + 1))),
            group=(first, int(rng.integers(1, channels - first + 1))) if grouped else None,
            diagonal=diagonal,
            sliding=sliding,
            rounding=Rounding(int(rng.integers(len(Rounding)))),
            zero_point=int(rng.integers(-128, 128)),
            out_zero_point=int(rng.integers(-128, 128)),
            low=low if clamp else -128,
            high=high if clamp else 127,
            striped=bool(config.weight_ports > 1 and not diagonal and rng.random() < 0.5),
            row_gap=int(rng.integers(4)),
            out_gap=int(rng.integers(4)),
            offset=int(rng.integers(64)),
            bank=int(rng.integers(config.macro_banks)),
        )
        candidate = Layer(**(layer | fixed))
        if config.packs and rng.random() < 0.3:
            candidate = packed(candidate, config) or candidate
        try:
            candidate.descriptor(config)
        except DoesNotFitError:
            continue
        return candidate


def packed(layer: Layer, config: ChipConfig) -> Layer | None:
    """`layer` with rows of the window one behind the other; None, where that is not possible."""
    run = layer.kernel[1] * layer.channels
    if layer.diagonal or layer.sliding or layer.group or layer.dilation[1] != 1 or run > PACKED_RUN:
        return None
    if run * PACKED_ROWS < config.lanes and layer.kernel[0] > PACKED_ROWS:
        return None
    line = layer.size[1] * layer.channels
    for gap in range(config.lanes):
        if (layer.dilation[0] * (line + gap) - run) % config.lanes == 0:
            return replace(layer, packed=True, row_gap=gap)
    return None
