"""Sums of two scaled values, exactly as each numerics mode forms them."""

from types import SimpleNamespace

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ACC", "ScaleAdd"]

#: Bits of a sum.
ACC = 48

#: Significant bits of float32.
FLOAT = 24

#: The largest right shift of a term that still matters.
SHIFT_MAX = 31

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

    latency = 6

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
        valid = Cat(self.valid_i, Signal(self.latency, name="valid"))
        final = Cat(self.final_i, Signal(self.latency, name="final"))
        m.d.sync += [valid[1:].eq(valid[:-1]), final[1:].eq(final[:-1])]
        m.d.comb += [self.valid_o.eq(valid[-1]), self.final_o.eq(final[-1])]

        # Parameters that all lanes share.
        mask_a, shift_a = self._shift(m, "a", self.shift_a)
        mask_b, shift_b = self._shift(m, "b", self.shift_b)
        shared = SimpleNamespace(mask_a=mask_a, mask_b=mask_b, shift_a=shift_a, shift_b=shift_b)

        steps = (self._center, self._scale, self._bias, self._weigh, self._round, self._add)
        for number in range(self.lanes):
            lane = SimpleNamespace(a=self.a[number], b=self.b[number], reduced=self.reduced[number])
            for index, step in enumerate(steps):
                values = step(lane, shared)
                lane = SimpleNamespace(**{
                    name: Signal(
                        value.shape(), name=f"lane_{number}_{index}_{name}", reset_less=True
                    )
                    for name, value in values.items()
                })
                with m.If(valid[index]):
                    m.d.sync += [getattr(lane, name).eq(value) for name, value in values.items()]
            m.d.comb += self.acc[number].eq(lane.acc)
        return m

    def _shift(self, m, name, given):
        """Places to shift by, and a mask of the bits that are shifted out."""
        places = Signal(range(SHIFT_MAX + 1), name=f"places_{name}")
        mask = Signal(SHIFT_MAX, name=f"mask_{name}")
        with m.If(self.rescale):
            m.d.comb += places.eq(Mux(given > SHIFT_MAX, SHIFT_MAX, given))
            m.d.comb += mask.eq((1 << places) - 1)
        return mask, places

    def _center(self, lane, shared):
        return dict(a=lane.a - self.zero_a, b=lane.b - self.zero_b, reduced=lane.reduced)

    def _scale(self, lane, shared):
        return dict(
            a=Mux(self.add, lane.a * self.scale_a, 0),
            b=Mux(self.add, lane.b * self.scale_b, lane.reduced),
        )

    def _bias(self, lane, shared):
        half = 1 << PRESHIFT - 1
        a = lane.a + Mux(self.rescale, half, 0)
        b = (lane.b + Mux(self.rescale, half, self.bias))[:ACC].as_signed()
        return dict(a=Mux(self.rescale, a >> PRESHIFT, a), b=Mux(self.rescale, b >> PRESHIFT, b))

    def _weigh(self, lane, shared):
        """Which bits of b don't count."""
        magnitude = lane.b ^ lane.b[-1].replicate(ACC)
        smeared = magnitude[FLOAT : ACC - 1]
        places = 1
        while places < len(smeared):
            smeared = smeared | smeared >> places
            places *= 2
        return dict(a=lane.a, b=lane.b, mask=Mux(self.round, smeared, shared.mask_b))

    def _round(self, lane, shared):
        """Rounding: to even where b is rounded as float32 is, else away from zero."""
        last = lane.mask ^ (lane.mask << 1 | 1)
        even = (lane.b[: len(last)] & last).any()
        up_a = ~lane.a[-1] & shared.mask_a[0]
        up_b = lane.mask[0] & Mux(self.round, even, ~lane.b[-1])
        b = (lane.b + (lane.mask >> 1) + up_b)[:ACC]
        kept = ~lane.mask | ~self.round.replicate(len(lane.mask))
        return dict(
            a=lane.a + (shared.mask_a >> 1) + up_a,
            b=(b & Cat(kept, Const(~0, ACC - len(kept)))).as_signed(),
        )

    def _add(self, lane, shared):
        return dict(acc=((lane.a >> shared.shift_a) + (lane.b >> shared.shift_b))[:ACC].as_signed())
