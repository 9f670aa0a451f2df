"""Sending half of a link port: what it has sent it keeps, until it has arrived."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from intarsia.common.crc import Crc32
from intarsia.common.ports import PacketBeat
from intarsia.isa.counters import Activity
from intarsia.isa.packet import CREDIT_UNIT, MessageClass, PacketKind
from intarsia.link.geometry import CLASSES, Geometry
from intarsia.link.notice import Notice

__all__ = ["Grant", "Transmitter"]

#: Packets that have arrived and are acknowledged at once, even if others wait to be sent.
PROMPT = 8


class Grant(data.Struct):
    """Credits that the other side gave."""

    message_class: MessageClass
    """Class they are for."""

    credits: 6
    """How many, each for `CREDIT_UNIT` beats."""


class Transmitter(wiring.Component):
    """Sends the packets of four classes over one link, again and again until they have arrived.

    A packet is taken in when its class has credits for the longest packet of that class; control
    goes before reply, reply before forward, forward before request. It is stored in a ring, while
    its CRC is computed, and leaves in one piece; so a producer may pause within a packet. A packet
    of n beats appears on the link n + 2 cycles after its first beat was taken, at the earliest, and
    packets follow each other without a gap. It stays in the ring until it is acknowledged. RETRY
    from the other end makes the transmitter go back to the oldest packet that is not, and send all
    from there on once more.

    Credits for what was taken out of this side's receive buffers ride in the headers. Where there
    are enough to return and no packet is ready, a CREDIT packet takes them.

    Notices say what has arrived here. They are sent when nothing else is, after `PROMPT` packets or
    a long one even if there is something, and when they are asked for. Each is made when it is
    sent.

    To be reset when a life of the link ends. Of a packet whose first beats were lost with that, the
    other ones are dropped, too.

    Parameters
    ----------
    link_bytes : int
        4 or 16.

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
    due_class, due_units, urgent : In(MessageClass), In(6), In(1)
        Credits to return, and whether they are worth a packet.
    returned : Out(1)
        They are in a packet.
    grant : In(stream.Signature(Grant, always_ready=True))
        Credits that came in.
    acknowledged : In(1)
        A notice has come: packets before `acknowledge` have arrived, and if `again`, others have
        been lost.
    acknowledge, again : In(8), In(1)
    news : Out(1)
        `acknowledge` says something new, or there is nothing that it could.
    pending : Out(1)
        There are packets that have not been acknowledged.
    dropped, destination : Out(1), Out(16)
        A packet for that node is dropped.
    valid, start, data : Out(1), Out(1), Out(8 * link_bytes)
        The link.
    activity : Out(Activity)
        BUSY while a beat is on the link, LINK while a packet waits for credits or acknowledgements.
    """

    def __init__(self, *, link_bytes):
        self.geometry = Geometry(link_bytes)
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
            "due_class": In(MessageClass),
            "due_units": In(6),
            "urgent": In(1),
            "returned": Out(1),
            "grant": In(stream.Signature(Grant, always_ready=True)),
            "acknowledged": In(1),
            "acknowledge": In(8),
            "again": In(1),
            "news": Out(1),
            "pending": Out(1),
            "dropped": Out(1),
            "destination": Out(16),
            "valid": Out(1),
            "start": Out(1),
            "data": Out(8 * link_bytes),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        width = 8 * geometry.link_bytes
        depth = geometry.ring
        index_bits = ceil_log2(geometry.window)

        m.submodules.ring = ring = memory.Memory(shape=width + 1, depth=depth, init=[])
        write = ring.write_port()
        read = ring.read_port()
        # By number of the packet: its CRC, and where it begins.
        m.submodules.sums = sums = memory.Memory(shape=32, depth=geometry.window, init=[])
        sum_write, sum_read = sums.write_port(), sums.read_port(domain="comb")
        m.submodules.begins = begins = memory.Memory(
            shape=ceil_log2(depth) + 1, depth=geometry.window, init=[]
        )
        begin_write, begin_read = begins.write_port(), begins.read_port(domain="comb")

        # Positions count beyond the ring, so that full and empty differ.
        base, fill, out = (Signal(range(2 * depth), name=name) for name in ("base", "fill", "out"))
        # Numbers of packets: the oldest that is kept, the one that is filled or comes next, the
        # first that is not complete, the one that is sent next.
        oldest, sequence, sent = (Signal(8, name=n) for n in ("oldest", "sequence", "sent"))
        complete = Signal(index_bits + 1)

        # ---- What has arrived
        place = Signal(range(geometry.longest))
        progress = Signal()
        m.d.comb += [
            begin_read.addr.eq(self.acknowledge),
            progress.eq(self.acknowledge != oldest),
            self.news.eq(progress | (oldest == sequence)),
            self.pending.eq((oldest != sequence) | (place != 0)),
        ]
        with m.If(self.acknowledged & progress):
            m.d.sync += [oldest.eq(self.acknowledge), base.eq(begin_read.data)]

        # ---- Which packet goes next
        balance = {name: Signal(12, name=f"balance_{name}") for name in CLASSES}
        credit = len(CLASSES)
        choice = Signal(credit + 1)  # one bit per class, and one for CREDIT
        held = Signal.like(choice)
        current = Signal.like(choice)
        ready = Signal(credit)
        m.d.comb += ready.eq(
            Cat(
                source.valid
                & ((balance[name] >= geometry.demand(name)) | self.dead | ~source.p.first)
                for name, source in self._sources()
            )
        )
        waiting = Cat(source.valid for _, source in self._sources())
        m.d.comb += [
            choice.eq(Mux(ready.any(), ready & (~ready + 1), self.urgent << credit)),
            current.eq(Mux(place == 0, choice, held)),
        ]

        # ---- From the source into the ring
        filling = Signal()
        storing = Signal()
        space = Signal()
        beat = Signal(PacketBeat(geometry.link_bytes))
        available = Signal()
        in_flight = Signal(index_bits + 1)
        m.d.comb += [
            in_flight.eq(sequence - oldest),
            space.eq((fill ^ base != depth) & ((place != 0) | ~in_flight[-1])),
        ]
        for n, (_, source) in enumerate(self._sources()):
            with m.If(current[n]):
                m.d.comb += [
                    beat.eq(source.p),
                    available.eq(source.valid),
                    source.ready.eq(space),
                ]
        with m.If(current[credit]):
            first_beat, kind_bit = geometry.locate("kind")
            m.d.comb += [
                available.eq(1),
                beat.first.eq(place == 0),
                beat.last.eq(place == geometry.header_beats - 1),
                beat.data.eq(Mux(place == first_beat, PacketKind.CREDIT.value << kind_bit, 0)),
            ]
        m.d.comb += [
            filling.eq(available & space),
            storing.eq(filling & ((place != 0) | (beat.first & ~self.dead))),
            self.dropped.eq(filling & beat.first & self.dead),
            self.destination.eq(beat.data),
        ]

        # What a packet brings from another link, and what this one puts in its place.
        foreign = Signal(width)
        fields = Signal(width)
        link_beat, link_bit = geometry.locate("sequence")
        crc_beat, crc_bit = geometry.locate("crc")
        link_fields = Cat(
            sequence,
            Const(0, 8),
            self.due_class,
            self.due_units,
            self.life,
            Const(geometry.format, 4),
        )
        for at, first, last in ((crc_beat, crc_bit, crc_bit + 32), (link_beat, link_bit, width)):
            with m.If(place == at):
                m.d.comb += foreign[first:last].eq(~0)
        with m.If(place == link_beat):
            m.d.comb += fields.eq(link_fields << link_bit)
        m.submodules.crc = crc = Crc32(width=width)
        m.d.comb += [
            self.returned.eq(storing & (place == link_beat)),
            write.addr.eq(fill),
            write.data.eq(Cat(beat.data & ~foreign | fields, beat.last)),
            write.en.eq(storing),
            crc.start.eq(storing & (place == 0)),
            crc.valid.eq(storing),
            crc.word.eq(write.data),
        ]
        with m.If(storing):
            m.d.sync += [
                fill.eq(fill + 1),
                place.eq(Mux(beat.last, 0, place + 1)),
                held.eq(current),
            ]
            with m.If(beat.last):
                m.d.sync += sequence.eq(sequence + 1)
        # The CRC of a packet is there in the cycle after its last beat; the next one begins there.
        filled = Signal()
        m.d.sync += filled.eq(storing & beat.last)
        m.d.comb += [
            sum_write.addr.eq(complete),
            sum_write.data.eq(crc.crc),
            sum_write.en.eq(filled),
            begin_write.addr.eq(complete + 1),
            begin_write.data.eq(fill),
            begin_write.en.eq(filled),
        ]
        with m.If(filled):
            m.d.sync += complete.eq(complete + 1)

        # ---- Credits of the other side
        for n, (name, message_class) in enumerate(CLASSES.items()):
            spent = Signal(name=f"spent_{name}")
            given = Signal(10, name=f"given_{name}")
            m.d.comb += spent.eq(storing & current[n])
            with m.If(self.grant.valid & (self.grant.p.message_class == message_class)):
                m.d.comb += given.eq(self.grant.p.credits * CREDIT_UNIT)
            with m.If(spent | (given != 0)):
                m.d.sync += balance[name].eq(balance[name] + given - spent)

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
        m.submodules.notice = notice = Notice(link_bytes=geometry.link_bytes)

        # ---- Onto the link
        again = Signal()
        behind = Signal(index_bits + 2)
        more = Signal()
        kept = Signal()  # What is on the link comes from the ring.
        index = Signal(geometry.index)
        boundary = Signal()
        reading = Signal()
        noting = Signal()
        ended = Signal()
        m.d.comb += [
            behind.eq(sent - oldest),
            more.eq(sent[: index_bits + 1] != complete),
            ended.eq(Mux(kept, read.data[-1], index == geometry.header_beats - 1)),
            boundary.eq(~self.valid | ended),
            read.addr.eq(out),
            read.en.eq(reading),
        ]
        with m.If(~boundary):
            m.d.comb += [reading.eq(kept), noting.eq(~kept)]
        with m.Elif(again | behind[-1]):
            m.d.sync += [again.eq(0), out.eq(base), sent.eq(oldest)]
        with m.Elif(due | (owing & ~more)):
            m.d.comb += [noting.eq(1), notice_begins.eq(1)]
        with m.Else():
            m.d.comb += reading.eq(more)
        with m.If(self.acknowledged & self.again):
            m.d.sync += again.eq(1)

        comes = Signal.like(index)  # of the beat that goes onto the link with the next cycle
        last_index = geometry.header_beats - 1
        m.d.comb += comes.eq(Mux(boundary, 0, Mux(index == last_index, index, index + 1)))
        extra = Signal(width)  # what does not come from the ring
        summed = Signal()
        m.d.comb += [
            sum_read.addr.eq(sent),
            summed.eq(reading & (comes == crc_beat) & (boundary | (index != last_index))),
        ]
        notice_kind = Signal(PacketKind)
        kind_held = Signal(PacketKind)
        acknowledge_held = Signal(8)
        seen_held = Signal(4)
        with m.If(noting):
            m.d.comb += [
                notice_kind.eq(
                    Mux(self.up, Mux(retry, PacketKind.RETRY, PacketKind.ACK), PacketKind.HELLO)
                ),
                notice.index.eq(comes),
                notice.kind.eq(Mux(boundary, notice_kind, kind_held)),
                notice.sequence.eq(sent),
                notice.acknowledge.eq(Mux(boundary, self.expected, acknowledge_held)),
                notice.seen.eq(Mux(boundary, self.other, seen_held)),
                notice.epoch.eq(self.life),
            ]
            m.d.sync += extra.eq(notice.word)
            with m.If(boundary):
                m.d.sync += [
                    kind_held.eq(notice_kind),
                    acknowledge_held.eq(self.expected),
                    seen_held.eq(self.other),
                ]
        with m.Elif(reading):
            m.d.sync += extra.eq(Mux(summed, sum_read.data << crc_bit, 0))
        with m.If(summed):
            m.d.sync += sent.eq(sent + 1)
        m.d.sync += [
            self.valid.eq(reading | noting),
            self.start.eq((reading | noting) & boundary),
        ]
        with m.If(reading | noting):
            m.d.sync += [kept.eq(reading), index.eq(comes)]
        with m.If(reading):
            m.d.sync += out.eq(out + 1)
        with m.If(self.valid):
            m.d.comb += self.data.eq(Mux(kept, read.data[:-1], 0) | extra)

        with m.If(self.valid | reading | noting):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(waiting.any()):
            m.d.comb += self.activity.eq(Activity.LINK)

        return m

    def _sources(self):
        """Streams of packets to send, by class, in the order in which they are served."""
        return [(name, getattr(self, name)) for name in CLASSES]
