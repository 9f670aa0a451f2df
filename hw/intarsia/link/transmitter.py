"""Sending half of a link port: what it has sent it keeps, until it has arrived."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import ceil_log2

from intarsia.common.ports import PacketBeat
from intarsia.isa.counters import Activity
from intarsia.isa.packet import MessageClass, PacketKind
from intarsia.link.collector import Collector, RingBeat
from intarsia.link.geometry import CLASSES, Geometry
from intarsia.link.grant import Grant
from intarsia.link.notice import Notice

__all__ = ["Transmitter"]

#: Packets that have arrived and are acknowledged at once, even if others wait to be sent.
PROMPT = 8


class Transmitter(wiring.Component):
    """Sends packets over a link, again and again until they have arrived.

    Packets are taken as :class:`~intarsia.link.collector.Collector` says. They are stored in a
    ring, and leave in one piece; so a producer may pause within a packet. A packet of n beats
    appears on the link n cycles after its first beat was taken, at the earliest, one of a single
    beat a cycle later, and packets follow each other without a gap. It stays in the ring until it
    is acknowledged. RETRY from the other end makes the transmitter go back to the oldest packet
    that is not, and send all from there on once more.

    Notices say what has arrived here. They are sent when nothing else is, after `PROMPT` packets or
    a long one even if there is something, and when they are asked for. Each is made when it is
    sent.

    To be reset when a life of the link ends. Of a packet whose first beats were lost with that, the
    other ones are dropped, too.

    Parameters
    ----------
    link_bytes : int
        4 or 16.
    relays : bool
        See :class:`~intarsia.link.collector.Collector`: between packets that are taken, and so
        between those that are sent, a cycle may be lost.

    Members
    -------
    control, reply, forward, request : In(stream.Signature(PacketBeat(link_bytes)))
        Packets to send. What the header says of another link, and its CRC, is replaced.
    up, dead, life, other : In(1), In(1), In(4), In(4)
        See :class:`~intarsia.link.session.Session`. Packets for a link that is dead are dropped.
    speak : In(1)
        A notice is due.
    retry : In(1)
        One is due that asks for packets that have not arrived.
    accepted, lengthy : In(1), In(1)
        A packet has arrived; it is a long one.
    expected : In(8)
        Number of the next one.
    urgent, due_class, due_units : In(1), In(MessageClass), In(6)
        Whether there are credits that are worth a packet, and which are returned.
    returned : Out(1)
        They are in a packet.
    grant : In(stream.Signature(Grant, always_ready=True))
        Credits that came in.
    acknowledged : In(1)
        A notice has come: packets before `acknowledge` have arrived, and if `again`, others have
        been lost.
    acknowledge, again : In(8), In(1)
    news : Out(1)
        With `acknowledged`: `acknowledge` says something new, or there is nothing that it could.
    pending : Out(1)
        There are packets that have not been acknowledged.
    repeated : Out(1)
        A packet begins that was sent before.
    dropped, destination : Out(1), Out(16)
        A packet for that node is dropped.
    valid, start, data : Out(1), Out(1), Out(8 * link_bytes)
        The link.
    activity : Out(Activity)
        BUSY while a beat is on the link, LINK while a packet waits for credits or acknowledgements.
    awake : Out(1)
        Where it is low, registers change with `speak`, `retry`, `accepted`, `grant` or
        `acknowledged` at most.
    """

    def __init__(self, *, link_bytes, relays=False):
        self.geometry = Geometry(link_bytes)
        self.relays = relays
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            **{name: In(beat) for name in CLASSES},
            "up": In(1),
            "dead": In(1),
            "life": In(4),
            "other": In(4),
            "speak": In(1),
            "retry": In(1),
            "accepted": In(1),
            "lengthy": In(1),
            "expected": In(8),
            "urgent": In(1),
            "due_class": In(MessageClass),
            "due_units": In(6),
            "returned": Out(1),
            "grant": In(stream.Signature(Grant, always_ready=True)),
            "acknowledged": In(1),
            "acknowledge": In(8),
            "again": In(1),
            "news": Out(1),
            "pending": Out(1),
            "repeated": Out(1),
            "dropped": Out(1),
            "destination": Out(16),
            "valid": Out(1),
            "start": Out(1),
            "data": Out(8 * link_bytes),
            "activity": Out(Activity),
            "awake": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        width = 8 * geometry.link_bytes
        depth = geometry.ring

        m.submodules.collector = collector = Collector(
            link_bytes=geometry.link_bytes, relays=self.relays
        )
        for name in CLASSES:
            connect(m, flipped(getattr(self, name)), getattr(collector, name))
        connect(m, flipped(self.grant), collector.grant)
        m.d.comb += [
            getattr(collector, name).eq(getattr(self, name))
            for name in ("dead", "life", "urgent", "due_class", "due_units")
        ]
        m.d.comb += [
            getattr(self, name).eq(getattr(collector, name))
            for name in ("returned", "dropped", "destination")
        ]

        # ---- What is kept: beats; and by number of the packet its CRC, and where it begins
        m.submodules.ring = ring = memory.Memory(
            shape=RingBeat(geometry.link_bytes),
            depth=depth,
            init=[],
            attrs={"no_rw_check": 1},  # No beat is read in the cycle in which it is written.
        )
        write, read = ring.write_port(), ring.read_port()
        m.submodules.sums = sums = memory.Memory(shape=32, depth=geometry.window, init=[])
        sum_write, sum_read = sums.write_port(), sums.read_port(domain="comb")
        m.submodules.begins = begins = memory.Memory(
            shape=ceil_log2(depth) + 1, depth=geometry.window, init=[]
        )
        begin_write, begin_read = begins.write_port(), begins.read_port(domain="comb")
        # Numbers of packets: the oldest that is kept, the one that is sent next, the first that is
        # not complete.
        oldest, sent = Signal(8, name="oldest"), Signal(8, name="sent")
        complete = Signal(range(2 * geometry.window))
        base = Signal(range(2 * depth))
        with m.If(collector.beat.valid):
            m.d.comb += [
                write.addr.eq(collector.fill),
                write.data.eq(collector.beat.p),
                write.en.eq(1),
            ]
        with m.If(collector.filled):
            m.d.comb += [
                sum_write.addr.eq(complete),
                sum_write.data.eq(collector.crc),
                sum_write.en.eq(1),
                begin_write.addr.eq(complete + 1),
                begin_write.data.eq(collector.fill),
                begin_write.en.eq(1),
            ]
            m.d.sync += complete.eq(complete + 1)

        # ---- What has arrived
        progress = Signal()
        m.d.comb += [
            collector.oldest.eq(oldest),
            collector.base.eq(base),
            progress.eq(self.acknowledge != oldest),
            self.news.eq(progress | (oldest == collector.sequence)),
            self.pending.eq((oldest != collector.sequence) | collector.begun),
        ]
        with m.If(self.acknowledged & progress):
            m.d.comb += begin_read.addr.eq(self.acknowledge)
            m.d.sync += [oldest.eq(self.acknowledge), base.eq(begin_read.data)]

        # ---- Notices
        due = Signal(init=1)  # A life begins with a HELLO.
        retry = Signal()
        owing = Signal()
        owed = Signal(range(PROMPT))
        notice_begins = Signal()
        with m.If(notice_begins):
            m.d.sync += [due.eq(0), retry.eq(0), owing.eq(0), owed.eq(0)]
        prompt = self.accepted & (self.lengthy | (owed == PROMPT - 1))
        with m.If(self.speak | self.retry | prompt | (self.acknowledged & self.again)):
            m.d.sync += due.eq(1)
        with m.If(self.retry):
            m.d.sync += retry.eq(1)
        with m.If(self.accepted):
            m.d.sync += [owing.eq(1), owed.eq(Mux(notice_begins, 1, owed + 1))]

        # ---- What goes onto the link with the next cycle
        sending = Signal()  # There is something on the link.
        kept = Signal()  # It comes from the ring.
        index = Signal(geometry.index)  # It is that beat of a header.
        primed = Signal()  # `read` has the first beat of the packet that is being taken.
        fires = Signal()  # That goes onto the link in this cycle: now its CRC is known.
        again = Signal()
        out = Signal(range(2 * depth))
        behind = Signal(range(4 * geometry.window))
        more = Signal()
        fresh = Signal()
        boundary = Signal()
        primes = Signal()
        reading = Signal()
        noting = Signal()
        notes = Signal()  # A notice begins, if something does.
        last_index = geometry.header_beats - 1
        m.d.comb += [
            more.eq(sent[: len(complete)] != complete),
            fresh.eq(collector.filled & ~more),
            fires.eq(primed & collector.filled),
            self.valid.eq(sending | fires),
        ]
        # A packet that comes without a pause is worth waiting for; one that is held up may be so by
        # the lack of acknowledgements at the other end.
        moving = Signal()
        m.d.sync += moving.eq(collector.beat.valid)
        active = Signal()
        waiting = Cat(self.valid, more, collector.filled, collector.begun, due, owing, again)
        m.d.comb += [
            active.eq(waiting.any()),
            self.awake.eq(active | moving | collector.awake),
        ]
        with m.If(active):
            m.d.comb += [
                behind.eq(sent - oldest),
                notes.eq(~again & ~behind[-1] & (due | (owing & ~more & ~fresh & ~moving))),
                boundary.eq(~self.valid | Mux(kept, read.data.last, index == last_index)),
                read.addr.eq(out),
                read.en.eq(reading | primes),
            ]
            with m.If(~boundary):
                m.d.comb += [reading.eq(kept), noting.eq(~kept)]
            with m.Elif(again | behind[-1]):
                m.d.sync += [again.eq(0), out.eq(base), sent.eq(oldest), primed.eq(0)]
            with m.Elif(notes):
                m.d.comb += [noting.eq(1), notice_begins.eq(1)]
                with m.If(primed):
                    m.d.sync += [out.eq(out - 1), primed.eq(0)]
            with m.Else():
                m.d.comb += reading.eq(more | fresh)
                m.d.comb += primes.eq(collector.begun & ~primed & ~reading)
        with m.If(self.acknowledged & self.again):
            m.d.sync += again.eq(1)
        with m.If(reading | primes):
            m.d.sync += out.eq(out + 1)
        with m.If(primes | fires):
            m.d.sync += primed.eq(primes)

        # ---- Beats, but for what comes from the ring
        onto = Signal()
        starts = Signal()
        comes = Signal.like(index)
        crc_beat, crc_bit = geometry.locate("crc")
        extra = Signal(width)
        summed = Signal()
        leaves = Signal()
        latest = Signal(8)
        several = geometry.header_beats > 1
        follows = Signal.like(index)
        m.d.comb += [
            follows.eq(Mux(index == last_index, index, index + 1)),
            onto.eq(reading | noting),
            self.start.eq(starts | fires),
            leaves.eq(summed | (fires & (crc_beat == 0))),
        ]
        m.d.sync += sending.eq(onto)
        with m.If(onto):
            m.d.comb += comes.eq(Mux(boundary, 0, follows))
        with m.If(onto | primes):
            m.d.sync += [starts.eq(boundary & onto), kept.eq(~noting), index.eq(comes)]

        m.submodules.notice = notice = Notice(link_bytes=geometry.link_bytes)
        opening = notice
        if several:
            m.submodules.opening = opening = Notice(link_bytes=geometry.link_bytes)
        kind_held = Signal(PacketKind)
        acknowledge_held = Signal(8)
        seen_held = Signal(4)
        with m.If(notes):
            m.d.comb += [
                opening.wanted.eq(1),
                opening.kind.eq(Mux(retry, PacketKind.RETRY, PacketKind.ACK)),
                opening.sequence.eq(sent),
                opening.acknowledge.eq(self.expected),
                opening.seen.eq(self.other),
                opening.epoch.eq(self.life),
            ]
            with m.If(~self.up):
                m.d.comb += opening.kind.eq(PacketKind.HELLO)
        with m.If(notice_begins):
            m.d.sync += [
                kind_held.eq(opening.kind),
                acknowledge_held.eq(opening.acknowledge),
                seen_held.eq(opening.seen),
            ]
        # Whether a packet begins is known late, and chooses last.
        sum_now = Mux(fresh, collector.crc, sum_read.data) << crc_bit
        crc_follows = (follows == crc_beat) & (index != last_index)
        with m.If(reading):
            m.d.comb += sum_read.addr.eq(sent)
        if several:
            # The first beat of a notice says its kind and nothing else.
            with m.If(sending & ~kept):
                m.d.comb += [
                    notice.wanted.eq(1),
                    notice.index.eq(follows),
                    notice.kind.eq(kind_held),
                    notice.sequence.eq(sent),
                    notice.acknowledge.eq(acknowledge_held),
                    notice.seen.eq(seen_held),
                    notice.epoch.eq(self.life),
                ]
            m.d.comb += summed.eq(reading & ~boundary & crc_follows)
            first = opening.word
            later = Mux(kept, Mux(crc_follows, sum_now, 0), notice.word)
        else:
            m.d.comb += summed.eq(reading & boundary)
            first = Mux(notes, opening.word, Mux(reading, sum_now, 0))
            later = Const(0)
        with m.If(active if several else onto | primes):
            m.d.sync += extra.eq(Mux(boundary, first, later))
        with m.If(self.valid):
            m.d.comb += self.data.eq(Mux(kept, read.data.data, 0) | extra)
            if crc_beat == 0:
                with m.If(fires):
                    m.d.comb += self.data.eq(read.data.data | (collector.crc << crc_bit))

        # ---- How far we are; packets before `latest` have been sent before
        with m.If(leaves):
            m.d.sync += sent.eq(sent + 1)
            with m.If(sent == latest):
                m.d.sync += latest.eq(sent + 1)
            with m.Else():
                m.d.comb += self.repeated.eq(1)

        with m.If(self.valid | onto):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(collector.waits):
            m.d.comb += self.activity.eq(Activity.LINK)

        return m
