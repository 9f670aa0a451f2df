"""Fragments that will be looked up soon."""

from amaranth import *
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.lookup import FragmentKey
from intarsia.dma.transactions import IN_FLIGHT

__all__ = ["Scout"]


class Scout(wiring.Component):
    """Names the fragments that requests are about ahead of their look-ups.

    A fragment is named once for requests that follow one another. Up to IN_FLIGHT names wait; as
    long as so many do, none is added.

    Members
    -------
    sees : In(1)
        There is a request about `key`: it may be there for many cycles.
    key : In(FragmentKey)
    ahead : Out(stream.Signature(FragmentKey))
    """

    sees: In(1)
    key: In(FragmentKey)
    ahead: Out(stream.Signature(FragmentKey))

    def elaborate(self, platform):
        m = Module()
        m.submodules.names = names = fifo.SyncFIFO(width=len(self.key.as_value()), depth=IN_FLIGHT)
        last = Signal(FragmentKey, reset_less=True)
        m.d.comb += [
            names.w_data.eq(self.key),
            names.w_en.eq(self.sees & (self.key != last)),
            names.r_en.eq(self.ahead.ready),
            self.ahead.valid.eq(names.r_rdy),
            self.ahead.p.eq(names.r_data),
        ]
        with m.If(names.w_en & names.w_rdy):
            m.d.sync += last.eq(self.key)
        return m
