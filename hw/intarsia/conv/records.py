"""Channel records: what the requantizer needs to know of each output channel."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

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
    part : In(range(max(columns // requant_lanes, 2)))
    records : Out(data.ArrayLayout(ChannelRecord, requant_lanes))
        Those of a part of the columns, in the same cycle. Columns without a channel have any.
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
            "part": In(range(max(config.columns // config.requant_lanes, 2))),
            "records": Out(data.ArrayLayout(ChannelRecord, config.requant_lanes)),
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

        # Receiving. The words of a part are kept side by side, to be seen at once.
        received = Signal(range(words))
        beside = self._config.requant_lanes * per_record
        part_bits = ceil_log2(words // beside)
        used = Signal()  # of two sets, the one that is seen
        with m.If(self.take):
            m.d.sync += [self.ready.eq(0), used.eq(~used)]
        with m.If(arrived.valid):
            m.d.sync += self.ready.eq(arrived.p.last)
            m.d.sync += received.eq(Mux(arrived.p.last, 0, received + 1))
        row = []
        for n in range(beside):
            m.submodules[f"words_{n}"] = kept = memory.Memory(
                shape=8 * lanes, depth=2 << part_bits, init=[]
            )
            write, read = kept.write_port(), kept.read_port(domain="comb")
            m.d.comb += [
                write.en.eq(arrived.valid & (received % beside == n)),
                write.addr.eq(Cat((received // beside)[:part_bits], ~used)),
                write.data.eq(arrived.p.vector.bytes),
                read.addr.eq(Cat(self.part[:part_bits], used)),
            ]
            row.append(read.data)
        m.d.comb += self.records.eq(Cat(row))

        return m
