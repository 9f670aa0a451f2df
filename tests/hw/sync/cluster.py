"""Sync ports of several nodes, each behind its router."""

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import GroupRequest, PacketBeat, SyncRequest
from intarsia.isa.address import CONTEXT
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultReport
from intarsia.link.router import Router
from intarsia.sync.port import SyncPort

#: Members of a node, as the cluster has them with the node's number at their end.
PORTS = {
    "declare": In(stream.Signature(GroupRequest)),
    "sync": In(stream.Signature(SyncRequest)),
    "done": Out(stream.Signature(CONTEXT, always_ready=True)),
    "fault": Out(stream.Signature(FaultReport, always_ready=True)),
    "activity": Out(Activity),
}


class Cluster(wiring.Component):
    """Nodes 0, 1, …; what they send to each other leaves by `send{n}` and comes in by `take{n}`."""

    def __init__(self, *, config, nodes):
        self.config = config
        self.nodes = nodes
        beat = stream.Signature(PacketBeat(config.link_bytes))
        own = {"running": In(config.contexts), "send": Out(beat), "take": In(beat)}
        super().__init__({
            f"{name}{n}": member for n in range(nodes) for name, member in (PORTS | own).items()
        })

    def elaborate(self, platform):
        m = Module()
        for n in range(self.nodes):
            m.submodules[f"port{n}"] = port = SyncPort(config=self.config)
            m.submodules[f"router{n}"] = router = Router(link_bytes=self.config.link_bytes, ports=1)
            m.d.comb += [port.node.eq(n), router.node.eq(n)]
            for name in ("declare", "sync"):
                connect(m, flipped(getattr(self, f"{name}{n}")), getattr(port, name))
            for name in ("done", "fault"):
                connect(m, getattr(port, name), flipped(getattr(self, f"{name}{n}")))
            m.d.comb += [
                port.running.eq(getattr(self, f"running{n}")),
                getattr(self, f"activity{n}").eq(port.activity),
            ]
            connect(m, port.send, router.source_control)
            connect(m, router.sink_control, port.take)
            connect(m, router.send0_control, flipped(getattr(self, f"send{n}")))
            connect(m, flipped(getattr(self, f"take{n}")), router.take0_control)
        return m
