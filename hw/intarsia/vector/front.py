"""Sums of two scaled values, exactly as each numerics mode forms them."""

from functools import reduce
from operator import or_
from types import SimpleNamespace

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.common.pipeline import register_lanes

__all__ = ["ACC", "ScaleAdd"]

#: Bits of a sum.
ACC = 48

#: Significant bits of float32.
FLOAT = 24

#: The largest right shift of a term that still matters.
SHIFT_MAX = 31

#: Places of the first of both shifts; it goes in steps of as many.
COARSE = 8

#: Bits above a bit that are looked at in the first of two steps; squared, it covers all of them.
SMEAR = 5

#: Bits that are rounded away from each product first, in a sum of rescaled terms.
PRESHIFT = 11


class ScaleAdd(wiring.Component):
    """Forms the accumulators of an ADD, as :mod:`intarsia.isa.elementwise` defines them.

    One set of lanes enters per cycle, and leaves `latency` cycles later; nothing can stall it. The
    parameters must keep still while values are inside.

    Parameters
    ----------
    lanes : int
        Values per cycle.

    Attributes
    ----------
    latency : int
        Cycles from ``valid_i`` to ``valid_o``.

    Members
    -------
    valid_i, final_i : In(1)
    a, b : In(data.ArrayLayout(signed(8), lanes))
    reduced : In(data.ArrayLayout(signed(32), lanes))
        What to pass on, plus ``bias``, where ``add`` is low.
    add : In(1)
    rescale : In(1)
        Each product is rounded and shifted, rounded again (DOUBLE).
    round : In(1)
        The sum of product b and bias is rounded to 24 significant bits (FP32).
    zero_a, zero_b : In(signed(8))
    scale_a, scale_b : In(signed(32))
    shift_a, shift_b : In(8)
    bias : In(signed(48))
    valid_o, final_o : Out(1)
    acc : Out(data.ArrayLayout(signed(48), lanes))
    """

    latency = 9

    def __init__(self, *, lanes):
        self.lanes = lanes
        super().__init__({
            "valid_i": In(1),
            "final_i": In(1),
            "a": In(data.ArrayLayout(signed(8), lanes)),
            "b": In(data.ArrayLayout(signed(8), lanes)),
            "reduced": In(data.ArrayLayout(signed(32), lanes)),
            "add": In(1),
            "rescale": In(1),
            "round": In(1),
            "zero_a": In(signed(8)),
            "zero_b": In(signed(8)),
            "scale_a": In(signed(32)),
            "scale_b": In(signed(32)),
            "shift_a": In(8),
            "shift_b": In(8),
            "bias": In(signed(ACC)),
            "valid_o": Out(1),
            "final_o": Out(1),
            "acc": Out(data.ArrayLayout(signed(ACC), lanes)),
        })

    def elaborate(self, platform):
        m = Module()

        # Bits that are shifted out of rescaled terms, and by how many places.
        shared = SimpleNamespace()
        for name, given in (("a", self.shift_a), ("b", self.shift_b)):
            places = Signal(range(SHIFT_MAX + 1), name=f"places_{name}")
            mask = Signal(SHIFT_MAX, name=f"mask_{name}")
            with m.If(self.rescale):
                m.d.comb += places.eq(Mux(given > SHIFT_MAX, SHIFT_MAX, given))
                m.d.comb += mask.eq((1 << places) - 1)
            setattr(shared, f"places_{name}", places)
            setattr(shared, f"mask_{name}", mask)

        steps = (
            self._center,
            self._scale,
            self._bias,
            self._look,
            self._smear,
            self._mask,
            self._round,
            self._shift_coarsely,
            self._add,
        )
        valid, final = self.valid_i, self.final_i
        lanes = [
            SimpleNamespace(a=a, b=b, reduced=reduced)
            for a, b, reduced in zip(self.a, self.b, self.reduced, strict=True)
        ]
        for index, step in enumerate(steps, 1):
            values = [step(lane, shared) for lane in lanes]
            lanes = register_lanes(m, valid, f"after_{index}", values)
            flags = Signal(2, name=f"flags_{index}")
            m.d.sync += flags.eq(Cat(valid, final))
            valid, final = flags

        m.d.comb += [self.valid_o.eq(valid), self.final_o.eq(final)]
        m.d.comb += [self.acc[number].eq(lane.acc) for number, lane in enumerate(lanes)]
        return m

    def _center(self, lane, shared):
        return dict(a=lane.a - self.zero_a, b=lane.b - self.zero_b, reduced=lane.reduced)

    def _scale(self, lane, shared):
        return dict(
            a=Mux(self.add, lane.a * self.scale_a, 0),
            b=Mux(self.add, lane.b * self.scale_b, lane.reduced),
        )

    def _bias(self, lane, shared):
        half = 1 << PRESHIFT - 1
        return dict(
            a=lane.a + Mux(self.rescale, half, 0),
            b=(lane.b + Mux(self.rescale, half, self.bias))[:ACC].as_signed(),
        )

    def _look(self, lane, shared):
        """Magnitude of b, as far as bits that count to 24 can begin there."""
        above = lane.b[FLOAT : ACC - 1]
        return dict(
            a=Mux(self.rescale, lane.a >> PRESHIFT, lane.a),
            b=Mux(self.rescale, lane.b >> PRESHIFT, lane.b),
            above=Mux(lane.b[-1], ~above, above),
        )

    def _smear(self, lane, shared):
        """Bits 24 places below one that's set don't count: a first part of them."""
        above = (lane.above >> places for places in range(SMEAR))
        return dict(a=lane.a, b=lane.b, above=reduce(or_, above))

    def _mask(self, lane, shared):
        """All bits of b that don't count."""
        above = (lane.above >> places for places in range(0, len(lane.above), SMEAR))
        return dict(a=lane.a, b=lane.b, mask=Mux(self.round, reduce(or_, above), shared.mask_b))

    def _round(self, lane, shared):
        """Rounding: to even where b is rounded as float32 is, else away from zero."""
        last = lane.mask ^ (lane.mask << 1 | 1)
        even = (lane.b[: len(last)] & last).any()
        up_a = ~lane.a[-1] & shared.mask_a[0]
        up_b = lane.mask[0] & Mux(self.round, even, ~lane.b[-1])
        b = lane.b + (lane.mask >> 1) + up_b
        lost = Mux(self.round, lane.mask, 0)
        return dict(
            a=lane.a + (shared.mask_a >> 1) + up_a,
            b=Cat(b[: len(lost)] & ~lost, b[len(lost) : ACC]).as_signed(),
        )

    def _shift_coarsely(self, lane, shared):
        zeros = Const(0, exact_log2(COARSE))
        return dict(
            a=lane.a >> Cat(zeros, shared.places_a[len(zeros) :]),
            b=lane.b >> Cat(zeros, shared.places_b[len(zeros) :]),
        )

    def _add(self, lane, shared):
        bits = exact_log2(COARSE)
        a, b = lane.a >> shared.places_a[:bits], lane.b >> shared.places_b[:bits]
        return dict(acc=(a + b)[:ACC].as_signed())
