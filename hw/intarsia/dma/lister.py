"""Lists of transfers, read from memory."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryRead
from intarsia.isa.address import CONTEXT, LOCAL
from intarsia.isa.transfer import StitchRecord

__all__ = ["Lister", "Part"]

RECORD_BYTES = StitchRecord.as_shape().size // 8


class Part(data.StructLayout):
    """As many bytes of a record as an access brings."""

    def __init__(self, lanes):
        super().__init__({"bytes": 8 * lanes, "last": 1, "damaged": 1})


class Lister(wiring.Component):
    """Reads a list of :class:`~intarsia.isa.transfer.StitchRecord`, one after another.

    A record takes an access for each ``lanes`` bytes, one a cycle as long as the memory grants
    them, and two cycles more.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    begin : In(1)
        The list is that at `address`.
    address : In(24)
    context : In(CONTEXT)
        Whose list it is.
    fetch : In(1)
        The next record is wanted; to be held until its last part comes.
    part : Out(stream.Signature(Part(lanes), always_ready=True))
        Its parts, in order.
    record : Out(24)
        After the last part: where the record lies.
    read : Out(MemoryRead(lanes))
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "begin": In(1),
            "address": In(LOCAL),
            "context": In(CONTEXT),
            "fetch": In(1),
            "part": Out(stream.Signature(Part(config.lanes), always_ready=True)),
            "record": Out(LOCAL),
            "read": Out(MemoryRead(config.lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        lanes = self.config.lanes
        parts = RECORD_BYTES // lanes

        place = Signal(LOCAL, reset_less=True)
        asked = Signal(range(parts + 1))
        came = Signal(range(parts + 1))
        read, part = self.read, self.part
        m.d.comb += [
            read.request.valid.eq(self.fetch & (asked != parts)),
            read.request.p.address.eq(place),
            read.request.p.mask.eq((1 << lanes) - 1),
            read.request.p.context.eq(self.context),
            part.valid.eq(read.data.valid),
            part.p.bytes.eq(read.data.p.bytes),
            part.p.damaged.eq(read.data.p.damaged),
            part.p.last.eq(came == parts - 1),
            self.record.eq(place - RECORD_BYTES),
        ]
        with m.If(self.begin):
            m.d.sync += place.eq(self.address)
        with m.If(read.request.valid & read.request.ready):
            m.d.sync += [place.eq(place + lanes), asked.eq(asked + 1)]
        with m.If(part.valid):
            m.d.sync += came.eq(Mux(part.p.last, 0, came + 1))
            with m.If(part.p.last):
                m.d.sync += asked.eq(0)

        return m
