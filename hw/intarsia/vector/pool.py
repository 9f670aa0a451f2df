"""Taps of a pool reduced to one value per channel; and vectors handed on group by group."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Pool"]


class Pool(wiring.Component):
    """Reduces taps, and serves what comes of it to fewer lanes.

    Group n of a vector is looked at n cycles after the vector has entered, so that results leave
    one group per cycle, from the second cycle on. Nothing can stall it.

    Parameters
    ----------
    lanes : int
        Bytes of a vector.
    group : int
        Lanes of a group; divides `lanes`. Vectors marked ``last`` must enter at least ``lanes //
        group`` cycles apart.
    width : int
        Bits of a tap; of windows whose taps were reduced before, more than of a byte.

    Members
    -------
    valid_i : In(1)
    first, last, final : In(1)
        The vector is the first tap, the last tap, and in the last vector of the job.
    maximum : In(1)
        Take the maximum; else, the sum. Must not change until ``final_o``.
    a : In(data.ArrayLayout(signed(width), lanes))
        A tap.
    b : In(data.ArrayLayout(signed(8), lanes))
        A vector that goes along with a last tap.
    valid_o : Out(1)
    final_o : Out(1)
        The group is the last of the job.
    a_o, b_o : Out(data.ArrayLayout(signed(8), group))
        Of the last tap.
    reduced : Out(data.ArrayLayout(signed(32), group))
    """

    def __init__(self, *, lanes, group, width=8):
        if lanes % group:
            raise ValueError(f"Lanes must be whole groups, not {lanes!r} in groups of {group!r}")

        self.lanes = lanes
        self.group = group
        self._width = width
        super().__init__({
            "valid_i": In(1),
            "first": In(1),
            "last": In(1),
            "final": In(1),
            "maximum": In(1),
            "a": In(data.ArrayLayout(signed(width), lanes)),
            "b": In(data.ArrayLayout(signed(8), lanes)),
            "valid_o": Out(1),
            "final_o": Out(1),
            "a_o": Out(data.ArrayLayout(signed(8), group)),
            "b_o": Out(data.ArrayLayout(signed(8), group)),
            "reduced": Out(data.ArrayLayout(signed(32), group)),
        })

    def elaborate(self, platform):
        m = Module()
        groups = self.lanes // self.group

        valid, first, last, final = self.valid_i, self.first, self.last, self.final
        rest = Cat(self.a), Cat(self.b)
        own = self._width * self.group, 8 * self.group
        complete = Signal(groups)
        ready = Signal(groups)
        m.d.sync += ready.eq(complete)
        reduced = []
        for number in range(groups):
            done = complete[number]
            m.d.comb += done.eq(valid & last)

            a, b = (vectors[:size] for vectors, size in zip(rest, own, strict=True))
            taps = [tap.as_signed() for tap in _cut(a, self._width)]
            with m.If(done):
                m.d.sync += [Cat(self.a_o).eq(Cat(tap[:8] for tap in taps)), Cat(self.b_o).eq(b)]
            reduced.append(self._reduce(m, number, valid, first, taps))

            # The other groups wait for a cycle.
            if number + 1 < groups:
                held = []
                for name, vectors, size in zip("ab", rest, own, strict=True):
                    others = vectors[size:]
                    held.append(Signal(len(others), name=f"{name}_{number + 1}", reset_less=True))
                    with m.If(valid if name == "a" else done):
                        m.d.sync += held[-1].eq(others)
                rest = held
                flags = [Signal(name=f"{name}_{number + 1}") for name in FLAGS]
                m.d.sync += Cat(flags).eq(Cat(valid, first, last, final))
                valid, first, last, final = flags

        m.d.comb += self.valid_o.eq(ready.any())
        m.d.sync += self.final_o.eq(complete[-1] & final)
        for turn, values in zip(ready, reduced, strict=True):
            with m.If(turn):
                m.d.comb += self.reduced.eq(Cat(values))
        return m

    def _reduce(self, m, number, valid, first, taps):
        """Accumulators of one group."""
        values = []
        for lane, tap in enumerate(taps):
            value = Signal(
                signed(32), name=f"reduced_{number * self.group + lane}", reset_less=True
            )
            with m.If(valid):
                with m.If(first):
                    m.d.sync += value.eq(tap)
                with m.Elif(~self.maximum):
                    m.d.sync += value.eq(value + tap)
                with m.Elif(tap > value[:8].as_signed()):
                    m.d.sync += value.eq(tap)
            values.append(value)
        return values


def _cut(values, width):
    """Parts of `width` bits."""
    return [values[start : start + width] for start in range(0, len(values), width)]


#: What is known of a vector.
FLAGS = ("valid", "first", "last", "final")
