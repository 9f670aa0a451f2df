"""From sums to bytes: bias, requantization, and the bytes of a pixel put together again."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.requantizer import Requantizer
from intarsia.conv.accumulator import ACCUMULATOR
from intarsia.isa.kernel import ConvDescriptor
from intarsia.isa.numerics import ChannelRecord

__all__ = ["Finisher"]


class Finisher(wiring.Component):
    """Finishes `requant_lanes` values per cycle. Nothing can stall it.

    Parameters
    ----------
    config : ChipConfig
        Its requantizer's lanes must divide its columns.

    Attributes
    ----------
    latency : int
        Cycles from the last part of a row to its bytes.
    parts : int
        Cycles that a row takes.

    Members
    -------
    descriptor : In(ConvDescriptor)
        Must be held from the first row to the last byte.
    valid : In(1)
        Finish the next part of a row, which begins after `parts` parts.
    accumulators : In(data.ArrayLayout(signed(32), columns))
    records : In(data.ArrayLayout(ChannelRecord, columns))
    o : Out(stream.Signature(data.ArrayLayout(8, columns), always_ready=True))
        Bytes of a row.
    """

    def __init__(self, *, config):
        if config.columns % config.requant_lanes:
            raise ValueError(
                f"Requantizer lanes must divide {config.columns} columns, "
                f"not be {config.requant_lanes!r}"
            )
        self._lanes = config.requant_lanes
        self._requantizer = Requantizer(lanes=self._lanes, acc_width=33)
        self.latency = 1 + self._requantizer.latency
        self.parts = config.columns // self._lanes
        super().__init__({
            "descriptor": In(ConvDescriptor),
            "valid": In(1),
            "accumulators": In(data.ArrayLayout(ACCUMULATOR, config.columns)),
            "records": In(data.ArrayLayout(ChannelRecord, config.columns)),
            "o": Out(stream.Signature(data.ArrayLayout(8, config.columns), always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.requantizer = requantizer = self._requantizer

        # The part that is next.
        index = range(max(self.parts, 2))
        part = Signal(index)
        sums = self._part(self.accumulators, part)
        records = self._part(self.records, part)
        with m.If(self.valid):
            m.d.sync += part.eq(Mux(part == self.parts - 1, 0, part + 1))

        # Bias.
        valid = Signal()
        m.d.sync += valid.eq(self.valid)
        for lane in range(self._lanes):
            biased = Signal(ACCUMULATOR, name=f"biased_{lane}", reset_less=True)
            multiplier = Signal.like(requantizer.multiplier[lane], name=f"multiplier_{lane}")
            shift = Signal.like(requantizer.shift[lane], name=f"shift_{lane}")
            with m.If(self.valid):
                m.d.sync += [
                    biased.eq(sums[lane] + records[lane].bias),
                    multiplier.eq(records[lane].multiplier),
                    shift.eq(records[lane].shift),
                ]
            m.d.comb += [
                requantizer.acc[lane].eq(biased),
                requantizer.multiplier[lane].eq(multiplier),
                requantizer.shift[lane].eq(shift),
            ]

        job = self.descriptor
        m.d.comb += [
            requantizer.valid_i.eq(valid),
            requantizer.rounding.eq(job.rounding),
            requantizer.zero_point.eq(job.out_zero_point),
            requantizer.low.eq(job.low),
            requantizer.high.eq(job.high),
        ]

        # The last parts, the first one lowest.
        values = Value.cast(requantizer.values)
        gathered = Signal(len(values) * self.parts, reset_less=True)
        whole = Cat(gathered[len(values) :], values)
        arrived = Signal(index)
        with m.If(requantizer.valid_o):
            m.d.sync += [
                gathered.eq(whole),
                arrived.eq(Mux(arrived == self.parts - 1, 0, arrived + 1)),
            ]
        m.d.comb += [
            self.o.p.eq(whole),
            self.o.valid.eq(requantizer.valid_o & (arrived == self.parts - 1)),
        ]
        return m

    def _part(self, row, part):
        """The elements of `row` that belong to `part`."""
        group = data.ArrayLayout(row.shape().elem_shape, self._lanes)
        return data.View(data.ArrayLayout(group, self.parts), row)[part]
