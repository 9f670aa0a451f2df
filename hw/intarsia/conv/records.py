"""Channel records: what the requantizer needs to know of each output channel."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from intarsia.conv.sharing import Lookup
from intarsia.isa.address import CONTEXT, LOCAL
from intarsia.isa.numerics import ChannelRecord

__all__ = ["RECORD_BYTES", "RecordLoader"]

#: Bytes of a channel record.
RECORD_BYTES = ChannelRecord.as_shape().size // 8


class RecordLoader(wiring.Component):
    """Loads the records of a block of output channels, and keeps them.

    Parameters
    ----------
    config : ChipConfig
        Its lanes must divide a record.

    Members
    -------
    start : In(1)
        Load, from ``address`` on, as many records as ``channels`` says; but only those of the
        block. All three must be held until they are there.
    address : In(LOCAL)
    channels : In(16)
    context : In(CONTEXT)
    done : Out(1)
        All records are there after this cycle.
    read : Out(Lookup(lanes))
    records : Out(data.ArrayLayout(ChannelRecord, columns))
        Those of columns without a channel hold anything.
    """

    def __init__(self, *, config):
        if RECORD_BYTES % config.lanes:
            raise ValueError(f"Lanes must divide {RECORD_BYTES}, not be {config.lanes!r}")
        self._config = config
        super().__init__({
            "start": In(1),
            "address": In(LOCAL),
            "channels": In(16),
            "context": In(CONTEXT),
            "done": Out(1),
            "read": Out(Lookup(config.lanes)),
            "records": Out(data.ArrayLayout(ChannelRecord, config.columns)),
        })

    def elaborate(self, platform):
        m = Module()
        lanes, columns = self._config.lanes, self._config.columns
        request, arrived = self.read.request, self.read.data
        per_record = RECORD_BYTES // lanes
        words = columns * per_record

        # Asking.
        asking = Signal()
        asked = Signal(range(words))
        m.d.comb += [
            request.valid.eq(asking),
            request.p.address.eq(self.address + asked * lanes),
            request.p.context.eq(self.context),
            request.p.last.eq(
                (asked == words - 1) | (asked + 1 == self.channels * per_record),
            ),
        ]
        with m.If(request.valid & request.ready):
            m.d.sync += asked.eq(asked + 1)
            with m.If(request.p.last):
                m.d.sync += asking.eq(0)
        with m.If(self.start):
            m.d.sync += [asking.eq(1), asked.eq(0)]

        # Receiving.
        received = Signal(range(words))
        parts = [Signal(8 * lanes, name=f"part_{n}", reset_less=True) for n in range(words)]
        m.d.comb += [
            self.records.eq(Cat(parts)),
            self.done.eq(arrived.valid & arrived.p.last),
        ]
        with m.If(arrived.valid):
            m.d.sync += received.eq(Mux(arrived.p.last, 0, received + 1))
            with m.Switch(received):
                for n, part in enumerate(parts):
                    with m.Case(n):
                        m.d.sync += part.eq(arrived.p.vector.bytes)

        return m
