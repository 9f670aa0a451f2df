"""One read port for two clients."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryRead

__all__ = ["ReadShare"]

#: Cycles from a request that was accepted to its data.
LATENCY = 2


class ReadShare(wiring.Component):
    """Passes requests on in the cycle in which they come, `first` before `second`.

    A request that waits for its grant is not overtaken.

    Parameters
    ----------
    lanes : int

    Members
    -------
    first, second : In(MemoryRead(lanes))
    read : Out(MemoryRead(lanes))
    """

    def __init__(self, *, lanes):
        self.lanes = lanes
        super().__init__({
            "first": In(MemoryRead(lanes)),
            "second": In(MemoryRead(lanes)),
            "read": Out(MemoryRead(lanes)),
        })

    def elaborate(self, platform):
        m = Module()

        chosen = Signal()
        waits = Signal()
        request = self.read.request
        m.d.comb += [
            chosen.eq(~self.first.request.valid | waits),
            request.valid.eq(self.first.request.valid | self.second.request.valid),
            request.p.eq(Mux(chosen, self.second.request.p, self.first.request.p)),
            self.first.request.ready.eq(request.ready & ~chosen),
            self.second.request.ready.eq(request.ready & chosen),
        ]
        with m.If(request.valid):
            m.d.sync += waits.eq(chosen & ~request.ready)

        # Whose data come.
        asked = Signal(LATENCY)
        m.d.sync += asked.eq(Cat(chosen, asked))
        for client, mine in ((self.first, ~asked[-1]), (self.second, asked[-1])):
            m.d.comb += [
                client.data.p.eq(self.read.data.p),
                client.data.valid.eq(self.read.data.valid & mine),
            ]

        return m
