"""Router: from the chip's packet sources and its ports to its sinks and its ports."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.common.ports import PacketBeat
from intarsia.isa.address import NODE
from intarsia.isa.faults import LINK_PORT, FaultCode, FaultReport
from intarsia.isa.packet import PacketHeader
from intarsia.isa.registers import RouteWord
from intarsia.isa.topology import ROUTES
from intarsia.link.geometry import CLASSES

__all__ = ["Router"]

#: Routes in a row of the table.
ROW = 4


class Router(wiring.Component):
    """Brings packets to the port of their destination, and those for this chip to their sinks.

    There is one source and one sink per class. A packet to the chip's own node goes from source to
    sink without a link. One that arrives for another node leaves again by the port that its route
    names. Sinks and ports take packets whole, from sources and ports in turn. One whose route
    leads back to the port that it came by is dropped and reported (WRONG_NODE).

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
        Entries to write; those with a port that is not there are ignored. All routes lead to
        port 0 after power-up; they survive reset.
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
        #: Place that packets go to which go to no port.
        self._sink = ports

    def elaborate(self, platform):
        m = Module()
        # A row has several entries, as LUT memories are wider than they are deep; so one of them is
        # written by writing back the others.
        m.submodules.routes = routes = memory.Memory(
            shape=data.ArrayLayout(range(max(2, self.ports)), ROW),
            depth=ROUTES // ROW,
            init=[],
            attrs={"ram_style": "distributed"},  # Else the table becomes registers: 200 LUTs more.
        )
        entry = self.route.p
        write = routes.write_port()
        before = routes.read_port(domain="comb")
        m.d.comb += write.en.eq(self.route.valid & (entry.port < self.ports))
        with m.If(self.route.valid):
            m.d.comb += [
                before.addr.eq(entry.node // ROW),
                write.addr.eq(before.addr),
                write.data.eq(before.data),
                write.data[entry.node % ROW].eq(entry.port),
            ]
        arrivals = [self._arrive(m, port, routes) for port in range(self.ports)]
        for n, name in enumerate(CLASSES):
            wanted = [places[n] for places in arrivals]
            self._join(m, name, [*wanted, self._depart(m, name, routes)])
        return m

    def _look_up(self, m, routes, node):
        """The port by which packets to `node` leave."""
        read = routes.read_port(domain="comb")
        m.d.comb += read.addr.eq(node[exact_log2(ROW) :])
        return read.data[node[: exact_log2(ROW)]]

    def _depart(self, m, name, routes):
        """Whether a class's source has a packet for each port, and for the sink."""
        source = getattr(self, f"source_{name}")
        header = Signal(PacketHeader, name=f"{name}_header")
        route = self._look_up(m, routes, header.destination)
        held = Signal(range(self.ports + 1), name=f"{name}_held")
        way = Signal.like(held, name=f"{name}_way")
        looked_up = Mux(header.destination == self.node, self._sink, route)
        m.d.comb += [
            header.eq(source.p.data),
            way.eq(Mux(source.p.first, looked_up, held)),
        ]
        with m.If(source.valid):
            m.d.sync += held.eq(way)
        return [source.valid & (way == place) for place in range(self.ports + 1)]

    def _arrive(self, m, port, routes):
        """Whether a port has a packet for each port, and for the sink; by class.

        Those for this chip are known as such at once. The routes of others are looked up one by
        one, and remembered.
        """
        asking = Signal(len(CLASSES), name=f"asking{port}")
        destination = Signal(NODE, name=f"destination{port}")
        route = self._look_up(m, routes, destination)
        places = []
        for n, name in enumerate(CLASSES):
            take = getattr(self, f"take{port}_{name}")
            label = f"{port}_{name}"
            header = Signal(PacketHeader, name=f"arrived{label}")
            mine = Signal(name=f"mine{label}")
            passing = Signal(name=f"passing{label}")
            way = Signal.like(route, name=f"way{label}")
            m.d.comb += header.eq(take.p.data)
            with m.If(take.valid & ~passing):
                m.d.comb += [
                    mine.eq(~take.p.first | (header.destination == self.node)),
                    asking[n].eq(~mine),
                ]
            with m.If(asking[n] & ~asking[:n].any()):
                m.d.comb += destination.eq(header.destination)
                m.d.sync += [passing.eq(1), way.eq(route)]
            with m.If(passing & take.valid & take.ready & take.p.last):
                m.d.sync += passing.eq(0)
            elsewhere = [passing & take.valid & (way == place) for place in range(self.ports)]
            places.append([*elsewhere, mine])
        # At most one report is made in a cycle; a second loss of the same kind adds nothing.
        with m.If(asking.any() & (route == port)):
            m.d.comb += [
                self.fault.valid.eq(1),
                self.fault.p.code.eq(FaultCode.WRONG_NODE),
                self.fault.p.engine.eq(LINK_PORT),
                self.fault.p.node.eq(destination),
            ]
        return places

    def _join(self, m, name, wanted):
        """Brings the packets of a class from all inputs to where they go."""
        inputs = [*(getattr(self, f"take{p}_{name}") for p in range(self.ports))]
        inputs.append(getattr(self, f"source_{name}"))
        outputs = [*(getattr(self, f"send{p}_{name}") for p in range(self.ports))]
        outputs.append(getattr(self, f"sink_{name}"))

        # What would leave as it came is taken, and goes nowhere.
        taken = [[wanted[p][p]] for p in range(self.ports)] + [[]]
        for place, output in enumerate(outputs):
            chosen_from = [n for n in range(len(inputs)) if n != place or place == self._sink]
            asks = Signal(len(chosen_from), name=f"asks_{name}_{place}")
            m.d.comb += asks.eq(Cat(wanted[n][place] for n in chosen_from))
            grants = self._take_turns(m, f"{name}_{place}", asks, output)
            # The payload of what is offered to nobody does not matter.
            m.d.comb += output.p.eq(inputs[chosen_from[0]].p)
            for n, grant in zip(chosen_from, grants, strict=True):
                taken[n].append(grant & output.ready)
                if n != chosen_from[0]:
                    with m.If(grant):
                        m.d.comb += output.p.eq(inputs[n].p)
        for n, source in enumerate(inputs):
            m.d.comb += source.ready.eq(Cat(taken[n]).any())

    def _take_turns(self, m, label, asks, output):
        """Of those that ask, one at a time, until its packet has passed. Returns a bit for each."""
        count = len(asks)
        holding = Signal(name=f"holding_{label}")
        holder = Signal(count, name=f"holder_{label}", init=1)
        grants = Signal(count, name=f"grants_{label}")
        with m.If(holding):
            m.d.comb += grants.eq(holder & asks)
        with m.Else():
            for last in range(count):
                with m.If(holder[last]):
                    for k in reversed(range(1, count + 1)):
                        with m.If(asks[(last + k) % count]):
                            m.d.comb += grants.eq(1 << (last + k) % count)
        m.d.comb += output.valid.eq(grants.any())
        with m.If(output.valid):
            m.d.sync += [holding.eq(~(output.ready & output.p.last)), holder.eq(grants)]
        return grants
