"""Questions to homes as packets, and their answers."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import PacketBeat
from intarsia.isa.address import DATA_ID, NODE, LogicalAddress
from intarsia.isa.fragment import FragmentEntry
from intarsia.isa.packet import EXTENSION_BYTES, HEADER_BYTES, LINK_FORMAT, PacketHeader, PacketKind
from intarsia.isa.registers import HomeWord
from intarsia.isa.topology import HOME_ENTRIES, home_index, homes

__all__ = ["NUMBER", "MapAnswer", "MapPort", "MapQuestion"]

#: Number of a question, which its answer repeats.
NUMBER = unsigned(8)

#: Where a header has its transaction: in its first or second beat.
TRANSACTION = PacketHeader.as_shape()["transaction"].offset


class MapQuestion(data.Struct):
    """Which entry is wanted."""

    data_id: DATA_ID
    fragment: 16
    number: NUMBER
    backup: 1
    """Its primary home has not answered."""


class MapAnswer(data.Struct):
    """What the home says; an entry that can't be kept where there is none."""

    entry: FragmentEntry
    number: NUMBER


class MapPort(wiring.Component):
    """Sends questions as MAP_LOOKUP, takes MAP_REPLY, and passes all other replies on.

    An answer that is not taken holds up the replies behind it.

    Parameters
    ----------
    link_bytes : int

    Members
    -------
    node : In(16)
        This node.
    home : In(stream.Signature(HomeWord, always_ready=True))
        Who is asked. The homes are those of `isa.topology.homes` at power-up, and survive reset.
    question : In(stream.Signature(MapQuestion))
        Accepted with the last beat of its packet.
    answer : Out(stream.Signature(MapAnswer))
    forward : Out(stream.Signature(PacketBeat(link_bytes)))
        Packets of class FORWARD, to the router.
    reply, answered : In, Out(stream.Signature(PacketBeat(link_bytes)))
        Replies from the router, and those to the remote queue.
    """

    def __init__(self, *, link_bytes):
        self.link_bytes = link_bytes
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            "node": In(NODE),
            "home": In(stream.Signature(HomeWord, always_ready=True)),
            "question": In(stream.Signature(MapQuestion)),
            "answer": Out(stream.Signature(MapAnswer)),
            "forward": Out(beat),
            "reply": In(beat),
            "answered": Out(beat),
        })

    def elaborate(self, platform):
        m = Module()
        self._send(m)
        self._take(m)
        return m

    def _send(self, m):
        """A packet for each question."""
        width = 8 * self.link_bytes
        beats = HEADER_BYTES // self.link_bytes + -(-EXTENSION_BYTES // self.link_bytes)
        header = Signal(PacketHeader)
        address = Signal(LogicalAddress)
        question = self.question
        m.submodules.homes = table = memory.Memory(
            shape=NODE, depth=2 * HOME_ENTRIES, init=[pair[n] for n in range(2) for pair in homes()]
        )
        asked, write = table.read_port(domain="comb"), table.write_port()
        index = home_index(question.p.data_id)
        m.d.comb += [
            write.addr.eq(Cat(self.home.p.index, self.home.p.backup)),
            write.data.eq(self.home.p.node),
            write.en.eq(self.home.valid),
            asked.addr.eq(index | question.p.backup * HOME_ENTRIES),
            header.destination.eq(asked.data),
            header.kind.eq(PacketKind.MAP_LOOKUP),
            header.source.eq(self.node),
            header.transaction.eq(question.p.number),
            header.link_format.eq(LINK_FORMAT),
            address.data_id.eq(question.p.data_id),
            address.fragment.eq(question.p.fragment),
        ]

        place = Signal(range(beats))
        m.d.comb += [
            self.forward.valid.eq(question.valid),
            self.forward.p.data.eq(Cat(header, address).word_select(place, width)),
            self.forward.p.first.eq(place == 0),
            self.forward.p.last.eq(place == beats - 1),
            question.ready.eq(self.forward.ready & self.forward.p.last),
        ]
        with m.If(question.valid & self.forward.ready):
            m.d.sync += place.eq(Mux(self.forward.p.last, 0, place + 1))

    def _take(self, m):
        """Answers, and replies to the remote queue."""
        width = 8 * self.link_bytes
        reply, answer = self.reply, self.answer
        header = Signal(PacketHeader, name="reply_header")
        held = Signal()
        mine = Signal()
        full = Signal()
        second = Signal()
        entry = Signal(FragmentEntry, reset_less=True)
        number = Signal(NUMBER, reset_less=True)
        m.d.comb += [
            header.eq(reply.p.data),
            mine.eq(Mux(reply.p.first, header.kind == PacketKind.MAP_REPLY, held)),
            self.answered.valid.eq(reply.valid & ~mine),
            self.answered.p.eq(reply.p),
            reply.ready.eq(Mux(mine, ~full, self.answered.ready)),
            answer.valid.eq(full),
            answer.p.entry.eq(entry),
            answer.p.number.eq(number),
        ]
        with m.If(reply.valid & reply.p.first):
            m.d.sync += held.eq(mine)
        with m.If(reply.valid & mine & ~full):
            # The last beats are the entry, whatever came before them.
            m.d.sync += [
                entry.eq(Cat(entry.as_value()[width:], reply.p.data)),
                full.eq(reply.p.last),
            ]
            m.d.sync += second.eq(reply.p.first)
            with m.If(second if TRANSACTION // width else reply.p.first):
                m.d.sync += number.eq(reply.p.data[TRANSACTION % width :])
        with m.If(answer.ready & full):
            m.d.sync += full.eq(0)
