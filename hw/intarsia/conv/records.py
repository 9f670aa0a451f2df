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
    """Loads the records of a block of output channels, while those of the one before are in use.

    Parameters
    ----------
    config : ChipConfig
        Its lanes must divide a record.

    Members
    -------
    start : In(1)
        Load, from ``address`` on, as many records as ``channels`` says, not 0; but only those of a
        block. Only if nothing is being loaded, or waits to be taken.
    address : In(LOCAL)
    channels : In(16)
    context : In(CONTEXT)
        Must be held until ``ready``.
    ready : Out(1)
        All that was asked for is there.
    take : In(1)
        From the next cycle on, it is in ``records``. Only if ``ready``; ``start`` may come with it.
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
            "ready": Out(1),
            "take": In(1),
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
        address = Signal.like(self.address)
        left = Signal(range(words + 1))
        m.d.comb += [
            request.valid.eq(asking),
            request.p.address.eq(address),
            request.p.context.eq(self.context),
            request.p.last.eq(left == 1),
        ]
        with m.If(request.valid & request.ready):
            m.d.sync += [left.eq(left - 1), address.eq(address + lanes)]
            with m.If(request.p.last):
                m.d.sync += asking.eq(0)
        with m.If(self.start):
            block = Mux(self.channels < columns, self.channels, columns)
            m.d.sync += [asking.eq(1), left.eq(block * per_record), address.eq(self.address)]

        # Receiving.
        received = Signal(range(words))
        parts, used = (
            [Signal(8 * lanes, name=f"{name}_{n}", reset_less=True) for n in range(words)]
            for name in ("part", "used")
        )
        m.d.comb += self.records.eq(Cat(used))
        with m.If(self.take):
            m.d.sync += self.ready.eq(0)
            m.d.sync += [use.eq(part) for use, part in zip(used, parts, strict=True)]
        with m.If(arrived.valid):
            m.d.sync += self.ready.eq(arrived.p.last)
            m.d.sync += received.eq(Mux(arrived.p.last, 0, received + 1))
            with m.Switch(received):
                for n, part in enumerate(parts):
                    with m.Case(n):
                        m.d.sync += part.eq(arrived.p.vector.bytes)

        return m
