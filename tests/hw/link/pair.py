"""Two ports and the link between them, as one component."""

from amaranth import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import PacketBeat
from intarsia.isa.faults import FaultReport
from intarsia.link.geometry import CLASSES
from intarsia.link.port import LinkPort


class LinkPair(wiring.Component):
    """Packets go in at one port, and come out at the other, `latency` cycles away.

    In a cycle in which `noise` is not zero, the beat on its way from the first port is changed;
    `departs` says that there is one.
    """

    def __init__(self, *, link_bytes, latency):
        self.link_bytes = link_bytes
        self.latency = latency
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            **{f"send_{name}": In(beat) for name in CLASSES},
            **{f"take_{name}": Out(beat) for name in CLASSES},
            "noise": In(8 * link_bytes),
            "departs": Out(1),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.near = near = LinkPort(link_bytes=self.link_bytes, port=0)
        m.submodules.far = far = LinkPort(link_bytes=self.link_bytes, port=1)
        for name in CLASSES:
            connect(m, flipped(getattr(self, f"send_{name}")), getattr(near, f"send_{name}"))
            connect(m, getattr(far, f"take_{name}"), flipped(getattr(self, f"take_{name}")))
        connect(m, far.fault, flipped(self.fault))
        m.d.comb += self.departs.eq(near.tx.valid)
        for ahead, behind, noise in ((near, far, self.noise), (far, near, 0)):
            pins = Cat(ahead.tx.valid, ahead.tx.start, ahead.tx.data ^ noise)
            for _ in range(self.latency):
                later = Signal.like(pins)
                m.d.sync += later.eq(pins)
                pins = later
            m.d.comb += Cat(behind.rx.valid, behind.rx.start, behind.rx.data).eq(pins)
        return m
