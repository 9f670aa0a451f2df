"""Link port: both halves of one link's end."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import PacketBeat
from intarsia.isa.counters import Activity
from intarsia.isa.faults import LINK_PORT, FaultCode, FaultReport
from intarsia.isa.packet import PacketHeader, PacketKind
from intarsia.link.geometry import CLASSES, Geometry
from intarsia.link.grant import Grant
from intarsia.link.receiver import Receiver
from intarsia.link.returns import Returns
from intarsia.link.session import Session
from intarsia.link.transmitter import Transmitter

__all__ = ["LinkPins", "LinkPort"]


class _Verdict(data.Struct):
    """What the receiver has to say of a packet. See :class:`Receiver`."""

    notice: PacketHeader
    heard: 1
    same: 1
    accepted: 1
    lengthy: 1
    retry: 1
    grant: Grant
    granted: 1
    fault: FaultReport
    faulty: 1


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
        What comes of a packet is known a cycle later; and see :class:`Transmitter`. Packets must
        take more than one beat.

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
        m.submodules.receiver = receiver = Receiver(link_bytes=self.link_bytes, relays=self.relays)
        m.submodules.returns = returns = Returns(link_bytes=self.link_bytes, relays=self.relays)

        for name in CLASSES:
            connect(m, flipped(getattr(self, f"send_{name}")), getattr(transmitter, name))
            connect(m, getattr(receiver, name), flipped(getattr(self, f"take_{name}")))
            held = getattr(returns, f"held_{name}")
            m.d.comb += held.eq(getattr(receiver, f"held_{name}"))
        verdict = self._judge(m, receiver, ends)
        notice = verdict.notice
        hello = notice.kind == PacketKind.HELLO
        m.d.comb += [
            session.tick.eq(self.tick),
            session.heard.eq(verdict.heard),
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
            transmitter.retry.eq(verdict.retry),
            transmitter.accepted.eq(verdict.accepted),
            transmitter.lengthy.eq(verdict.lengthy),
            transmitter.grant.valid.eq(verdict.granted),
            transmitter.grant.p.eq(verdict.grant),
            transmitter.expected.eq(receiver.expected),
            transmitter.due_class.eq(returns.message_class),
            transmitter.due_units.eq(returns.units),
            transmitter.urgent.eq(returns.urgent),
            transmitter.acknowledged.eq(verdict.heard & verdict.same & ~hello),
            transmitter.acknowledge.eq(notice.acknowledge),
            transmitter.again.eq(notice.kind == PacketKind.RETRY),
        ]

        m.d.sync += [
            self.repeated.eq(transmitter.repeated),
            self.damaged.eq(receiver.damaged),
        ]
        halves = (session, transmitter, receiver, returns)
        awake = [self.repeated, self.damaged, *(half.awake for half in halves)]
        if self.relays:
            awake += [verdict[name] for name in ("heard", "accepted", "retry", "faulty")]
        m.d.comb += self.awake.eq(Cat(awake).any())
        with m.If(verdict.faulty):
            m.d.comb += [self.fault.valid.eq(1), self.fault.p.eq(verdict.fault)]
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

    def _judge(self, m, receiver, ends):
        """What comes of packets. What concerns a life that ends goes with it."""
        said = Signal(_Verdict)
        m.d.comb += [
            *(
                said[name].eq(getattr(receiver, name))
                for name in ("notice", "heard", "same", "accepted", "lengthy", "retry")
            ),
            said.grant.eq(receiver.grant.p),
            said.granted.eq(receiver.grant.valid),
            said.fault.eq(receiver.fault.p),
            said.faulty.eq(receiver.fault.valid),
        ]
        if not self.relays:
            return said
        verdict = Signal(_Verdict)
        m.d.sync += verdict.eq(said)
        with m.If(ends):
            m.d.sync += [verdict[name].eq(0) for name in ("same", "accepted", "retry", "granted")]
        return verdict
