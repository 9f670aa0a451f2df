"""From accumulators to int8, exactly as each numerics mode rounds."""

from functools import partial
from types import SimpleNamespace

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.common.pipeline import register_lanes
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

    latency = 15

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

        # What lanes share or pass on, in each stage: one register for all of them.
        stage = SimpleNamespace(
            fp32=Signal(name="is_fp32"),
            double=Signal(name="is_double"),
            mean=Signal(name="is_mean"),
            half=Signal(32, name="half_of_mean"),
            negates=Signal(self.lanes, name="is_negated"),
            factors=Cat(factor[:FACTOR] for factor in self.multiplier),
            shifts=Cat(self.shift),
            zero_point=self.zero_point,
            low=self.low,
            high=self.high,
        )
        negative = Cat(acc[-1] for acc in self.acc)
        m.d.comb += [
            stage.fp32.eq(self.rounding == Rounding.FP32),
            stage.double.eq(self.rounding == Rounding.DOUBLE),
            stage.mean.eq(self.rounding == Rounding.MEAN),
            stage.half.eq(Mux(stage.mean, self.half, 0)),
            stage.negates.eq(Mux(stage.fp32 | stage.mean, negative, 0)),
        ]

        valid = self.valid_i
        lanes = [SimpleNamespace(acc=acc) for acc in self.acc]
        for index, step in enumerate(_STEPS, 1):
            for number, lane in enumerate(lanes):
                lane.negate = stage.negates[number]
                lane.factor = stage.factors.word_select(number, FACTOR)
                lane.shift = stage.shifts.word_select(number, 8).as_signed()
            lanes = register_lanes(
                m, valid, f"after_{index}", [step(stage, lane) for lane in lanes]
            )
            [stage] = register_lanes(m, valid, f"shared_{index}", [vars(stage)])
            last, valid = valid, Signal(name=f"valid_{index}")
            m.d.sync += valid.eq(last)

        m.d.comb += self.valid_o.eq(valid)
        m.d.comb += [self.values[number].eq(lane.value) for number, lane in enumerate(lanes)]
        return m


def _magnitude(stage, lane):
    """Magnitude, where the mode rounds that; plus half of the divisor of a mean."""
    width = len(lane.acc)
    x = Mux(lane.negate, ~lane.acc, lane.acc).as_unsigned()
    return dict(x=(x + stage.half + lane.negate)[:width], left=Const(0, 1))


def _normalize(stage, lane, *, step):
    """Left shift by `step`: in FP32 if there are as many leading zeros, in DOUBLE if it's given."""
    given = stage.double & ~lane.shift[-1] & lane.shift[exact_log2(step)]
    shifts = Mux(stage.fp32, ~lane.x[-step:].any(), given)
    return dict(
        x=Mux(shifts, lane.x << step, lane.x)[: len(lane.x)],
        left=Cat(shifts, lane.left),
    )


def _operand(stage, lane):
    """First rounding of FP32; place of the binary point."""
    excess = len(lane.x) - FLOAT
    kept, lost = lane.x[excess:], lane.x[:excess]
    up = lost[-1] & (lost[:-1].any() | kept[0])
    wrapped = lane.x[: OPERAND - 1].as_signed()
    exact = Mux(stage.double, wrapped, lane.x[:OPERAND].as_signed())
    right = HIGH + Mux(lane.shift[-1], -lane.shift, 0)
    left = Mux(stage.fp32, lane.left - excess, 0)
    return dict(
        x=Mux(stage.fp32, kept + up, exact)[:OPERAND].as_signed(),
        point=Mux(stage.double, right, lane.shift + left),
    )


def _product(stage, lane):
    """Product; place of the binary point, as far as it matters."""
    point = Mux(lane.point > PRODUCT, PRODUCT, lane.point)
    return dict(
        x=(lane.x * lane.factor)[:PRODUCT],
        point=Mux(lane.point < 0, 0, point)[:6],
    )


def _look_at_product(stage, lane):
    """What the second rounding of FP32, to 24 bits of 47 or 48, and the first of DOUBLE add."""
    long = lane.x[2 * FLOAT - 1]
    last = FLOAT - 1
    guard = Mux(long, lane.x[last], lane.x[last - 1])
    sticky = lane.x[: last - 1].any() | (long & lane.x[last - 1])
    lost = Mux(stage.fp32, Mux(long, (1 << FLOAT) - 1, (1 << last) - 1), 0)
    lost = Mux(stage.double, (1 << HIGH) - 1, lost)
    return dict(
        x=Cat(lane.x[:HIGH] & ~lost, lane.x[HIGH:]),
        up=stage.fp32 & guard & (sticky | Mux(long, lane.x[last + 1], lane.x[last])),
        up_high=stage.double & lane.x[HIGH - 1],
        point=lane.point,
    )


def _round_product(stage, lane):
    long = lane.x[2 * FLOAT - 1]
    last = FLOAT - 1
    ups = Cat(lane.up & ~long, lane.up & long, Const(0, HIGH - last - 2), lane.up_high)
    return dict(
        x=Cat(lane.x[:last], (lane.x[last:] + ups)[: PRODUCT - last]),
        point=lane.point,
    )


def _shift_coarsely(stage, lane):
    """Right shift by multiples of `COARSE`, to a window that begins with a bit worth a half."""
    x = Cat(Const(0, 1), lane.x)
    sign = lane.x[-1]
    places, window = lane.point[4:], COARSE + ROUNDED
    lost, beyond = [], []
    for index in range(1, 4):
        lost.append((places >= index) & x[(index - 1) * COARSE : index * COARSE].any())
        above = x[window + (index - 1) * COARSE : window + index * COARSE]
        beyond.append((places < index) & Mux(sign, ~above.all(), above.any()))
    return dict(
        x=(x.as_signed() >> Cat(Const(0, 4), places))[:window],
        lost=Cat(lost).any(),
        beyond=Cat(beyond).any(),
        sign=sign,
        places=lane.point[:4],
    )


def _shift_finely(stage, lane):
    below = ((1 << lane.places) - 1)[:COARSE]
    above = Mux(lane.sign, ~lane.x[ROUNDED:], lane.x[ROUNDED:])
    return dict(
        x=(lane.x >> lane.places)[: ROUNDED + 1],
        lost=lane.lost | (lane.x[:COARSE] & below).any(),
        beyond=lane.beyond | (above & ~below).any(),
        sign=lane.sign,
    )


def _sum(stage, lane):
    """Last rounding; sign; zero point."""
    half, value = lane.x[0], lane.x[1:]
    up = ~stage.double | lane.lost | ~lane.sign
    up = half & ~stage.mean & Mux(stage.fp32, lane.lost | value[0], up)
    value = Mux(lane.negate, ~value, value).as_signed()
    return dict(
        x=value + stage.zero_point + Cat(up ^ lane.negate, Const(0, 1)).as_signed(),
        beyond=lane.beyond,
        negative=lane.sign ^ lane.negate,
    )


def _clamp(stage, lane):
    below = Mux(lane.beyond, lane.negative, lane.x < stage.low)
    above = Mux(lane.beyond, ~lane.negative, lane.x > stage.high)
    return dict(value=Mux(above, stage.high, Mux(below, stage.low, lane.x[:8].as_signed()))[:8])


#: What is between the registers.
_STEPS = (
    _magnitude,
    *(partial(_normalize, step=step) for step in (32, 16, 8, 4, 2, 1)),
    _operand,
    _product,
    _look_at_product,
    _round_product,
    _shift_coarsely,
    _shift_finely,
    _sum,
    _clamp,
)
