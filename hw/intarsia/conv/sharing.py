"""One read port of the memory, for weights and for channel records."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryRead, ReadData
from intarsia.isa.address import CONTEXT, LOCAL

__all__ = ["Lookup", "SharedRead"]


class LookupRequest(data.StructLayout):
    """A whole vector to read."""

    def __init__(self):
        super().__init__({"address": LOCAL, "context": CONTEXT, "last": 1})


class LookupData(data.StructLayout):
    """A vector that was read, and what its request said."""

    def __init__(self, lanes):
        super().__init__({"vector": ReadData(lanes), "address": LOCAL, "last": 1})


class Lookup(wiring.Signature):
    """Port of a client of `SharedRead`, seen from the client.

    Data come in the order of the requests, some cycles later, and must be taken. ``last`` returns
    with the data of its request.

    Members
    -------
    request : Out(stream.Signature(LookupRequest()))
    data : In(stream.Signature(LookupData(lanes), always_ready=True))
    """

    def __init__(self, lanes):
        self.lanes = lanes
        super().__init__({
            "request": Out(stream.Signature(LookupRequest())),
            "data": In(stream.Signature(LookupData(lanes), always_ready=True)),
        })

    def __eq__(self, other):
        return isinstance(other, Lookup) and self.lanes == other.lanes

    def __repr__(self):
        return f"Lookup({self.lanes})"


class SharedRead(wiring.Component):
    """Lets two clients share a read port; where both ask, ``urgent`` goes first, or is told not to.

    Adds a cycle of latency, and passes a request per cycle.

    Parameters
    ----------
    lanes : int

    Members
    -------
    urgent, other : In(Lookup(lanes))
    patient : In(1)
        Where both ask, ``other`` goes first.
    read : Out(MemoryRead(lanes))
    """

    def __init__(self, *, lanes):
        super().__init__({
            "urgent": In(Lookup(lanes)),
            "other": In(Lookup(lanes)),
            "patient": In(1),
            "read": Out(MemoryRead(lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        read = self.read

        # The request on offer, and those that the memory answers after it.
        stages = [Signal.like(self.urgent.request.p, name=f"request_{n}") for n in range(3)]
        valid = [Signal(name=f"valid_{n}") for n in range(3)]
        urgent = [Signal(name=f"urgent_{n}") for n in range(3)]

        first, free, accepted = Signal(), Signal(), Signal()
        m.d.comb += [
            accepted.eq(read.request.valid & read.request.ready),
            free.eq(~valid[0] | accepted),
            first.eq(self.urgent.request.valid & ~(self.patient & self.other.request.valid)),
            self.urgent.request.ready.eq(free & first),
            self.other.request.ready.eq(free & ~first),
            read.request.valid.eq(valid[0]),
            read.request.p.address.eq(stages[0].address),
            read.request.p.context.eq(stages[0].context),
            read.request.p.mask.eq(~0),
        ]
        with m.If(free):
            m.d.sync += [
                valid[0].eq(self.urgent.request.valid | self.other.request.valid),
                urgent[0].eq(first),
                stages[0].eq(Mux(first, self.urgent.request.p, self.other.request.p)),
            ]
        m.d.sync += [valid[1].eq(accepted), valid[2].eq(valid[1])]
        for n in range(2):
            m.d.sync += [urgent[n + 1].eq(urgent[n]), stages[n + 1].eq(stages[n])]

        for client, chosen in ((self.urgent, urgent[2]), (self.other, ~urgent[2])):
            m.d.comb += [
                client.data.valid.eq(valid[2] & chosen),
                client.data.p.vector.eq(read.data.p),
                client.data.p.address.eq(stages[2].address),
                client.data.p.last.eq(stages[2].last),
            ]
        return m
