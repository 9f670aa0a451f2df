"""Ports of the memory that two clients share."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryRead, MemoryWrite

__all__ = ["ReadShare", "WriteShare"]


def _choose(m, first, second, port, parked):
    """Passes requests of two clients, the first one's before the second one's.

    Returns whether it is the second one's. A request that the memory has not granted yet stays.
    If it is `parked`, the choice comes from a register, and the clients take turns.
    """
    if parked:
        return _take_turns(m, first, second, port)
    held = Signal()
    holder = Signal()
    chosen = Signal()
    m.d.comb += [
        chosen.eq(Mux(held, holder, ~first.valid)),
        port.p.eq(Mux(chosen, second.p, first.p)),
        port.valid.eq(Mux(chosen, second.valid, first.valid)),
        first.ready.eq(port.ready & ~chosen),
        second.ready.eq(port.ready & chosen),
    ]
    with m.If(port.valid):
        m.d.sync += [held.eq(~port.ready), holder.eq(chosen)]
    return chosen


def _take_turns(m, first, second, port):
    """Passes requests of the one who is chosen, until the other one asks and it does not wait."""
    chosen = Signal()
    m.d.comb += [
        port.p.eq(Mux(chosen, second.p, first.p)),
        port.valid.eq(Mux(chosen, second.valid, first.valid)),
        first.ready.eq(port.ready & ~chosen),
        second.ready.eq(port.ready & chosen),
    ]
    with m.If((port.ready | ~port.valid) & Mux(chosen, first.valid, second.valid)):
        m.d.sync += chosen.eq(~chosen)
    return chosen


class ReadShare(wiring.Component):
    """A read port for two clients. The first one goes before the second.

    Parameters
    ----------
    lanes : int
    parked : bool
        Who is chosen is known a cycle before; where both ask, they take turns.

    Members
    -------
    first, second : In(MemoryRead(lanes))
    port : Out(MemoryRead(lanes))
    """

    def __init__(self, *, lanes, parked=False):
        self.parked = parked
        super().__init__({
            "first": In(MemoryRead(lanes)),
            "second": In(MemoryRead(lanes)),
            "port": Out(MemoryRead(lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        chosen = _choose(m, self.first.request, self.second.request, self.port.request, self.parked)
        # Data come two cycles after the request.
        whose = Signal(2)
        accepted = Signal(2)
        m.d.sync += accepted.eq(Cat(self.port.request.valid, accepted))
        with m.If(self.port.request.valid | accepted.any()):
            m.d.sync += whose.eq(Cat(chosen, whose))
        for client, mine in ((self.first, ~whose[1]), (self.second, whose[1])):
            m.d.comb += [
                client.data.p.eq(self.port.data.p),
                client.data.valid.eq(self.port.data.valid & mine),
            ]
        return m


class WriteShare(wiring.Component):
    """A write port for two clients. The first one goes before the second.

    Parameters
    ----------
    lanes : int
    parked : bool
        Who is chosen is known a cycle before; where both ask, they take turns.

    Members
    -------
    first, second : In(MemoryWrite(lanes))
    port : Out(MemoryWrite(lanes))
    """

    def __init__(self, *, lanes, parked=False):
        self.parked = parked
        super().__init__({
            "first": In(MemoryWrite(lanes)),
            "second": In(MemoryWrite(lanes)),
            "port": Out(MemoryWrite(lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        _choose(m, self.first.request, self.second.request, self.port.request, self.parked)
        return m
