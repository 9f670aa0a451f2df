"""Router: from the chip's packet sources to its ports, and from the ports to its sinks."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import PacketBeat
from intarsia.isa.address import NODE
from intarsia.isa.faults import LINK_PORT, FaultCode, FaultReport
from intarsia.isa.packet import PacketHeader
from intarsia.isa.registers import RouteWord
from intarsia.isa.topology import ROUTES
from intarsia.link.geometry import CLASSES

__all__ = ["Router"]


class Router(wiring.Component):
    """Brings packets to the port of their destination, and those that arrive to their sinks.

    There is one source and one sink per class. A packet to the chip's own node goes from source to
    sink without a link. A sink takes packets whole, from ports (and the source) in turn. A packet
    that arrives for another node is dropped and reported (WRONG_NODE).

    Beats pass within the cycle, one per cycle, without a gap between packets.

    Parameters
    ----------
    link_bytes, ports : int

    Members
    -------
    node : In(16)
        This chip's node.
    route : In(stream.Signature(RouteWord, always_ready=True))
        Entries to write. All routes lead to port 0 after power-up; they survive reset.
    source_control, source_reply, … : In(stream.Signature(PacketBeat(link_bytes)))
    sink_control, sink_reply, … : Out(stream.Signature(PacketBeat(link_bytes)))
    send{p}_control, … : Out(stream.Signature(PacketBeat(link_bytes)))
        To port p.
    take{p}_control, … : In(stream.Signature(PacketBeat(link_bytes)))
        From port p.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    """

    def __init__(self, *, link_bytes, ports):
        self.link_bytes = link_bytes
        self.ports = ports
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            "node": In(NODE),
            "route": In(stream.Signature(RouteWord, always_ready=True)),
            **{f"source_{name}": In(beat) for name in CLASSES},
            **{f"sink_{name}": Out(beat) for name in CLASSES},
            **{f"send{p}_{name}": Out(beat) for p in range(ports) for name in CLASSES},
            **{f"take{p}_{name}": In(beat) for p in range(ports) for name in CLASSES},
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.routes = routes = memory.Memory(
            shape=range(max(2, self.ports)), depth=ROUTES, init=[]
        )
        write = routes.write_port()
        m.d.comb += [
            write.addr.eq(self.route.p.node),
            write.data.eq(self.route.p.port),
            write.en.eq(self.route.valid),
        ]
        lost = {}
        for name in CLASSES:
            loop = stream.Signature(PacketBeat(self.link_bytes)).create(path=(f"loop_{name}",))
            self._leave(m, name, routes, loop)
            lost[name] = self._arrive(m, name, loop)

        # At most one report is made in a cycle; a second loss of the same kind adds nothing.
        for valid, destination in lost.values():
            with m.If(valid):
                m.d.comb += [
                    self.fault.valid.eq(1),
                    self.fault.p.code.eq(FaultCode.WRONG_NODE),
                    self.fault.p.engine.eq(LINK_PORT),
                    self.fault.p.node.eq(destination),
                ]
        return m

    def _leave(self, m, name, routes, loop):
        """From the source of a class to a port, or into `loop`."""
        source = getattr(self, f"source_{name}")
        outputs = [*(getattr(self, f"send{p}_{name}") for p in range(self.ports)), loop]
        header = Signal(PacketHeader, name=f"{name}_header")
        m.d.comb += header.eq(source.p.data)

        read = routes.read_port(domain="comb")
        held = Signal(range(self.ports + 1), name=f"{name}_held")
        chosen = Signal.like(held, name=f"{name}_leaves_by")
        looked_up = Mux(header.destination == self.node, self.ports, read.data)
        m.d.comb += [
            read.addr.eq(header.destination),
            chosen.eq(Mux(source.p.first, looked_up, held)),
        ]
        with m.If(source.valid):
            m.d.sync += held.eq(chosen)
        for port, output in enumerate(outputs):
            m.d.comb += output.p.eq(source.p)
            with m.If(chosen == port):
                m.d.comb += [output.valid.eq(source.valid), source.ready.eq(output.ready)]

    def _arrive(self, m, name, loop):
        """From ports and `loop` to the sink of a class. Returns losses: (valid, destination)."""
        sink = getattr(self, f"sink_{name}")
        inputs = [*(getattr(self, f"take{p}_{name}") for p in range(self.ports)), loop]

        # The input whose packet is passing, or the next one after it that has a packet.
        holding = Signal(name=f"{name}_holding")
        holder = Signal(range(len(inputs)), name=f"{name}_holder")
        chosen = Signal.like(holder, name=f"{name}_chosen")
        m.d.comb += chosen.eq(holder)
        with m.If(~holding), m.Switch(holder):
            for last in range(len(inputs)):
                with m.Case(last):
                    for k in reversed(range(1, len(inputs))):
                        with m.If(inputs[(last + k) % len(inputs)].valid):
                            m.d.comb += chosen.eq((last + k) % len(inputs))

        header = Signal(PacketHeader, name=f"{name}_arrived")
        mine = Signal(name=f"{name}_mine")
        passing = Signal(name=f"{name}_passing")
        dropped = Signal(name=f"{name}_dropped")
        valid = Signal(name=f"{name}_valid")
        m.d.comb += [
            header.eq(sink.p.data),
            mine.eq(Mux(sink.p.first, header.destination == self.node, ~dropped)),
            sink.valid.eq(valid & mine),
            passing.eq(valid & (sink.ready | ~mine)),
        ]
        with m.Switch(chosen):
            for n, source in enumerate(inputs):
                with m.Case(n):
                    m.d.comb += [
                        sink.p.eq(source.p),
                        valid.eq(source.valid),
                        source.ready.eq(sink.ready | ~mine),
                    ]
        with m.If(valid):
            m.d.sync += [holding.eq(~(passing & sink.p.last)), holder.eq(chosen)]
            with m.If(sink.p.first):
                m.d.sync += dropped.eq(~mine)
        return valid & sink.p.first & ~mine, header.destination
