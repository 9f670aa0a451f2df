"""From accumulators to int8, exactly as each numerics mode rounds."""

from functools import partial, reduce
from operator import or_
from types import SimpleNamespace

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.isa.numerics import Rounding

__all__ = ["Requantizer"]

#: Significant bits of float32.
FLOAT = 24

#: Bits of the multiplier's operands: accumulator (signed), and m (unsigned).
OPERAND, FACTOR = 33, 31

#: Bits of a product that count; all modes keep within them.
PRODUCT = 63

#: Fraction bits that SaturatingRoundingDoublingHighMul rounds away.
HIGH = 31

#: Bits of the rounded value: int8 and zero point, with room to see that it's beyond them.
ROUNDED = 10

#: Places of the last shift but one; it goes in steps of as many.
COARSE = 16


class Requantizer(wiring.Component):
    """Turns accumulators into int8, by the roundings of :class:`~intarsia.isa.numerics.Rounding`.

    One set of lanes enters per cycle, and leaves `latency` cycles later; nothing can stall it. All
    parameters belong to the values they enter with, and may change from cycle to cycle. Results
    hold their last value while ``valid_o`` is low.

    Results are exact for

    - FP32: every accumulator; m zero or of exactly 24 bits;
    - DOUBLE: m below 2**31, s in -32..31;
    - MEAN, as up to 2**20 values need it: ``abs(acc) + half`` below 2**32, m below 2**31, their
      product below 2**62, s in 0..62;
    - HALF_UP: accumulators of 33 bits, m below 2**31, a product within 63 bits, s in 1..62.

    Parameters
    ----------
    lanes : int
        Values per cycle.
    acc_width : int
        Bits of an accumulator, 33..64.

    Attributes
    ----------
    latency : int
        Cycles from ``valid_i`` to ``valid_o``.

    Members
    -------
    valid_i : In(1)
    acc : In(data.ArrayLayout(signed(acc_width), lanes))
    multiplier : In(data.ArrayLayout(32, lanes))
        m of the rounding mode.
    shift : In(data.ArrayLayout(signed(8), lanes))
        s of the rounding mode.
    rounding : In(Rounding)
    half : In(32)
        Half of the divisor (MEAN); ignored in other modes.
    zero_point, low, high : In(signed(8))
        Added to the rounded value; bounds of the result.
    valid_o : Out(1)
    values : Out(data.ArrayLayout(signed(8), lanes))
    """

    latency = 10

    def __init__(self, *, lanes, acc_width):
        if not isinstance(lanes, int) or lanes <= 0:
            raise TypeError(f"Lanes must be a positive integer, not {lanes!r}")
        if not isinstance(acc_width, int) or not OPERAND <= acc_width <= 64:
            raise ValueError(f"Accumulator width must be in {OPERAND}..64, not {acc_width!r}")

        self.lanes = lanes
        self.acc_width = acc_width
        super().__init__({
            "valid_i": In(1),
            "acc": In(data.ArrayLayout(signed(acc_width), lanes)),
            "multiplier": In(data.ArrayLayout(32, lanes)),
            "shift": In(data.ArrayLayout(signed(8), lanes)),
            "rounding": In(Rounding),
            "half": In(32),
            "zero_point": In(signed(8)),
            "low": In(signed(8)),
            "high": In(signed(8)),
            "valid_o": Out(1),
            "values": Out(data.ArrayLayout(signed(8), lanes)),
        })

    def elaborate(self, platform):
        m = Module()

        # What all lanes share, in each stage.
        stages = [
            SimpleNamespace(
                valid=self.valid_i,
                fp32=self.rounding == Rounding.FP32,
                double=self.rounding == Rounding.DOUBLE,
                mean=self.rounding == Rounding.MEAN,
                half=self.half,
                zero_point=self.zero_point,
                low=self.low,
                high=self.high,
            )
        ]
        for number in range(1, self.latency + 1):
            before = stages[-1]
            valid = Signal(name=f"valid_{number}")
            m.d.sync += valid.eq(before.valid)
            shared = {name: value for name, value in vars(before).items() if name != "valid"}
            stage = _register(m, before.valid, f"stage_{number}", shared)
            stages.append(SimpleNamespace(valid=valid, **vars(stage)))

        m.d.comb += self.valid_o.eq(stages[-1].valid)
        for number in range(self.lanes):
            lane = SimpleNamespace(
                acc=self.acc[number], factor=self.multiplier[number], shift=self.shift[number]
            )
            for index, (step, stage) in enumerate(zip(_STEPS, stages[:-1], strict=True), 1):
                lane = _register(m, stage.valid, f"lane_{number}_{index}", step(stage, lane))
            m.d.comb += self.values[number].eq(lane.value)

        return m


def _register(m, enable, prefix, values):
    """Registers of one stage, which keep still while nothing enters it."""
    registers = {
        name: Signal(Value.cast(value).shape(), name=f"{prefix}_{name}", reset_less=True)
        for name, value in values.items()
    }
    with m.If(enable):
        m.d.sync += [registers[name].eq(value) for name, value in values.items()]
    return SimpleNamespace(**registers)


