"""Crossing: router and ports of a node."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import PacketBeat
from intarsia.isa.address import NODE
from intarsia.isa.faults import FaultReport
from intarsia.isa.registers import RouteWord
from intarsia.link.geometry import CLASSES
from intarsia.link.port import LinkPins, LinkPort
from intarsia.link.router import Router

__all__ = ["Crossing"]


class Crossing(wiring.Component):
    """Router and link ports of a node, connected: all that packets pass which are not for it.

    Parameters
    ----------
    link_bytes, ports : int

    Members
    -------
    tick : In(1)
        Timebase.
    node, route
        See :class:`Router`.
    source_control, …, sink_control, …
        Packets of this node, see :class:`Router`.
    rx0, tx0, … : In(LinkPins(link_bytes)), Out(LinkPins(link_bytes))
    fault, fault0, … : Out(stream.Signature(FaultReport, always_ready=True))
        Of the router, and of each port.
    """

    def __init__(self, *, link_bytes, ports):
        self.link_bytes, self.ports = link_bytes, ports
        beat = stream.Signature(PacketBeat(link_bytes))
        fault = stream.Signature(FaultReport, always_ready=True)
        super().__init__({
            "tick": In(1),
            "node": In(NODE),
            "route": In(stream.Signature(RouteWord, always_ready=True)),
            **{f"source_{name}": In(beat) for name in CLASSES},
            **{f"sink_{name}": Out(beat) for name in CLASSES},
            **{f"rx{p}": In(LinkPins(link_bytes)) for p in range(ports)},
            **{f"tx{p}": Out(LinkPins(link_bytes)) for p in range(ports)},
            "fault": Out(fault),
            **{f"fault{p}": Out(fault) for p in range(ports)},
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.router = router = Router(link_bytes=self.link_bytes, ports=self.ports)
        m.d.comb += router.node.eq(self.node)
        connect(m, flipped(self.route), router.route)
        connect(m, router.fault, flipped(self.fault))
        for name in CLASSES:
            source, sink = f"source_{name}", f"sink_{name}"
            connect(m, flipped(getattr(self, source)), getattr(router, source))
            connect(m, getattr(router, sink), flipped(getattr(self, sink)))
        for p in range(self.ports):
            port = LinkPort(link_bytes=self.link_bytes, port=p)
            m.submodules[f"link{p}"] = port
            m.d.comb += port.tick.eq(self.tick)
            connect(m, port.tx, flipped(getattr(self, f"tx{p}")))
            connect(m, flipped(getattr(self, f"rx{p}")), port.rx)
            connect(m, port.fault, flipped(getattr(self, f"fault{p}")))
            for name in CLASSES:
                connect(m, getattr(router, f"send{p}_{name}"), getattr(port, f"send_{name}"))
                connect(m, getattr(port, f"take_{name}"), getattr(router, f"take{p}_{name}"))
        return m
