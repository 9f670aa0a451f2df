"""Receiving half of a link port: nothing leaves it before its CRC is good."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.crc import Crc32
from intarsia.common.ports import PacketBeat
from intarsia.isa.address import PAYLOAD_MAX
from intarsia.isa.counters import Activity
from intarsia.isa.faults import LINK_PORT, FaultCode, FaultReport
from intarsia.isa.packet import EXTENDED, PacketHeader, PacketKind
from intarsia.link.geometry import CLASSES, Geometry
from intarsia.link.transmitter import Grant

__all__ = ["Receiver"]


class Receiver(wiring.Component):
    """Takes in the packets of a link, checks them, and keeps them in a buffer per class.

    A packet is offered when its last beat has come, its CRC is good, and it is the one that comes
    next. What is damaged, cut short or ahead of what is missing is dropped, and the other end is
    asked once to send again all that has not arrived: once until what it sends begins anew, or the
    timebase says that the question may have been lost. What has arrived before is dropped, too.
    A packet without room, too long, or of unknown kind or format is reported (LINK_PROTOCOL).

    While the link is not up, nothing but notices is taken.

    Parameters
    ----------
    link_bytes : int
        4 or 16.

    Members
    -------
    valid, start, data : In(1), In(1), In(8 * link_bytes)
        The link.
    control, reply, forward, request : Out(stream.Signature(PacketBeat(link_bytes)))
        Packets received.
    begin_control, end_control, … : Out(range(2 * capacity)), Out(range(2 * capacity))
        Positions of the buffer. See :class:`~intarsia.link.returns.Returns`.
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
    fault : Out(stream.Signature(FaultReport, always_ready=True))
        Without the number of the port.
    activity : Out(Activity)
        BUSY while a beat comes in.
    """

    def __init__(self, *, link_bytes):
        self.geometry = Geometry(link_bytes)
        beat = stream.Signature(PacketBeat(link_bytes))
        positions = {name: range(2 * self.geometry.capacity(name)) for name in CLASSES}
        super().__init__({
            "valid": In(1),
            "start": In(1),
            "data": In(8 * link_bytes),
            **{name: Out(beat) for name in CLASSES},
            **{f"begin_{name}": Out(shape) for name, shape in positions.items()},
            **{f"end_{name}": Out(shape) for name, shape in positions.items()},
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
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
            "activity": Out(Activity),
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
        m.d.comb += [
            at.eq(Mux(self.start, 0, ahead)),
            crc.start.eq(self.valid & self.start),
            crc.valid.eq(self.valid),
            crc.word.eq(Mux(at == crc_beat, without_crc, self.data)),
        ]
        with m.If(self.valid):
            m.d.sync += ahead.eq(Mux(at > crc_beat, at, at + 1))

        arrived = Signal()
        begins = Signal()
        beat_data = Signal(width)
        m.d.sync += arrived.eq(self.valid)
        with m.If(self.valid):
            m.d.sync += [begins.eq(self.start), beat_data.eq(self.data)]

        # ---- Where in a packet we are
        place = Signal(range(geometry.longest + 1))
        left = Signal(range(geometry.longest + 1))
        now = Signal.like(place)
        behind = Signal.like(left)
        following = Signal.like(left)
        within = Signal()
        last = Signal()
        m.d.comb += [
            within.eq(arrived & (begins | (place != 0))),
            now.eq(Mux(begins, 0, place)),
            behind.eq(Mux(begins, following, left)),
            last.eq(within & (behind == 0)),
        ]
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
            kind_now.eq(Mux(begins, header.kind, kind)),
            too_long_now.eq(Mux(begins, header.length > PAYLOAD_MAX, too_long)),
        ]
        with m.If(arrived & begins):
            m.d.sync += [kind.eq(header.kind), too_long.eq(too_long_now)]

        # ---- What later beats of the header say
        link_beat, link_bit = geometry.locate("sequence")
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

        # ---- Verdict, with the last beat
        undamaged = Signal()
        noticed = Signal()
        stored = Signal()
        room = Signal()
        known = Signal()
        proper = Signal()
        is_next = Signal()
        good = Signal()
        m.d.comb += [
            undamaged.eq(last & (crc.crc == found["crc"]) & found["format"]),
            noticed.eq(kind_now.as_value()[2:].all()),
            stored.eq(~noticed & (kind_now != PacketKind.CREDIT)),
            known.eq(Cat(kind_now == kind for kind in PacketKind).any() & ~too_long_now),
            self.same.eq(self.up & found["same"]),
            proper.eq(undamaged & self.same),
            is_next.eq(proper & ~noticed & found["next"]),
            good.eq(is_next & known & room),
            self.accepted.eq(good),
            self.lengthy.eq(now >= geometry.ring // 4),
            self.heard.eq(undamaged & noticed),
            self.notice.eq(fields),
            self.notice.kind.eq(kind_now),
            self.grant.valid.eq(good & (found["credits"] != 0)),
            self.grant.p.message_class.eq(found["class"]),
            self.grant.p.credits.eq(found["credits"]),
        ]
        with m.If(~self.up):
            m.d.sync += self.expected.eq(0)
        with m.Elif(good):
            m.d.sync += self.expected.eq(self.expected + 1)

        # ---- What has not arrived
        cut_short = Signal()
        stray = Signal()
        lost = Signal()  # Where packets begin, since one was dropped: their length may be wrong.
        m.d.comb += [
            cut_short.eq(arrived & begins & (place != 0)),
            stray.eq(arrived & ~within & ~lost),
        ]
        with m.If(arrived):
            m.d.sync += lost.eq(Mux(last, ~undamaged, lost & ~begins) | stray)
        missing = Signal()
        asked = Signal()
        m.d.comb += [
            missing.eq((last & ~undamaged) | cut_short | stray | (proper & found["ahead"])),
            self.retry.eq(self.up & missing & ~asked),
        ]
        with m.If(self.tick | good | (proper & noticed & ~found["ahead"]) | ~self.up):
            m.d.sync += asked.eq(0)
        with m.Elif(missing):
            m.d.sync += asked.eq(1)
        with m.If((is_next & ~good) | (last & (crc.crc == found["crc"]) & ~found["format"])):
            m.d.comb += [
                self.fault.valid.eq(1),
                self.fault.p.code.eq(FaultCode.LINK_PROTOCOL),
                self.fault.p.engine.eq(LINK_PORT),
            ]

        # ---- Buffers
        rooms = []
        for name, message_class in CLASSES.items():
            chosen = Signal(name=f"chosen_{name}")
            m.d.comb += chosen.eq(stored & (kind_now.as_value()[3:] == message_class.value))
            rooms.append(
                ~chosen | self._buffer(m, name, within & chosen, begins, beat_data, last, good)
            )
        m.d.comb += room.eq(Cat(rooms).all())
        with m.If(arrived):
            m.d.comb += self.activity.eq(Activity.BUSY)

        return m

    def _buffer(self, m, name, arriving, begins, beat_data, last, good):
        """Buffer of one class. Returns whether the present packet had room in it so far."""
        geometry = self.geometry
        capacity = geometry.capacity(name)
        out = getattr(self, name)

        m.submodules[name] = buffer = memory.Memory(
            shape=8 * geometry.link_bytes + 1, depth=capacity, init=[]
        )
        write = buffer.write_port()
        read = buffer.read_port()

        # Positions count beyond the buffer, so that full and empty differ. Beats up to `good_end`
        # may leave; those up to `end` belong to the packet that comes in.
        begin, end, good_end, here, held = (
            Signal(range(2 * capacity), name=f"{name}_{which}")
            for which in ("begin", "end", "good_end", "here", "held")
        )
        space = Signal(name=f"{name}_space")
        overflow = Signal(name=f"{name}_overflow")
        m.d.comb += [
            here.eq(Mux(begins, good_end, end)),
            held.eq(here - begin),
            space.eq((held < capacity) & (begins | ~overflow)),
            write.addr.eq(here),
            write.data.eq(Cat(beat_data, last)),
            write.en.eq(arriving & space),
        ]
        with m.If(arriving):
            m.d.sync += [
                end.eq(here + 1),
                overflow.eq(~space),
            ]
            with m.If(good):
                m.d.sync += good_end.eq(here + 1)

        first = Signal(init=1, name=f"{name}_first")
        m.d.comb += [
            read.addr.eq(begin),
            read.en.eq((begin != good_end) & (~out.valid | out.ready)),
            getattr(self, f"begin_{name}").eq(begin),
            getattr(self, f"end_{name}").eq(good_end),
            Cat(out.p.data, out.p.last).eq(read.data),
            out.p.first.eq(first),
        ]
        with m.If(read.en):
            m.d.sync += [out.valid.eq(1), begin.eq(begin + 1)]
        with m.Elif(out.ready):
            m.d.sync += out.valid.eq(0)
        with m.If(out.valid & out.ready):
            m.d.sync += first.eq(out.p.last)

        return space
