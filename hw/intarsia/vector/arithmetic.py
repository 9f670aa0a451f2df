"""From taps to results: what is computed, without where it comes from and goes to."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.requantizer import Requantizer
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.isa.instruction import VectorOp
from intarsia.isa.numerics import Rounding
from intarsia.vector.front import ACC, ScaleAdd
from intarsia.vector.pool import Pool

__all__ = ["Arithmetic"]


class Arithmetic(wiring.Component):
    """Reduces taps, or adds, and requantizes.

    A vector of results takes as many cycles as it has groups; nothing can stall it.

    Parameters
    ----------
    lanes : int
        Bytes of a vector.
    group : int
        Values requantized per cycle; divides `lanes`.
    width : int
        Bits of a tap.

    Attributes
    ----------
    latency : int
        Cycles from a group of the pool to its results.

    Members
    -------
    opcode : In(8)
    work : In(VectorDescriptor)
        The job, to be held until ``passed``.
    clear : In(1)
        Forget taps.
    free : Out(1)
        A vector that is ``last`` may enter.
    valid_i, first, last, final : In(1)
    a : In(data.ArrayLayout(signed(width), lanes))
    b : In(data.ArrayLayout(signed(8), lanes))
        As in :class:`Pool`.
    passed : Out(1)
        The last values of the job enter the requantizer.
    o : Out(stream.Signature(data.ArrayLayout(signed(8), group), always_ready=True))
    """

    latency = ScaleAdd.latency + Requantizer.latency

    def __init__(self, *, lanes, group, width):
        self.lanes = lanes
        self.group = group
        self._pool = Pool(lanes=lanes, group=group, width=width)
        values = data.ArrayLayout(signed(8), group)
        super().__init__({
            "opcode": In(8),
            "work": In(VectorDescriptor),
            "clear": In(1),
            "free": Out(1),
            "valid_i": In(1),
            "first": In(1),
            "last": In(1),
            "final": In(1),
            "a": In(data.ArrayLayout(signed(width), lanes)),
            "b": In(data.ArrayLayout(signed(8), lanes)),
            "passed": Out(1),
            "o": Out(stream.Signature(values, always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        pool = self._pool
        m.submodules.pool = ResetInserter(self.clear)(pool)
        m.submodules.front = front = ScaleAdd(lanes=self.group)
        m.submodules.requantizer = requantizer = Requantizer(lanes=self.group, acc_width=ACC)
        work = self.work
        add, maximum = (self.opcode == opcode for opcode in (VectorOp.ADD, VectorOp.POOL_MAX))

        busy = Signal(range(max(2, self.lanes // self.group)))
        m.d.comb += self.free.eq(busy == 0)
        with m.If(self.valid_i & self.last):
            m.d.sync += busy.eq(self.lanes // self.group - 1)
        with m.Elif(busy != 0):
            m.d.sync += busy.eq(busy - 1)

        m.d.comb += pool.maximum.eq(maximum)
        for name in ("valid_i", "first", "last", "final", "a", "b"):
            m.d.comb += getattr(pool, name).eq(getattr(self, name))

        # Maxima pass the requantizer as means of one.
        swapped = work.swapped
        m.d.comb += [
            front.valid_i.eq(pool.valid_o),
            front.final_i.eq(pool.final_o),
            front.a.eq(Mux(swapped, Value.cast(pool.b_o), Value.cast(pool.a_o))),
            front.b.eq(Mux(swapped, Value.cast(pool.a_o), Value.cast(pool.b_o))),
            front.reduced.eq(pool.reduced),
            front.add.eq(add),
            front.round.eq(add & (work.rounding == Rounding.FP32)),
            front.rescale.eq(add & (work.rounding == Rounding.DOUBLE)),
            front.bias.eq(Mux(maximum, 0, work.bias)),
            self.passed.eq(front.valid_o & front.final_o),
            requantizer.valid_i.eq(front.valid_o),
            requantizer.acc.eq(front.acc),
            requantizer.rounding.eq(work.rounding),
            requantizer.half.eq(work.scale_a),
            requantizer.zero_point.eq(work.out_zero_point),
            requantizer.low.eq(work.low),
            requantizer.high.eq(work.high),
            self.o.valid.eq(requantizer.valid_o),
            self.o.p.eq(requantizer.values),
        ]
        for name in ("zero_a", "zero_b", "scale_a", "scale_b", "shift_a", "shift_b"):
            m.d.comb += getattr(front, name).eq(getattr(work, name))
        for lane in range(self.group):
            m.d.comb += requantizer.multiplier[lane].eq(Mux(maximum, 1, work.multiplier))
            m.d.comb += requantizer.shift[lane].eq(Mux(maximum, 0, work.shift))
        with m.If(maximum):
            m.d.comb += [
                requantizer.rounding.eq(Rounding.MEAN),
                requantizer.half.eq(0),
                requantizer.zero_point.eq(0),
            ]
        return m
