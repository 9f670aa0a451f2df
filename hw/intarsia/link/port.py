"""Link port: both halves of one link's end."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import PacketBeat
from intarsia.isa.counters import Activity
from intarsia.isa.faults import LINK_PORT, FaultCode, FaultReport
from intarsia.isa.packet import PacketKind
from intarsia.link.geometry import CLASSES, Geometry
from intarsia.link.receiver import Receiver
from intarsia.link.returns import Returns
from intarsia.link.session import Session
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
    """One end of a link: packets in and out, by class, each of them once and in order.

    Parameters
    ----------
    link_bytes : int
        4 or 16.
    port : int
        Number of the port, for reports.
    relays : bool
        See :class:`Transmitter`.

    Members
    -------
    tick : In(1)
        Timebase.
    tx, rx : Out(LinkPins(link_bytes)), In(LinkPins(link_bytes))
        The link.
    send_control, send_reply, … : In(stream.Signature(PacketBeat(link_bytes)))
        Packets to send. See :class:`Transmitter`.
    take_control, take_reply, … : Out(stream.Signature(PacketBeat(link_bytes)))
        Packets received. See :class:`Receiver`.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    tx_activity, rx_activity : Out(Activity)
    repeated, damaged : Out(1), Out(1)
        In the cycle before, a packet began that was sent before; one came that was damaged.
    awake : Out(1)
        Where it is low, registers change with `tick` or a beat on `rx` at most: the port needs no
        clock in other cycles.
    """

    def __init__(self, *, link_bytes, port, relays=False):
        self.link_bytes = Geometry(link_bytes).link_bytes
        self.port = port
        self.relays = relays
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            "tick": In(1),
            "tx": Out(LinkPins(link_bytes)),
            "rx": In(LinkPins(link_bytes)),
            **{f"send_{name}": In(beat) for name in CLASSES},
            **{f"take_{name}": Out(beat) for name in CLASSES},
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
            "tx_activity": Out(Activity),
            "rx_activity": Out(Activity),
            "repeated": Out(1),
            "damaged": Out(1),
            "awake": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.session = session = Session()
        transmitter = Transmitter(link_bytes=self.link_bytes, relays=self.relays)
        ends = session.lost | session.renewed
        m.submodules.transmitter = ResetInserter({"sync": ends})(transmitter)
        m.submodules.receiver = receiver = Receiver(link_bytes=self.link_bytes)
        m.submodules.returns = returns = Returns(link_bytes=self.link_bytes)

        for name in CLASSES:
            connect(m, flipped(getattr(self, f"send_{name}")), getattr(transmitter, name))
            connect(m, getattr(receiver, name), flipped(getattr(self, f"take_{name}")))
            held = getattr(returns, f"held_{name}")
            m.d.comb += held.eq(getattr(receiver, f"held_{name}"))
        connect(m, grant=receiver.grant, sender=transmitter.grant)
        notice = receiver.notice
        hello = notice.kind == PacketKind.HELLO
        m.d.comb += [
            session.tick.eq(self.tick),
            session.heard.eq(receiver.heard),
            session.hello.eq(hello),
            session.epoch.eq(notice.epoch),
            session.seen.eq(notice.credits),
            session.news.eq(transmitter.news),
            receiver.tick.eq(self.tick),
            receiver.up.eq(session.up),
            receiver.other.eq(session.other),
            returns.up.eq(session.up),
            returns.freed.eq(receiver.freed),
            returns.returned.eq(transmitter.returned),
            transmitter.up.eq(session.up),
            transmitter.dead.eq(session.dead),
            transmitter.life.eq(session.life),
            transmitter.other.eq(session.other),
            transmitter.speak.eq(session.speak),
            transmitter.retry.eq(receiver.retry),
            transmitter.accepted.eq(receiver.accepted),
            transmitter.lengthy.eq(receiver.lengthy),
            transmitter.expected.eq(receiver.expected),
            transmitter.due_class.eq(returns.message_class),
            transmitter.due_units.eq(returns.units),
            transmitter.urgent.eq(returns.urgent),
            transmitter.acknowledged.eq(receiver.heard & receiver.same & ~hello),
            transmitter.acknowledge.eq(notice.acknowledge),
            transmitter.again.eq(notice.kind == PacketKind.RETRY),
        ]

        m.d.sync += [
            self.repeated.eq(transmitter.repeated),
            self.damaged.eq(receiver.damaged),
        ]
        halves = (session, transmitter, receiver, returns)
        m.d.comb += self.awake.eq(
            Cat(self.repeated, self.damaged, *(half.awake for half in halves)).any()
        )
        with m.If(receiver.fault.valid):
            m.d.comb += [self.fault.valid.eq(1), self.fault.p.eq(receiver.fault.p)]
        with m.Elif(session.lost | (session.renewed & transmitter.pending) | transmitter.dropped):
            m.d.comb += [
                self.fault.valid.eq(1),
                self.fault.p.code.eq(FaultCode.LINK),
                self.fault.p.engine.eq(LINK_PORT),
                self.fault.p.node.eq(Mux(transmitter.dropped, transmitter.destination, 0)),
            ]
        with m.If(self.fault.valid):
            m.d.comb += self.fault.p.info.eq(self.port)
        m.d.comb += [
            receiver.valid.eq(self.rx.valid),
            receiver.start.eq(self.rx.start),
            receiver.data.eq(self.rx.data),
            self.tx.valid.eq(transmitter.valid),
            self.tx.start.eq(transmitter.start),
            self.tx.data.eq(transmitter.data),
            self.tx_activity.eq(transmitter.activity),
            self.rx_activity.eq(receiver.activity),
        ]
        return m
