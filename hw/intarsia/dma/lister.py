"""Lists of transfers, read from memory."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.lookup import FragmentKey
from intarsia.common.ports import MemoryRead
from intarsia.dma.gather import LATENCY
from intarsia.isa.address import CONTEXT, LOCAL
from intarsia.isa.transfer import StitchRecord

__all__ = ["READ_AHEAD", "Lister", "Part"]

RECORD_BYTES = StitchRecord.as_shape().size // 8

#: Records that are read before they are wanted, at most. As many fragments are named ahead.
READ_AHEAD = 8


class Part(data.StructLayout):
    """As many bytes of a record as an access brings."""

    def __init__(self, lanes):
        super().__init__({"bytes": 8 * lanes, "last": 1, "damaged": 1})


class Lister(wiring.Component):
    """Reads a list of :class:`~intarsia.isa.transfer.StitchRecord`, one after another, ahead.

    A record takes an access for each ``lanes`` bytes, one a cycle as long as the memory grants
    them. What is wanted comes in the same cycle, if it was read; or else in that in which it is.
    Nothing is read beyond the end of the list; but what was not wanted before the next list begins
    was read in vain.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    begin : In(1)
        The list is that at `address`,
    address : In(24)
    count : In(24)
        and has as many records.
    context : In(CONTEXT)
        Whose list it is; from the next cycle on.
    fetch : In(1)
        The next record is wanted; to be held until its last part comes.
    part : Out(stream.Signature(Part(lanes), always_ready=True))
        Its parts, in order.
    record : Out(24)
        After the last part: where the record lies.
    sees : Out(1)
        A record was read that is about `key`.
    key : Out(FragmentKey)
    read : Out(MemoryRead(lanes))
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "begin": In(1),
            "address": In(LOCAL),
            "count": In(LOCAL),
            "context": In(CONTEXT),
            "fetch": In(1),
            "part": Out(stream.Signature(Part(config.lanes), always_ready=True)),
            "record": Out(LOCAL),
            "sees": Out(1),
            "key": Out(FragmentKey),
            "read": Out(MemoryRead(config.lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        lanes = self.config.lanes
        parts = RECORD_BYTES // lanes
        depth = READ_AHEAD * parts
        shape = data.StructLayout({"bytes": 8 * lanes, "damaged": 1})
        m.submodules.parts = kept = memory.Memory(shape=shape, depth=depth, init=[])
        write, ready = kept.write_port(), kept.read_port(domain="comb")

        # Parts of the list: those that were asked for, have come, and were wanted.
        asked, came, taken = (
            Signal(range(2 * depth), name=name) for name in ("asked", "came", "taken")
        )
        last = parts - 1
        place, current = (Signal(LOCAL, name=n, reset_less=True) for n in ("place", "current"))
        left = Signal(LOCAL)
        coming = Signal(LATENCY)
        asks, comes, waits = Signal(), Signal(), Signal()
        read, part = self.read, self.part
        m.d.comb += [
            read.request.valid.eq((left != 0) & ((asked - taken)[: len(asked)] != depth)),
            read.request.p.address.eq(place),
            read.request.p.mask.eq((1 << lanes) - 1),
            read.request.p.context.eq(self.context),
            asks.eq(read.request.valid & read.request.ready),
            comes.eq(coming[LATENCY - 1]),
            waits.eq(came != taken),
            write.addr.eq(came),
            write.data.eq(read.data.p),
            write.en.eq(comes),
            ready.addr.eq(taken),
            part.valid.eq(self.fetch & (waits | comes)),
            Cat(part.p.bytes, part.p.damaged).eq(Mux(waits, ready.data, read.data.p)),
            part.p.last.eq((taken & last) == last),
            self.record.eq(current - RECORD_BYTES),
        ]
        with m.If(asks):
            m.d.sync += [asked.eq(asked + 1), place.eq(place + lanes)]
            with m.If((asked & last) == last):
                m.d.sync += left.eq(left - 1)
        with m.If(asks | coming.any()):
            m.d.sync += coming.eq(Cat(asks, coming))
        with m.If(comes):
            m.d.sync += came.eq(came + 1)
        with m.If(part.valid):
            m.d.sync += [taken.eq(taken + 1), current.eq(current + lanes)]
        with m.If(self.begin):
            m.d.sync += [
                *(pointer.eq(0) for pointer in (asked, came, taken, coming)),
                *(pointer.eq(self.address) for pointer in (place, current)),
                left.eq(self.count),
            ]
        self._name(m, came & last, comes)
        return m

    def _name(self, m, number, comes):
        """Says what a record is about when as many parts of it have come as say that."""
        lanes = self.config.lanes
        bits = FragmentKey.as_shape().size
        last = -(-bits // (8 * lanes)) - 1
        bytes_ = Cat(self.read.data.p.bytes)
        if last:
            before = Signal(8 * lanes * last, reset_less=True)
            with m.If(comes):
                m.d.sync += before.eq(Cat(before, bytes_)[8 * lanes :])
            bytes_ = Cat(before, bytes_)
        m.d.comb += [
            self.sees.eq(comes & (number == last) & ~self.read.data.p.damaged),
            self.key.as_value().eq(bytes_[:bits]),
        ]