def _magnitude(stage, lane):
    """Magnitude, where the mode rounds that; how far to shift, to the left and in the end."""
    width = len(lane.acc)
    negate = (stage.fp32 | stage.mean) & lane.acc[-1]
    half = Mux(stage.mean, stage.half, 0)
    left = Mux(stage.double & ~lane.shift[-1], lane.shift, 0)
    right = Mux(lane.shift[-1], -lane.shift, 0)
    return dict(
        x=((lane.acc ^ negate.replicate(width)).as_unsigned() + half + negate)[:width],
        negate=negate,
        left=left[:6],
        point=Mux(stage.double, HIGH + right, lane.shift),
        factor=lane.factor[:FACTOR],
    )


def _normalize(stage, lane, *, steps):
    """Left shift: in FP32 past the leading zeros, in other modes as far as was given."""
    x = lane.x
    left = []
    for step in steps:
        shifts = Mux(stage.fp32, ~x[-step:].any(), lane.left[exact_log2(step)])
        x = Mux(shifts, x << step, x)[: len(x)]
        left.append(shifts << exact_log2(step))
    others = lane.left & ~sum(steps)
    return dict(
        x=x,
        negate=lane.negate,
        left=reduce(or_, left, others)[:6],
        point=lane.point,
        factor=lane.factor,
    )


def _operand(stage, lane):
    """First rounding of FP32; final place of the binary point, as far as it matters."""
    excess = len(lane.x) - FLOAT
    kept, lost = lane.x[excess:], lane.x[:excess]
    up = lost[-1] & (lost[:-1].any() | kept[0])
    wrapped = lane.x[: OPERAND - 1].as_signed()
    exact = Mux(stage.double, wrapped, lane.x[:OPERAND].as_signed())
    point = lane.point + Mux(stage.fp32, lane.left - excess, 0)
    return dict(
        x=Mux(stage.fp32, kept + up, exact)[:OPERAND].as_signed(),
        negate=lane.negate,
        point=Mux(point < 0, 0, Mux(point > PRODUCT, PRODUCT, point))[:6],
        factor=lane.factor,
    )


def _product(stage, lane):
    return dict(x=(lane.x * lane.factor)[:PRODUCT], negate=lane.negate, point=lane.point)


def _round_product(stage, lane):
    """Second rounding of FP32, to 24 bits of 47 or 48; first rounding of DOUBLE."""
    long = lane.x[2 * FLOAT - 1]
    last = FLOAT - 1
    guard = Mux(long, lane.x[last], lane.x[last - 1])
    sticky = lane.x[: last - 1].any() | (long & lane.x[last - 1])
    up = stage.fp32 & guard & (sticky | Mux(long, lane.x[last + 1], lane.x[last]))
    ups = Cat(up & ~long, up & long, Const(0, HIGH - last - 3), stage.double)
    rounded = (lane.x[last:] + ups)[: PRODUCT - last]
    lost = HIGH - last
    return dict(
        x=Cat(
            lane.x[:last] & ~(stage.fp32 | stage.double).replicate(last),
            rounded[0] & ~(stage.fp32 & long) & ~stage.double,
            rounded[1:lost] & ~stage.double.replicate(lost - 1),
            rounded[lost:],
        ),
        negate=lane.negate,
        point=lane.point,
    )


def _shift_coarsely(stage, lane):
    """Right shift by multiples of `COARSE`, to a window whose first bit is worth a half or less."""
    x = Cat(Const(0, 1), lane.x)
    sign = lane.x[-1]
    places, window = lane.point[4:], COARSE + ROUNDED
    lost, beyond = [], []
    for index in range(1, 4):
        lost.append((places >= index) & x[(index - 1) * COARSE : index * COARSE].any())
        above = x[window + (index - 1) * COARSE : window + index * COARSE]
        beyond.append((places < index) & (above ^ sign.replicate(len(above))).any())
    return dict(
        x=(x.as_signed() >> Cat(Const(0, 4), places))[:window],
        lost=Cat(lost).any(),
        beyond=Cat(beyond).any(),
        sign=sign,
        negate=lane.negate,
        places=lane.point[:4],
    )


def _shift_finely(stage, lane):
    """Rest of the right shift; last rounding."""
    below = (~(Const(-1, signed(COARSE)) << lane.places))[:COARSE]
    lost = lane.lost | (lane.x[:COARSE] & below).any()
    above = lane.x[ROUNDED:] ^ lane.sign.replicate(COARSE)
    shifted = (lane.x >> lane.places)[: ROUNDED + 1]
    half, value = shifted[0], shifted[1:]
    return dict(
        x=value ^ lane.negate.replicate(ROUNDED),
        up=lane.negate
        ^ (
            half & ~stage.mean & Mux(stage.fp32, lost | value[0], ~stage.double | lost | ~lane.sign)
        ),
        beyond=lane.beyond | (above & ~below).any(),
        negative=lane.sign ^ lane.negate,
    )


def _sum(stage, lane):
    value = lane.x.as_signed() + stage.zero_point + Cat(lane.up, Const(0, 1)).as_signed()
    return dict(x=value, beyond=lane.beyond, negative=lane.negative)


def _clamp(stage, lane):
    below = Mux(lane.beyond, lane.negative, lane.x < stage.low)
    above = Mux(lane.beyond, ~lane.negative, lane.x > stage.high)
    return dict(value=Mux(above, stage.high, Mux(below, stage.low, lane.x[:8].as_signed()))[:8])


#: What is between the registers.
_STEPS = (
    _magnitude,
    partial(_normalize, steps=(32, 16, 8)),
    partial(_normalize, steps=(4, 2, 1)),
    _operand,
    _product,
    _round_product,
    _shift_coarsely,
    _shift_finely,
    _sum,
    _clamp,
)
