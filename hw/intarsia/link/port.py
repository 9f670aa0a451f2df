"""Link port: both halves of one link's end."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import PacketBeat
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultReport
from intarsia.link.geometry import CLASSES, Geometry
from intarsia.link.receiver import Receiver
from intarsia.link.transmitter import Transmitter

__all__ = ["LinkPins", "LinkPort"]


class LinkPins(wiring.Signature):
    """One direction of a link, seen from the sender.

    Members
    -------
    valid : Out(1)
        There is a beat in this cycle. The beats of a packet follow each other without a gap.
    start : Out(1)
        It is the first one of a packet.
    data : Out(8 * link_bytes)
    """

    def __init__(self, link_bytes):
        self.link_bytes = link_bytes
        super().__init__({"valid": Out(1), "start": Out(1), "data": Out(8 * link_bytes)})

    def __eq__(self, other):
        return isinstance(other, LinkPins) and self.link_bytes == other.link_bytes

    def __repr__(self):
        return f"LinkPins({self.link_bytes})"


class LinkPort(wiring.Component):
    """One end of a link: packets in and out, by class, with CRC and credits.

    Parameters
    ----------
    link_bytes : int
        4 or 16.
    port : int
        Number of the port, for reports.

    Members
    -------
    tx, rx : Out(LinkPins(link_bytes)), In(LinkPins(link_bytes))
        The link.
    send_control, send_reply, send_request : In(stream.Signature(PacketBeat(link_bytes)))
        Packets to send. See :class:`Transmitter`.
    take_control, take_reply, take_request : Out(stream.Signature(PacketBeat(link_bytes)))
        Packets received. See :class:`Receiver`.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    tx_activity, rx_activity : Out(Activity)
    """

    def __init__(self, *, link_bytes, port):
        self.link_bytes = Geometry(link_bytes).link_bytes
        self.port = port
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            "tx": Out(LinkPins(link_bytes)),
            "rx": In(LinkPins(link_bytes)),
            **{f"send_{name}": In(beat) for name in CLASSES},
            **{f"take_{name}": Out(beat) for name in CLASSES},
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
            "tx_activity": Out(Activity),
            "rx_activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.transmitter = sender = Transmitter(link_bytes=self.link_bytes)
        m.submodules.receiver = receiver = Receiver(link_bytes=self.link_bytes)

        for name in CLASSES:
            connect(m, flipped(getattr(self, f"send_{name}")), getattr(sender, name))
            connect(m, getattr(receiver, name), flipped(getattr(self, f"take_{name}")))
            freed = f"freed_{name}"
            m.d.comb += getattr(sender, freed).eq(getattr(receiver, freed))
        connect(m, grant=receiver.grant, sender=sender.grant)
        m.d.comb += [
            self.fault.valid.eq(receiver.fault.valid),
            self.fault.p.eq(receiver.fault.p),
        ]
        with m.If(receiver.fault.valid):
            m.d.comb += self.fault.p.info.eq(self.port)
        m.d.comb += sender.acknowledge.eq(receiver.acknowledge)
        m.d.comb += [
            receiver.valid.eq(self.rx.valid),
            receiver.start.eq(self.rx.start),
            receiver.data.eq(self.rx.data),
            self.tx.valid.eq(sender.valid),
            self.tx.start.eq(sender.start),
            self.tx.data.eq(sender.data),
            self.tx_activity.eq(sender.activity),
            self.rx_activity.eq(receiver.activity),
        ]
        return m
