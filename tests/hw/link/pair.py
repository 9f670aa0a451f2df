"""Two ports and the link between them, as one component."""

from amaranth import Cat, Const, EnableInserter, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import PacketBeat
from intarsia.isa.faults import FaultReport
from intarsia.link.geometry import CLASSES, Geometry
from intarsia.link.port import LinkPort

#: The two ends.
ENDS = ("near", "far")


class LinkPair(wiring.Component):
    """Packets go in at either port, and come out at the other, `latency` cycles away.

    `near_noise` changes the beat that leaves the near port in this cycle, and `near_mute` drops it;
    `near_reset` resets that port. There is a pulse of the timebase every `timebase` cycles. The
    near port has a clock only when it is awake.
    """

    def __init__(self, *, link_bytes, latency, timebase=256, relays=False):
        self.link_bytes = link_bytes
        self.relays = relays
        self.latency = latency
        self.timebase = timebase
        self.header_beats = Geometry(link_bytes).header_beats
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            f"{end}_{name}": member
            for end in ENDS
            for name, member in {
                **{f"send_{name}": In(beat) for name in CLASSES},
                **{f"take_{name}": Out(beat) for name in CLASSES},
                "noise": In(8 * link_bytes),
                "mute": In(1),
                "reset": In(1),
                "fault": Out(stream.Signature(FaultReport, always_ready=True)),
                "valid": Out(1),
                "start": Out(1),
            }.items()
        })

    def elaborate(self, platform):
        m = Module()
        count = Signal(range(self.timebase), init=self.timebase // 2)
        m.d.sync += count.eq(count + 1)
        with m.If(count == self.timebase - 1):
            m.d.sync += count.eq(0)

        ports = {}
        for number, end in enumerate(ENDS):
            ports[end] = port = LinkPort(
                link_bytes=self.link_bytes, port=number, relays=self.relays
            )
            awake = port.awake | port.tick | port.rx.valid if end == "near" else Const(1)
            resets = ResetInserter({"sync": getattr(self, f"{end}_reset")})
            m.submodules[end] = resets(EnableInserter({"sync": awake})(port))
            m.d.comb += port.tick.eq(count == 0)
            for name in CLASSES:
                send, take = f"send_{name}", f"take_{name}"
                connect(m, flipped(getattr(self, f"{end}_{send}")), getattr(port, send))
                connect(m, getattr(port, take), flipped(getattr(self, f"{end}_{take}")))
            connect(m, port.fault, flipped(getattr(self, f"{end}_fault")))
        for end, other in (ENDS, ENDS[::-1]):
            tx, rx = ports[end].tx, ports[other].rx
            m.d.comb += [
                getattr(self, f"{end}_valid").eq(tx.valid),
                getattr(self, f"{end}_start").eq(tx.start),
            ]
            pins = Cat(
                tx.valid & ~getattr(self, f"{end}_mute"),
                tx.start,
                tx.data ^ getattr(self, f"{end}_noise"),
            )
            for _ in range(self.latency):
                later = Signal.like(pins)
                m.d.sync += later.eq(pins)
                pins = later
            m.d.comb += Cat(rx.valid, rx.start, rx.data).eq(pins)
        return m
