"""Jobs of the vector engine: random ones, with the integers that each numerics mode brings."""

from dataclasses import dataclass

from intarsia.golden.requantize import reciprocal
from intarsia.isa.instruction import VectorOp
from intarsia.isa.numerics import Rounding

__all__ = [
    "Axis",
    "Shape",
    "addition",
    "maximum",
    "random_axis",
    "random_job",
    "random_shape",
    "total",
    "windows",
]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Output, window and strides; and bytes left between pixels and rows."""

    height: int = 1
    width: int = 1
    channels: int = 1
    taps: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    pixel_gap: int = 0
    row_gap: int = 0


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Windows along one axis of a map: rows of the map, of a window, of padding before it.

    There are as many windows as have a row of the map, or `most`.
    """

    rows: int
    span: int = 1
    stride: int = 1
    before: int = 0
    most: int = 1 << 16

    @property
    def count(self):
        """Windows there are."""
        return min((self.rows - 1 + self.before) // self.stride + 1, self.most)

    @property
    def open(self):
        """Windows that begin before the first of them ends."""
        return -(-self.span // self.stride)

    def fields(self):
        """As the descriptor has them."""
        return dict(
            begun=min(self.before // self.stride + 1, self.count),
            wait=self.stride - self.before % self.stride,
            left=self.span - self.before,
            stride=self.stride,
        )


def random_axis(rng, *, rows=9, span=5):
    """Any windows, of which some may be cut off, and rows that are in none."""
    span = int(rng.integers(1, span + 1))
    return Axis(
        rows=int(rng.integers(1, rows + 1)),
        span=span,
        stride=int(rng.integers(1, 4)),
        before=int(rng.integers(0, span)),
        most=int(rng.choice([1 << 16, 1 << 16, 2])),
    )


def windows(down, across):
    """Fields of a chained pool that say where its windows are."""
    return dict(
        out_height=down.count,
        out_width=across.count,
        taps_y=down.rows,
        taps_x=across.rows,
        down=down.fields(),
        across=across.fields(),
    )


def random_shape(rng, *, largest=4, channels=40, taps=3):
    """Any small shape."""
    return Shape(
        height=int(rng.integers(1, largest + 1)),
        width=int(rng.integers(1, largest + 1)),
        channels=int(rng.integers(1, channels + 1)),
        taps=(int(rng.integers(1, taps + 1)), int(rng.integers(1, taps + 1))),
        strides=(int(rng.integers(1, 3)), int(rng.integers(1, 3))),
        pixel_gap=int(rng.choice([0, 0, 1, 5])),
        row_gap=int(rng.choice([0, 0, 3])),
    )


def _walk(bench, shape):
    """Fields that say where bytes are: `a` in macro-bank 0, `b` in 1, the output in 2."""
    pixel = shape.channels + shape.pixel_gap
    columns = (shape.width - 1) * shape.strides[1] + shape.taps[1]
    pitch = columns * pixel + shape.row_gap
    rows = (shape.height - 1) * shape.strides[0] + shape.taps[0]
    assert rows * pitch + 16 < bench.config.bank_bytes
    a, b, output = (bench.bank(n) + int(bench.rng.integers(0, 16)) for n in range(3))
    return dict(
        a=dict(offset=a),
        b=dict(offset=b),
        output=dict(offset=output),
        out_height=shape.height,
        out_width=shape.width,
        channels=shape.channels,
        taps_y=shape.taps[0],
        taps_x=shape.taps[1],
        pixel_step=shape.strides[1] * pixel,
        row_step=shape.strides[0] * pitch,
        tap_step=pixel,
        tap_row_step=pitch,
        out_pixel_step=pixel,
        out_row_step=shape.width * pixel + shape.row_gap,
    )


def _bounds(rng):
    low, high = sorted(rng.integers(-128, 128, 2).tolist()) if rng.random() < 0.3 else (-128, 127)
    return dict(low=low, high=high, out_zero_point=int(rng.integers(-128, 128)))


def addition(bench, shape, rounding):
    """ADD. Its factors are as large as the mode lets them be, or smaller."""
    rng = bench.rng
    integers = {
        Rounding.FP32: _float_addition,
        Rounding.HALF_UP: _single_addition,
        Rounding.DOUBLE: _double_addition,
    }[rounding](rng)
    zeros = dict(zero_a=int(rng.integers(-128, 128)), zero_b=int(rng.integers(-128, 128)))
    walk = _walk(bench, shape) | dict(taps_y=1, taps_x=1)
    walk["b"] = dict(offset=bench.bank(1) + int(rng.integers(0, 16)))
    return VectorOp.ADD, walk | zeros | integers | _bounds(rng) | dict(rounding=rounding)


def _float_addition(rng):
    bits = rng.integers(8, 31)
    power = rng.random() < 0.2
    scale_a, scale_b = (
        int(rng.integers(1 << bits, 2 << bits)) >> int(rng.integers(0, 7)) for _ in "ab"
    )
    return dict(
        scale_a=scale_a & 0x7FFFFFFF,
        scale_b=(1 << bits) & 0x7FFFFFFF if power else scale_b & 0x7FFFFFFF,
        bias=int(rng.integers(-1 << 45, 1 << 45)) >> int(rng.integers(46 - min(bits + 8, 45), 46)),
        multiplier=1 << 23,
        shift=int(bits) + 23 + int(rng.integers(-2, 2)),
    )


def _single_addition(rng):
    return dict(
        scale_a=int(rng.integers(1, 1 << 21)),
        scale_b=int(rng.integers(1 << 20, 1 << 21)),
        bias=int(rng.integers(-1000, 1000)),
        multiplier=1,
        shift=int(rng.integers(13, 23)),
    )


def _double_addition(rng):
    shifts = [0, int(rng.integers(0, 32) if rng.random() < 0.5 else rng.integers(0, 4))]
    rng.shuffle(shifts)
    return dict(
        scale_a=int(rng.integers(1 << 30, (1 << 31) - 1)) if rng.random() < 0.7 else 1 << 30,
        scale_b=int(rng.integers(1 << 30, (1 << 31) - 1)) if rng.random() < 0.7 else 1 << 30,
        shift_a=int(shifts[0]),
        shift_b=int(shifts[1]),
        multiplier=int(rng.integers(1 << 30, 1 << 31)),
        shift=-int(rng.integers(17, 23)),
    )


def total(bench, shape, rounding):
    """POOL_SUM."""
    rng = bench.rng
    count = shape.taps[0] * shape.taps[1]
    zero = int(rng.integers(-128, 128))
    bits = max(count - 1, 0).bit_length()
    match rounding:
        case Rounding.MEAN:
            multiplier, shift = reciprocal(count, 128 * count + count // 2)
            integers = dict(scale_a=count // 2, multiplier=multiplier, shift=shift, bias=0)
        case Rounding.FP32:
            multiplier = int(rng.integers(1 << 23, 1 << 24))
            integers = dict(multiplier=multiplier, shift=23 + bits, bias=-zero * count)
        case Rounding.DOUBLE:
            multiplier = int(rng.integers(1 << 30, 1 << 31))
            integers = dict(multiplier=multiplier, shift=-bits, bias=-zero * count)
        case Rounding.HALF_UP:
            multiplier = int(rng.integers(1 << 15, 1 << 16))
            integers = dict(multiplier=multiplier, shift=16 + bits, bias=-zero * count)
    bounds = _bounds(rng)
    return VectorOp.POOL_SUM, _walk(bench, shape) | integers | bounds | dict(rounding=rounding)


def maximum(bench, shape):
    """POOL_MAX, with fields that it ignores not zero."""
    rounds = dict(multiplier=0xFFFFFFFF, shift=7, bias=-1, scale_a=99, scale_b=3)
    return VectorOp.POOL_MAX, _walk(bench, shape) | _bounds(bench.rng) | rounds


def random_job(bench):
    """Any of them."""
    shape = random_shape(bench.rng)
    adds = [Rounding.FP32, Rounding.DOUBLE, Rounding.HALF_UP]
    match bench.rng.integers(0, 3):
        case 0:
            return addition(bench, shape, adds[bench.rng.integers(0, len(adds))])
        case 1:
            return maximum(bench, shape)
        case _:
            return total(bench, shape, list(Rounding)[bench.rng.integers(0, len(Rounding))])
