"""Sums of output pixels, in two halves: one gathers while the other is drained."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["AccumulatorMemory", "Row", "Update"]

#: Bits of an accumulator. Sums wrap around.
ACCUMULATOR = signed(32)

#: No row is read in the cycle in which it is written: to gather, since it is updated every other
#: cycle at most; to be drained, since that begins when it is complete. So block RAMs need nothing
#: around them that finds what a row held before.
NEVER_MET = {"no_rw_check": 1}


class Row(data.StructLayout):
    """Place of an output pixel's sums."""

    def __init__(self, config):
        super().__init__({"index": range(config.accumulators), "half": 1})


class Update(data.StructLayout):
    """What becomes of the sums of one vector."""

    def __init__(self, config):
        super().__init__({
            "row": Row(config),
            "first": 1,  # they replace what is there
            "final": 1,  # they complete it
        })


class AccumulatorMemory(wiring.Component):
    """Adds one vector of sums per cycle to a row.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    update : In(stream.Signature(Update(config), always_ready=True))
        One cycle ahead of its ``sums``. A row may be updated every other cycle.
    sums : In(...)
        Sums as :class:`~intarsia.conv.array.MacArray` gives them.
    finished : Out(1)
        A row is complete, and may be read from the next cycle on.
    read : Out(1)
        Read ``row``. It is in ``sums_o`` from the next cycle on, until the next read.
    row : In(Row(config))
    accumulators : Out(data.ArrayLayout(signed(32), columns))
    """

    def __init__(self, *, config, sums):
        self._config = config
        self._rows = data.ArrayLayout(ACCUMULATOR, config.columns)
        super().__init__({
            "update": In(stream.Signature(Update(config), always_ready=True)),
            "sums": In(sums),
            "finished": Out(1),
            "read": In(1),
            "row": In(Row(config)),
            "accumulators": Out(self._rows),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.rows = rows = memory.Memory(
            shape=self._rows,
            depth=2 * self._config.accumulators,
            init=[],
            attrs=NEVER_MET,
        )
        write = rows.write_port()
        gathered = rows.read_port()
        drained = rows.read_port()

        adding = Signal()
        update = Signal.like(self.update.p, reset_less=True)
        m.d.sync += adding.eq(self.update.valid)
        with m.If(self.update.valid):
            m.d.sync += update.eq(self.update.p)

        m.d.comb += [
            gathered.en.eq(self.update.valid & ~self.update.p.first),
            gathered.addr.eq(self.update.p.row),
            write.en.eq(adding),
            write.addr.eq(update.row),
            self.finished.eq(adding & update.final),
        ]
        for column in range(self._config.columns):
            with m.If(update.first):
                m.d.comb += write.data[column].eq(self.sums[column])
            with m.Else():
                m.d.comb += write.data[column].eq(gathered.data[column] + self.sums[column])

        m.d.comb += [
            drained.en.eq(self.read),
            drained.addr.eq(self.row),
            self.accumulators.eq(drained.data),
        ]
        return m
