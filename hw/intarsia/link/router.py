"""Router: from the chip's packet sources and its ports to its sinks and its ports."""

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
    """Brings packets to the port of their destination, and those for this chip to their sinks.

    There is one source and one sink per class. A packet to the chip's own node goes from source to
    sink without a link. One that arrives for another node leaves again by the port that its route
    names. Sinks and ports take packets whole, from sources and ports in turn. A packet is dropped
    and reported (WRONG_NODE) whose route leads to no port, or back to the one that it came by.

    Beats pass within the cycle, one per cycle, without a gap between packets; but a packet that is
    passed on waits for one cycle, in which its route is looked up.

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
        From port p, which has the whole packet by then.
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
        # Where a packet goes: to a port, nowhere, or to the sink.
        self._nowhere, self._sink = ports, ports + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.routes = routes = memory.Memory(
            shape=range(self.ports + 1), depth=ROUTES, init=[]
        )
        write = routes.write_port()
        known = self.route.p.port < self.ports
        m.d.comb += [
            write.addr.eq(self.route.p.node),
            write.data.eq(Mux(known, self.route.p.port, self._nowhere)),
            write.en.eq(self.route.valid),
        ]

        # By class: where the packet of each input goes, and what is said about what goes nowhere.
        ways = {name: [] for name in CLASSES}
        lost = []
        for port in range(self.ports):
            arrivals, loss = self._arrive(m, port, routes)
            lost.append(loss)
            for name, way in zip(CLASSES, arrivals, strict=True):
                ways[name].append(way)
        for name in CLASSES:
            way, loss = self._depart(m, name, routes)
            lost.append(loss)
            ways[name].append(way)
            self._join(m, name, ways[name])

        # At most one report is made in a cycle; a second loss of the same kind adds nothing.
        for valid, destination in lost:
            with m.If(valid):
                m.d.comb += [
                    self.fault.valid.eq(1),
                    self.fault.p.code.eq(FaultCode.WRONG_NODE),
                    self.fault.p.engine.eq(LINK_PORT),
                    self.fault.p.node.eq(destination),
                ]
        return m

    def _depart(self, m, name, routes):
        """Where the packet of a class's source goes. Also returns losses: (valid, destination)."""
        source = getattr(self, f"source_{name}")
        header = Signal(PacketHeader, name=f"{name}_header")
        read = routes.read_port(domain="comb")
        held = Signal(range(self.ports + 2), name=f"{name}_held")
        way = Signal.like(held, name=f"{name}_way")
        looked_up = Mux(header.destination == self.node, self._sink, read.data)
        m.d.comb += [
            header.eq(source.p.data),
            read.addr.eq(header.destination),
            way.eq(Mux(source.p.first, looked_up, held)),
        ]
        with m.If(source.valid):
            m.d.sync += held.eq(way)
        lost = source.valid & source.p.first & (way == self._nowhere)
        return way, (lost, header.destination)

    def _arrive(self, m, port, routes):
        """Where the packets go that a port has, by class. Also returns losses.

        Those for this chip are known as such at once. The routes of others are looked up one by
        one, and remembered.
        """
        read = routes.read_port(domain="comb")
        asking = Signal(len(CLASSES), name=f"asking{port}")
        found = Signal(range(self.ports + 1), name=f"found{port}")
        destination = Signal(NODE, name=f"destination{port}")
        m.d.comb += [
            read.addr.eq(destination),
            found.eq(Mux(read.data == port, self._nowhere, read.data)),
        ]
        ways = []
        for n, name in enumerate(CLASSES):
            take = getattr(self, f"take{port}_{name}")
            label = f"{port}_{name}"
            header = Signal(PacketHeader, name=f"arrived{label}")
            mine = Signal(name=f"mine{label}")
            looked_up = Signal(name=f"looked_up{label}")
            held = Signal(range(self.ports + 2), name=f"held{label}")
            way = Signal(range(self.ports + 3), name=f"way{label}")
            ways.append(way)
            m.d.comb += header.eq(take.p.data)
            with m.If(take.valid):
                m.d.comb += [
                    mine.eq(take.p.first & (header.destination == self.node)),
                    asking[n].eq(take.p.first & ~mine & ~looked_up),
                    way.eq(Mux(mine, self._sink, Mux(asking[n], self._sink + 1, held))),
                ]
                with m.If(mine):
                    m.d.sync += held.eq(self._sink)
            with m.If(asking[n] & ~asking[:n].any()):
                m.d.comb += destination.eq(header.destination)
                m.d.sync += [looked_up.eq(1), held.eq(found)]
            with m.Elif(take.valid & take.ready):
                m.d.sync += looked_up.eq(0)
        return ways, (asking.any() & (found == self._nowhere), destination)

    def _join(self, m, name, ways):
        """Brings the packets of a class from all inputs to where they go."""
        inputs = [*(getattr(self, f"take{p}_{name}") for p in range(self.ports))]
        inputs.append(getattr(self, f"source_{name}"))
        outputs = {p: getattr(self, f"send{p}_{name}") for p in range(self.ports)}
        outputs[self._sink] = getattr(self, f"sink_{name}")

        takes = {n: [way == self._nowhere] for n, way in enumerate(ways)}
        for place, output in outputs.items():
            # A port never sends what it has received.
            chosen_from = [n for n in takes if n != place]
            label = f"{name}_{place}"
            wanted = Signal(len(chosen_from), name=f"wanted_{label}")
            m.d.comb += wanted.eq(Cat(inputs[n].valid & (ways[n] == place) for n in chosen_from))
            taken = self._take_turns(m, label, wanted, [inputs[n] for n in chosen_from], output)
            for n, bit in zip(chosen_from, taken, strict=True):
                takes[n].append(bit)
        for n, source in enumerate(inputs):
            m.d.comb += source.ready.eq(Cat(takes[n]).any())

    def _take_turns(self, m, label, wanted, inputs, output):
        """Brings packets to `output`, from those of `inputs` that are `wanted`, whole and in turn.

        Returns, a bit per input, whether its beat is taken.
        """
        holding = Signal(name=f"holding_{label}")
        holder = Signal(range(len(inputs)), name=f"holder_{label}")
        chosen = Signal.like(holder, name=f"chosen_{label}")
        taken = Signal(len(inputs), name=f"taken_{label}")
        with m.If(wanted.any()):
            m.d.comb += chosen.eq(holder)
            with m.If(~holding), m.Switch(holder):
                for last in range(len(inputs)):
                    with m.Case(last):
                        for k in reversed(range(1, len(inputs) + 1)):
                            with m.If(wanted[(last + k) % len(inputs)]):
                                m.d.comb += chosen.eq((last + k) % len(inputs))
            with m.Switch(chosen):
                for n, source in enumerate(inputs):
                    with m.Case(n):
                        m.d.comb += [
                            output.p.eq(source.p),
                            output.valid.eq(wanted[n]),
                            taken[n].eq(output.ready),
                        ]
        with m.If(output.valid):
            m.d.sync += [holding.eq(~(output.ready & output.p.last)), holder.eq(chosen)]
        return taken
