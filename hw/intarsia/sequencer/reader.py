"""Units of a program, out of memory."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryRead
from intarsia.isa.instruction import UNIT
from intarsia.sequencer.parts import UNIT_BITS, ProgramUnit, UnitRequest

__all__ = ["UnitReader"]


class UnitReader(wiring.Component):
    """Reads units that follow each other, one vector per cycle.

    The next request is accepted when all units of the last one have been delivered.

    Parameters
    ----------
    lanes : int
        Bytes of a memory vector; divides a unit.

    Members
    -------
    request : In(stream.Signature(UnitRequest))
    unit : Out(stream.Signature(ProgramUnit, always_ready=True))
        As many as were asked for, numbered from 0.
    port : Out(MemoryRead(lanes))
    """

    def __init__(self, *, lanes):
        if UNIT % lanes:
            raise ValueError(f"Lanes must divide a unit of {UNIT} bytes, which {lanes!r} do not")
        self.lanes = lanes
        super().__init__({
            "request": In(stream.Signature(UnitRequest)),
            "unit": Out(stream.Signature(ProgramUnit, always_ready=True)),
            "port": Out(MemoryRead(lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        vectors = UNIT // self.lanes

        request = Signal(UnitRequest, reset_less=True)
        asking = Signal(range(request.units.shape().width * vectors << 3))
        coming = Signal.like(asking)
        index = Signal.like(self.unit.p.index)
        part = Signal(range(vectors)) if vectors > 1 else Const(0, 0)
        damaged = Signal()

        m.d.comb += [
            self.request.ready.eq(~coming.any()),
            self.port.request.valid.eq(asking.any()),
            self.port.request.p.address.eq(request.address),
            self.port.request.p.context.eq(request.context),
            self.port.request.p.mask.eq(~0),
        ]
        with m.If(self.request.valid & self.request.ready):
            m.d.sync += [
                request.eq(self.request.p),
                asking.eq(self.request.p.units * vectors),
                coming.eq(self.request.p.units * vectors),
                index.eq(0),
            ]
        with m.If(self.port.request.valid & self.port.request.ready):
            m.d.sync += [request.address.eq(request.address + self.lanes), asking.eq(asking - 1)]

        last = Signal()
        vector = self.port.data.p.bytes.as_value()
        m.d.comb += last.eq(part == vectors - 1)
        if vectors > 1:
            gathered = Signal(UNIT_BITS - len(vector), reset_less=True)
            content = Cat(gathered, vector)
            with m.If(self.port.data.valid):
                m.d.sync += [gathered.eq(content >> len(vector)), part.eq(part + 1)]
        else:
            content = vector

        with m.If(self.port.data.valid):
            m.d.comb += [
                self.unit.valid.eq(last),
                self.unit.p.index.eq(index),
                self.unit.p.content.eq(content),
                self.unit.p.damaged.eq(damaged | self.port.data.p.damaged),
            ]
            m.d.sync += [coming.eq(coming - 1), damaged.eq(self.unit.p.damaged & ~last)]
            with m.If(last):
                m.d.sync += index.eq(index + 1)

        return m
