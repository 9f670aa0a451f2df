"""Sending half of a link port: credits, CRC, sequence numbers."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from intarsia.common.crc import Crc32
from intarsia.common.ports import PacketBeat
from intarsia.isa.counters import Activity
from intarsia.isa.packet import CREDIT_UNIT, MessageClass, PacketKind
from intarsia.link.geometry import CLASSES, Geometry

__all__ = ["Grant", "Transmitter"]


class Grant(data.Struct):
    """Credits that the other side gave."""

    message_class: MessageClass
    """Class they are for."""

    credits: 6
    """How many, each for `CREDIT_UNIT` beats."""


class Transmitter(wiring.Component):
    """Sends the packets of three classes over one link, when the other side has room for them.

    A packet is taken in when its class has credits for the longest packet of that class; control
    goes before reply, reply before request. It is stored, while its CRC is computed, in one of two
    buffers, and leaves in one piece; so a producer may pause within a packet. A packet of n beats
    appears on the link n + 2 cycles after its first beat was taken, at the earliest, and packets
    follow each other without a gap.

    Credits for what was taken out of this side's receive buffers ride in the headers. Where a
    class has an eighth of its buffer to return and no packet is ready, a CREDIT packet takes
    them.

    Parameters
    ----------
    link_bytes : int
        4 or 16.

    Members
    -------
    control, reply, request : In(stream.Signature(PacketBeat(link_bytes)))
        Packets to send; link fields and CRC of the header zero.
    grant : In(stream.Signature(Grant, always_ready=True))
        Credits that came in.
    freed_control, freed_reply, freed_request : In(1)
        A beat was taken out of the receive buffer of the class.
    acknowledge : In(8)
        Sequence number of the last good packet received.
    valid, start, data : Out(1), Out(1), Out(8 * link_bytes)
        The link.
    activity : Out(Activity)
        BUSY while a beat is on the link, LINK while a packet waits for credits only.
    """

    def __init__(self, *, link_bytes):
        self.geometry = Geometry(link_bytes)
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            **{name: In(beat) for name in CLASSES},
            **{f"freed_{name}": In(1) for name in CLASSES},
            "grant": In(stream.Signature(Grant, always_ready=True)),
            "acknowledge": In(8),
            "valid": Out(1),
            "start": Out(1),
            "data": Out(8 * link_bytes),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        width = 8 * geometry.link_bytes

        depth_bits = ceil_log2(geometry.longest)
        m.submodules.buffers = buffers = memory.Memory(shape=width, depth=2 << depth_bits, init=[])
        write = buffers.write_port()
        read = buffers.read_port()
        m.submodules.crc = crc = Crc32(width=width)

        # Of each of the two buffers: whether it holds a packet, its last beat, its CRC.
        full = Signal(2)
        ends = [Signal(depth_bits, name=f"end{n}") for n in range(2)]
        sums = [Signal(32, name=f"sum{n}") for n in range(2)]
        emptied = Signal(2)

        # ---- Which packet goes next
        balance = {name: Signal(16, name=f"balance_{name}") for name in CLASSES}
        place = Signal(depth_bits)
        filling = Signal()
        choice = Signal(4)  # one bit per class, and one for CREDIT
        held = Signal(4)
        current = Signal(4)
        due_class, due_units, urgent = self._returns(m, place, filling, current)

        ready = Signal(3)
        m.d.comb += ready.eq(
            Cat(
                getattr(self, name).valid & (balance[name] >= geometry.demand(name))
                for name in CLASSES
            )
        )
        waiting = Cat(getattr(self, name).valid for name in CLASSES)
        m.d.comb += [
            choice.eq(Mux(ready.any(), ready & (~ready + 1), urgent << 3)),
            current.eq(Mux(place == 0, choice, held)),
        ]

        # ---- From the source into a buffer
        fill = Signal()
        space = Signal()
        beat = Signal(PacketBeat(geometry.link_bytes))
        available = Signal()
        m.d.comb += space.eq(~full.bit_select(fill, 1))
        for n, name in enumerate(CLASSES):
            source = getattr(self, name)
            with m.If(current[n]):
                m.d.comb += [
                    beat.eq(source.p),
                    available.eq(source.valid),
                    source.ready.eq(space),
                ]
        with m.If(current[3]):
            first_beat, kind_bit = geometry.locate("kind")
            m.d.comb += [
                available.eq(1),
                beat.last.eq(place == geometry.header_beats - 1),
                beat.data.eq(Mux(place == first_beat, PacketKind.CREDIT.value << kind_bit, 0)),
            ]
        m.d.comb += filling.eq(available & space)

        sequence = Signal(8)
        fields = Signal(width)
        link_beat, link_bit = geometry.locate("sequence")
        link_fields = Cat(
            sequence,
            self.acknowledge,
            due_class,
            due_units,
            Const(0, 4),
            Const(geometry.format, 4),
        )
        with m.If(place == link_beat):
            m.d.comb += fields.eq(link_fields << link_bit)
        m.d.comb += [
            write.addr.eq(Cat(place, fill)),
            write.data.eq(beat.data | fields),
            write.en.eq(filling),
            crc.start.eq(filling & (place == 0)),
            crc.valid.eq(filling),
            crc.word.eq(write.data),
        ]
        with m.If(filling):
            m.d.sync += [place.eq(Mux(beat.last, 0, place + 1)), held.eq(current)]
            with m.If(beat.last):
                m.d.sync += [fill.eq(~fill), sequence.eq(sequence + ~current[3])]
        # The CRC of a packet is there in the cycle after its last beat.
        filled = Signal()
        end = Signal(depth_bits)
        finished = Signal(2)
        m.d.sync += filled.eq(filling & beat.last)
        with m.If(filling):
            m.d.sync += end.eq(place)
        with m.If(filled):
            with m.If(fill):
                m.d.sync += [ends[0].eq(end), sums[0].eq(crc.crc)]
            with m.Else():
                m.d.sync += [ends[1].eq(end), sums[1].eq(crc.crc)]
        m.d.comb += finished.eq(filled << ~fill)
        with m.If(finished.any() | emptied.any()):
            m.d.sync += full.eq((full | finished) & ~emptied)

        # ---- Credits of the other side
        for n, (name, message_class) in enumerate(CLASSES.items()):
            spent = Signal(name=f"spent_{name}")
            given = Signal(10, name=f"given_{name}")
            m.d.comb += spent.eq(filling & current[n])
            with m.If(self.grant.valid & (self.grant.p.message_class == message_class)):
                m.d.comb += given.eq(self.grant.p.credits * CREDIT_UNIT)
            with m.If(spent | (given != 0)):
                m.d.sync += balance[name].eq(balance[name] + given - spent)

        # ---- From a buffer onto the link
        take = Signal()
        out = Signal(depth_bits)
        sending = Signal()
        last = Signal()
        crc_beat, crc_bit = geometry.locate("crc")
        m.d.comb += [
            sending.eq(full.bit_select(take, 1)),
            last.eq(out == Mux(take, ends[1], ends[0])),
            read.addr.eq(Cat(out, take)),
            read.en.eq(sending),
            emptied.eq((sending & last) << take),
        ]
        crc_now = Signal()
        checksum = Signal(32)
        m.d.sync += [self.valid.eq(sending), self.start.eq(sending & (out == 0))]
        with m.If(sending):
            m.d.sync += [
                out.eq(Mux(last, 0, out + 1)),
                take.eq(take ^ last),
                crc_now.eq(out == crc_beat),
                checksum.eq(Mux(take, sums[1], sums[0])),
            ]
        with m.If(self.valid):
            m.d.comb += self.data.eq(read.data | Mux(crc_now, checksum << crc_bit, 0))

        with m.If(self.valid | sending):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(waiting.any()):
            m.d.comb += self.activity.eq(Activity.LINK)

        return m

    def _returns(self, m, place, filling, current):
        """Credits to return: their class and number, and whether they are worth a packet."""
        link_beat, _ = self.geometry.locate("credits")
        turn = Signal(range(3))
        pending, plenty, some = {}, Signal(3), Signal(3)
        for n, name in enumerate(CLASSES):
            capacity = self.geometry.capacity(name)
            pending[name] = Signal(range(capacity + 1), init=capacity, name=f"pending_{name}")
            m.d.comb += [
                plenty[n].eq(pending[name] >= capacity // 8),
                some[n].eq(pending[name] >= CREDIT_UNIT),
            ]

        # Among the classes that have most to return, the first one from `turn` on.
        candidates = Signal(3)
        chosen = Signal(3)
        m.d.comb += candidates.eq(Mux(plenty.any(), plenty, some))
        with m.Switch(turn):
            for first in range(3):
                with m.Case(first):
                    for n in reversed([(first + k) % 3 for k in range(3)]):
                        with m.If(candidates[n]):
                            m.d.comb += chosen.eq(1 << n)

        due_class = Signal(MessageClass)
        due_units = Signal(6)
        for n, (name, message_class) in enumerate(CLASSES.items()):
            with m.If(chosen[n]):
                units = Signal(12, name=f"units_{name}")
                m.d.comb += [
                    units.eq(pending[name] // CREDIT_UNIT),
                    due_class.eq(message_class),
                    due_units.eq(Mux(units > 63, 63, units)),
                ]
        returned = Signal()
        m.d.comb += returned.eq(filling & (place == link_beat))
        with m.If(returned):
            m.d.sync += turn.eq(Mux(turn == 2, 0, turn + 1))
        for n, name in enumerate(CLASSES):
            freed = getattr(self, f"freed_{name}")
            with m.If(freed | (returned & chosen[n])):
                paid = Mux(returned & chosen[n], due_units * CREDIT_UNIT, 0)
                m.d.sync += pending[name].eq(pending[name] + freed - paid)
        return due_class, due_units, plenty.any()
