"""A node that is nothing but a crossing: router and link ports, whose packets C++ makes and checks.

Its library has the interface of a chip's, so that it takes a chip's place in a simulated system.
"""

from functools import cache
from pathlib import Path

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import PacketBeat
from intarsia.common.verilog import convert
from intarsia.cosim.build import CORE, built
from intarsia.cosim.header import cpp_header
from intarsia.cosim.toolchain import compile_objects, link, verilate
from intarsia.isa.address import NODE
from intarsia.isa.config import ChipConfig
from intarsia.isa.faults import FaultReport
from intarsia.isa.registers import RouteWord
from intarsia.link.geometry import CLASSES
from intarsia.link.port import LinkPins, LinkPort
from intarsia.link.router import Router

__all__ = ["Crossing", "crossing_library"]


class Crossing(wiring.Component):
    """A router and its ports.

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
        """Connect them."""
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


@cache
def crossing_library(config: ChipConfig) -> Path:
    """Library of a crossing with the ports of a chip."""
    verilog = convert(Crossing(link_bytes=config.link_bytes, ports=config.link_ports), "chip")
    source = Path(__file__).with_suffix(".cpp")

    def build(folder: Path) -> None:
        (folder / "isa.hpp").write_text(cpp_header())
        (folder / "chip.v").write_text(verilog)
        sources = [*verilate([folder / "chip.v"], "chip", folder), source]
        ports = range(config.link_ports)
        defines = [
            f"-DPORTS={config.link_ports}",
            f"-DLINK_BYTES={config.link_bytes}",
            f"-DFOR_PORTS(M)={' '.join(f'M({p})' for p in ports)}",
            f"-DFOR_CLASSES(M)={' '.join(f'M({n}, {name})' for n, name in enumerate(CLASSES))}",
            "-DPREVIOUS_CLOCK=__Vtrigprevexpr___TOP__clk__0",
        ]
        include = [CORE, folder]
        objects = compile_objects(sources, folder, include=include, defines=defines, verilated=True)
        link(objects, folder / "chip.so")

    texts = [path.read_text() for path in (source, *sorted(CORE.glob("*.hpp")))]
    return built(f"crossing_{config.name}", [verilog, cpp_header(), *texts], build) / "chip.so"
