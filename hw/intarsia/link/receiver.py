"""Receiving half of a link port: nothing leaves it before its CRC is good."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.crc import Crc32
from intarsia.common.ports import PacketBeat
from intarsia.isa.address import PAYLOAD_MAX
from intarsia.isa.counters import Activity
from intarsia.isa.faults import LINK_PORT, FaultCode, FaultReport
from intarsia.isa.packet import EXTENDED, PacketHeader, PacketKind
from intarsia.link.buffer import Buffer
from intarsia.link.geometry import CLASSES, Geometry
from intarsia.link.grant import Grant

__all__ = ["Receiver"]


class Receiver(wiring.Component):
    """Takes in the packets of a link, checks them, and keeps them in a buffer per class.

    A packet is offered when its last beat has come, its CRC is good, and it is the one that comes
    next: 2 cycles after that beat was on the link, at the earliest. What is damaged, cut short or
    ahead of what is missing is dropped, and the other end is asked once to send again all that has
    not arrived: once until what it sends begins anew, or the timebase says that the question may
    have been lost. What has arrived before is dropped, too. A packet without room, too long, or of
    unknown kind or format is reported (LINK_PROTOCOL).

    While the link is not up, nothing but notices is taken.

    Parameters
    ----------
    link_bytes : int
        4 or 16.
    relays : bool
        Packets are offered a cycle later.

    Members
    -------
    valid, start, data : In(1), In(1), In(8 * link_bytes)
        The link.
    control, reply, forward, request : Out(stream.Signature(PacketBeat(link_bytes)))
        Packets received.
    held_control, held_reply, … : Out(range(capacity + 1))
    freed : Out(len(CLASSES))
        State of the buffers. See :class:`~intarsia.link.returns.Returns`.
    tick : In(1)
        Timebase.
    up, other : In(1), In(4)
        Whether the link is up, and with which life of the other end.
    heard, notice : Out(1), Out(PacketHeader)
        A notice has come; only its kind and link fields count, and only in that cycle.
    same : Out(1)
        It is of the life of the other end with which the link is up.
    grant : Out(stream.Signature(Grant, always_ready=True))
        Credits that came in a header.
    accepted, lengthy : Out(1), Out(1)
        A packet has arrived; it is longer than a quarter of what a transmitter keeps.
    expected : Out(8)
        Number of the packet that comes next.
    retry : Out(1)
        The other end is to be asked to send again.
    damaged : Out(1)
        A packet has come whose CRC is wrong, or that lacks beats.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
        Without the number of the port.
    activity : Out(Activity)
        BUSY while a beat comes in.
    awake : Out(1)
        Where it is low, registers change with `valid`, `tick` or `up` at most.
    """

    def __init__(self, *, link_bytes, relays=False):
        self.geometry = Geometry(link_bytes)
        self.relays = relays
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            "valid": In(1),
            "start": In(1),
            "data": In(8 * link_bytes),
            **{name: Out(beat) for name in CLASSES},
            **{f"held_{name}": Out(range(self.geometry.capacity(name) + 1)) for name in CLASSES},
            "freed": Out(len(CLASSES)),
            "tick": In(1),
            "up": In(1),
            "other": In(4),
            "heard": Out(1),
            "notice": Out(PacketHeader),
            "same": Out(1),
            "grant": Out(stream.Signature(Grant, always_ready=True)),
            "accepted": Out(1),
            "lengthy": Out(1),
            "expected": Out(8),
            "retry": Out(1),
            "damaged": Out(1),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
            "activity": Out(Activity),
            "awake": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        width = 8 * geometry.link_bytes

        # ---- One cycle ahead: the CRC, so that it is known when the beat is looked at
        m.submodules.crc = crc = Crc32(width=width)
        crc_beat, crc_bit = geometry.locate("crc")
        without_crc = Cat(self.data[:crc_bit], Const(0, 32), self.data[crc_bit + 32 :])
        ahead = Signal(range(crc_beat + 2))
        at = Signal.like(ahead)
        arrived = Signal()
        begins = Signal()
        beat_data = Signal(width, reset_less=True)
        m.d.sync += arrived.eq(self.valid)
        with m.If(self.valid):
            m.d.comb += [
                at.eq(Mux(self.start, 0, ahead)),
                crc.start.eq(self.start),
                crc.valid.eq(1),
                crc.word.eq(Mux(at == crc_beat, without_crc, self.data)),
            ]
            m.d.sync += [
                ahead.eq(Mux(at > crc_beat, at, at + 1)),
                begins.eq(self.start),
                beat_data.eq(self.data),
            ]

        # ---- Buffers
        buffers = {}
        for name in CLASSES:
            buffers[name] = buffer = Buffer(
                link_bytes=geometry.link_bytes,
                capacity=geometry.capacity(name),
                eager=not self.relays,
            )
            m.submodules[name] = buffer
            connect(m, buffer.out, flipped(getattr(self, name)))
            m.d.comb += getattr(self, f"held_{name}").eq(buffer.held)
        m.d.comb += [
            self.freed.eq(Cat(buffer.freed for buffer in buffers.values())),
            self.awake.eq(arrived | Cat(buffer.awake for buffer in buffers.values()).any()),
        ]

        last = Signal()
        missing = Signal()
        ahead_of = Signal()
        with m.If(arrived):
            m.d.comb += self.activity.eq(Activity.BUSY)
            self._look(m, crc, buffers, begins, beat_data, last, missing, ahead_of)

        # ---- What has not arrived
        asked = Signal()
        m.d.comb += self.retry.eq(self.up & missing & ~asked)
        with m.If(self.tick | self.accepted | (self.heard & self.same & ~ahead_of) | ~self.up):
            m.d.sync += asked.eq(0)
        with m.Elif(missing):
            m.d.sync += asked.eq(1)
        with m.If(~self.up):
            m.d.sync += self.expected.eq(0)
        with m.Elif(self.accepted):
            m.d.sync += self.expected.eq(self.expected + 1)
        return m

    def _look(self, m, crc, buffers, begins, beat_data, last, missing, ahead_of):
        """Looks at the beat that has arrived, where it is."""
        geometry = self.geometry
        width = 8 * geometry.link_bytes

        # ---- Where in a packet we are
        place = Signal(range(geometry.longest + 1))
        left = Signal(range(geometry.longest + 1))
        now = Signal.like(place)
        behind = Signal.like(left)
        following = Signal.like(left)
        within = Signal()
        m.d.comb += [
            within.eq(begins | (place != 0)),
            now.eq(Mux(begins, 0, place)),
            behind.eq(Mux(begins, following, left)),
        ]
        # Where no packet has one beat alone, it is known a beat before which one is the last.
        several = geometry.header_beats > 1
        if several:
            last_follows = Signal()
            with m.If(within):
                m.d.sync += last_follows.eq(behind == 1)
            m.d.comb += last.eq(last_follows & ~begins)
        else:
            m.d.comb += last.eq(within & (behind == 0))
        with m.If(within):
            m.d.sync += [place.eq(Mux(last, 0, now + 1)), left.eq(behind - 1)]

        # ---- What the first beat says: kind, and beats that follow it
        header = Signal(PacketHeader)
        kind = Signal(PacketKind)
        kind_now = Signal(PacketKind)
        too_long = Signal()
        too_long_now = Signal()
        extended = Signal()
        payload = Signal(11)
        m.d.comb += [kind_now.eq(kind), too_long_now.eq(too_long)]
        with m.If(begins):
            m.d.comb += [
                header.eq(beat_data),
                extended.eq(Cat(header.kind == kind for kind in EXTENDED).any()),
                payload.eq(Mux(header.kind == PacketKind.READ, 0, header.length)),
                following.eq(
                    geometry.header_beats
                    - 1
                    + Mux(extended, geometry.extension_beats, 0)
                    + (payload + geometry.link_bytes - 1) // geometry.link_bytes
                ),
                kind_now.eq(header.kind),
                too_long_now.eq(header.length > PAYLOAD_MAX),
            ]
            m.d.sync += [kind.eq(header.kind), too_long.eq(too_long_now)]

        # ---- What later beats of the header say
        link_beat, link_bit = geometry.locate("sequence")
        crc_beat, crc_bit = geometry.locate("crc")
        fields = Signal(PacketHeader)
        ahead_by = Signal(8)
        m.d.comb += [
            fields.as_value()[-(width - link_bit) :].eq(beat_data[link_bit:]),
            ahead_by.eq(fields.sequence - self.expected),
        ]
        found = {
            "next": ahead_by == 0,
            "ahead": ~ahead_by[-1] & (ahead_by != 0),
            "same": fields.epoch == self.other,
            "format": fields.link_format == geometry.format,
            "class": fields.credit_class,
            "credits": fields.credits,
            "crc": beat_data[crc_bit : crc_bit + 32],
        }
        at_link = Signal()
        if several:
            link_follows = Signal()
            with m.If(within):
                m.d.sync += link_follows.eq(now == link_beat - 1)
            m.d.comb += at_link.eq(link_follows & ~begins)
        else:
            m.d.comb += at_link.eq(now == link_beat)
        for name, value in found.items():
            kept = Signal.like(Value.cast(value), name=f"kept_{name}")
            here = at_link if name != "crc" else now == crc_beat
            with m.If(within & here):
                m.d.sync += kept.eq(value)
            # The last beat may be the one that says it, but for the CRC where it comes before.
            if name == "crc" and crc_beat < geometry.header_beats - 1:
                found[name] = kept
            else:
                found[name] = Mux(here, value, kept)

        # ---- Verdict, with the last beat; what the first one said is known long since
        last_kind, last_too_long = (kind, too_long) if several else (kind_now, too_long_now)
        summed = Signal()
        undamaged = Signal()
        noticed = Signal()
        room = Signal()
        known = Signal()
        proper = Signal()
        is_next = Signal()
        good = Signal()
        m.d.comb += [
            summed.eq(crc.crc == found["crc"]),
            undamaged.eq(last & summed & found["format"]),
            noticed.eq(last_kind.as_value()[2:].all()),
            known.eq(Cat(last_kind == kind for kind in PacketKind).any() & ~last_too_long),
            self.same.eq(self.up & found["same"]),
            proper.eq(undamaged & self.same),
            is_next.eq(proper & ~noticed & found["next"]),
            good.eq(is_next & known & room),
            self.accepted.eq(good),
            self.lengthy.eq(now >= geometry.ring // 4),
            self.heard.eq(undamaged & noticed),
            self.notice.eq(fields),
            self.notice.kind.eq(last_kind),
            self.grant.valid.eq(good & (found["credits"] != 0)),
            self.grant.p.message_class.eq(found["class"]),
            self.grant.p.credits.eq(found["credits"]),
        ]
        with m.If((is_next & ~good) | (last & summed & ~found["format"])):
            m.d.comb += [
                self.fault.valid.eq(1),
                self.fault.p.code.eq(FaultCode.LINK_PROTOCOL),
                self.fault.p.engine.eq(LINK_PORT),
            ]

        # ---- What has not arrived
        stray = Signal()
        lost = Signal()  # Where packets begin, since one was dropped: their length may be wrong.
        m.d.comb += [
            stray.eq(~within & ~lost),
            self.damaged.eq((last & ~undamaged) | (begins & (place != 0)) | stray),
            ahead_of.eq(found["ahead"]),
            missing.eq(self.damaged | (proper & ahead_of)),
        ]
        m.d.sync += lost.eq(Mux(last, ~undamaged, lost & ~begins) | stray)

        rooms = []
        for name, message_class in CLASSES.items():
            buffer = buffers[name]
            chosen = Signal(name=f"chosen_{name}")
            m.d.comb += chosen.eq(_stored(kind_now, message_class))
            m.d.comb += buffer.data.eq(beat_data)
            with m.If(within & chosen):
                m.d.comb += [
                    buffer.arriving.eq(1),
                    buffer.begins.eq(begins),
                    buffer.last.eq(last),
                    buffer.good.eq(good),
                ]
            rooms.append(~_stored(last_kind, message_class) | buffer.fits)
        m.d.comb += room.eq(Cat(rooms).all())


def _stored(kind, message_class):
    """Whether packets of `kind` go to the buffer of `message_class`."""
    noticed = kind.as_value()[2:].all()
    own = kind.as_value()[3:] == message_class.value
    return own & ~noticed & (kind != PacketKind.CREDIT)
