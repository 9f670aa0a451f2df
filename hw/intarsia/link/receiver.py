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

    A packet is offered when its last beat has come and its CRC is good. A damaged packet is dropped
    and reported (LINK_CRC); so is one that has no room, is cut short, out of sequence, too long, or
    of unknown kind or format, and so are beats that belong to no packet (LINK_PROTOCOL). After a
    packet was dropped, the next ones are out of sequence until both sides are reset.

    Parameters
    ----------
    link_bytes : int
        4 or 16.

    Members
    -------
    valid, start, data : In(1), In(1), In(8 * link_bytes)
        The link.
    control, reply, request : Out(stream.Signature(PacketBeat(link_bytes)))
        Packets received.
    freed_control, freed_reply, freed_request : Out(1)
        A beat has left the buffer of the class.
    grant : Out(stream.Signature(Grant, always_ready=True))
        Credits that came in a header.
    acknowledge : Out(8)
        Sequence number of the last good packet.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
        Without the number of the port.
    activity : Out(Activity)
        BUSY while a beat comes in.
    """

    def __init__(self, *, link_bytes):
        self.geometry = Geometry(link_bytes)
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            "valid": In(1),
            "start": In(1),
            "data": In(8 * link_bytes),
            **{name: Out(beat) for name in CLASSES},
            **{f"freed_{name}": Out(1) for name in CLASSES},
            "grant": Out(stream.Signature(Grant, always_ready=True)),
            "acknowledge": Out(8, init=255),
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
        found = {}
        for name in ("crc", "sequence", "credit_class", "credits", "link_format"):
            beat, bit = geometry.locate(name)
            shape = PacketHeader.as_shape()[name].shape
            kept = Signal(shape, name=f"kept_{name}")
            found[name] = Signal(shape, name=f"found_{name}")
            here = beat_data[bit : bit + Shape.cast(shape).width]
            m.d.comb += found[name].eq(Mux(now == beat, here, kept))
            with m.If(within & (now == beat)):
                m.d.sync += kept.eq(here)

        # ---- Verdict, with the last beat
        expected = Signal(8)
        undamaged = Signal()
        stored = Signal()
        in_sequence = Signal()
        room = Signal()
        known = Signal()
        good = Signal()
        m.d.comb += [
            undamaged.eq(crc.crc == found["crc"]),
            stored.eq(kind_now != PacketKind.CREDIT),
            in_sequence.eq(~stored | (found["sequence"] == expected)),
            known.eq(
                Cat(kind_now == kind for kind in PacketKind).any()
                & ~too_long_now
                & (found["link_format"] == geometry.format)
            ),
            good.eq(last & undamaged & in_sequence & room & known),
            self.grant.valid.eq(good & (found["credits"] != 0)),
            self.grant.p.message_class.eq(found["credit_class"]),
            self.grant.p.credits.eq(found["credits"]),
        ]
        with m.If(good & stored):
            m.d.sync += [expected.eq(expected + 1), self.acknowledge.eq(found["sequence"])]
        cut_short = Signal()
        stray = Signal()
        lost = Signal()  # Where packets begin, since one was dropped: their length may be wrong.
        m.d.comb += [
            cut_short.eq(arrived & begins & (place != 0)),
            stray.eq(arrived & ~within & ~lost),
        ]
        with m.If(arrived):
            m.d.sync += lost.eq(Mux(last, ~good, lost & ~begins) | stray)
        with m.If((last & ~good) | cut_short | stray):
            m.d.comb += [
                self.fault.valid.eq(1),
                self.fault.p.code.eq(
                    Mux(last & ~undamaged, FaultCode.LINK_CRC, FaultCode.LINK_PROTOCOL)
                ),
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
            getattr(self, f"freed_{name}").eq(read.en),
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
