"""What an ATU has to say to homes, and they to it, as packets."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.messages import Message, MessageReceiver, MessageSender
from intarsia.common.ports import PacketBeat
from intarsia.isa.address import DATA_ID, NODE, LogicalAddress
from intarsia.isa.fragment import FragmentEntry
from intarsia.isa.packet import LINK_FORMAT, PacketHeader, PacketKind
from intarsia.isa.registers import HomeWord
from intarsia.isa.topology import HOME_ENTRIES, home_index, homes

__all__ = ["NUMBER", "Invalidated", "Invalidation", "MapAnswer", "MapPort", "MapQuestion"]

#: Number of a question or order, which the answer to it repeats.
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


class Invalidation(data.Struct):
    """Which entry is to be forgotten, and who says so."""

    data_id: DATA_ID
    fragment: 16
    node: NODE
    number: NUMBER


class Invalidated(data.Struct):
    """An entry is forgotten: what the home is told."""

    node: NODE
    number: NUMBER


class MapPort(wiring.Component):
    """Sends questions as MAP_LOOKUP, takes MAP_REPLY; takes MAP_INVALIDATE, sends MAP_INVALIDATED.

    Orders of other kinds are dropped.

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
    invalidation : Out(stream.Signature(Invalidation))
    invalidated : In(stream.Signature(Invalidated))
        Accepted with the last beat of its packet.
    asks, orders : Out, In(stream.Signature(PacketBeat(link_bytes)))
        Packets of class FORWARD: MAP_LOOKUP, and MAP_INVALIDATE.
    reports, answers : Out, In(stream.Signature(PacketBeat(link_bytes)))
        Packets of class REPLY: MAP_INVALIDATED, and MAP_REPLY and none else.
    """

    def __init__(self, *, link_bytes):
        self.link_bytes = link_bytes
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            "node": In(NODE),
            "home": In(stream.Signature(HomeWord, always_ready=True)),
            "question": In(stream.Signature(MapQuestion)),
            "answer": Out(stream.Signature(MapAnswer)),
            "invalidation": Out(stream.Signature(Invalidation)),
            "invalidated": In(stream.Signature(Invalidated)),
            "asks": Out(beat),
            "orders": In(beat),
            "reports": Out(beat),
            "answers": In(beat),
        })

    def elaborate(self, platform):
        m = Module()
        self._ask(m)
        self._hear(m)
        self._obey(m)
        self._report(m)
        return m

    def _ask(self, m):
        """A packet for each question."""
        shape = Message(LogicalAddress)
        m.submodules.asker = asker = MessageSender(shape, link_bytes=self.link_bytes)
        m.submodules.homes = table = memory.Memory(
            shape=NODE, depth=2 * HOME_ENTRIES, init=[pair[n] for n in range(2) for pair in homes()]
        )
        connect(m, asker.packet, flipped(self.asks))
        asked, write = table.read_port(domain="comb"), table.write_port()
        question, message = self.question, asker.message
        index = home_index(question.p.data_id)
        m.d.comb += [
            write.addr.eq(Cat(self.home.p.index, self.home.p.backup)),
            write.data.eq(self.home.p.node),
            write.en.eq(self.home.valid),
            asked.addr.eq(index | question.p.backup * HOME_ENTRIES),
            *self._address(message.p.header, PacketKind.MAP_LOOKUP, asked.data, question.p.number),
            message.p.extension.data_id.eq(question.p.data_id),
            message.p.extension.fragment.eq(question.p.fragment),
            message.valid.eq(question.valid),
            question.ready.eq(message.ready),
        ]

    def _hear(self, m):
        """Answers."""
        width = 8 * self.link_bytes
        reply, answer = self.answers, self.answer
        full = Signal()
        second = Signal()
        entry = Signal(FragmentEntry, reset_less=True)
        number = Signal(NUMBER, reset_less=True)
        m.d.comb += [
            reply.ready.eq(~full),
            answer.valid.eq(full),
            answer.p.entry.eq(entry),
            answer.p.number.eq(number),
        ]
        with m.If(reply.valid & ~full):
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

    def _obey(self, m):
        """Orders to forget."""
        shape = Message(LogicalAddress)
        m.submodules.orders = receiver = MessageReceiver(shape, link_bytes=self.link_bytes)
        connect(m, flipped(self.orders), receiver.packet)
        message, order = receiver.message, self.invalidation
        known = message.p.header.kind == PacketKind.MAP_INVALIDATE
        m.d.comb += [
            order.valid.eq(message.valid & known),
            message.ready.eq(order.ready | ~known),
            order.p.data_id.eq(message.p.extension.data_id),
            order.p.fragment.eq(message.p.extension.fragment),
            order.p.node.eq(message.p.header.source),
            order.p.number.eq(message.p.header.transaction),
        ]

    def _report(self, m):
        """A packet for what is forgotten."""
        m.submodules.reporter = sender = MessageSender(Message(), link_bytes=self.link_bytes)
        connect(m, sender.packet, flipped(self.reports))
        message, done = sender.message, self.invalidated
        kind = PacketKind.MAP_INVALIDATED
        m.d.comb += [
            *self._address(message.p.header, kind, done.p.node, done.p.number),
            message.valid.eq(done.valid),
            done.ready.eq(message.ready),
        ]

    def _address(self, header, kind, destination, number):
        """A header from this node."""
        return [
            header.destination.eq(destination),
            header.kind.eq(kind),
            header.source.eq(self.node),
            header.transaction.eq(number),
            header.link_format.eq(LINK_FORMAT),
        ]
