"""Packets without payload, as a whole and as beats."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import PacketBeat
from intarsia.isa.packet import PacketHeader

__all__ = ["Message", "MessageReceiver", "MessageSender"]


class Message(data.StructLayout):
    """A packet without payload: its header, and, if it has one, its extension."""

    def __init__(self, extension=None):
        has = {} if extension is None else {"extension": extension}
        super().__init__({"header": PacketHeader, **has})

    def beats(self, link_bytes):
        """Beats of such a packet."""
        return -(-self.size // (8 * link_bytes))


class MessageSender(wiring.Component):
    """Sends messages, beat by beat. A message is accepted together with its last beat.

    Parameters
    ----------
    shape : Message
    link_bytes : int

    Members
    -------
    message : In(stream.Signature(shape))
    packet : Out(stream.Signature(PacketBeat(link_bytes)))
    """

    def __init__(self, shape, *, link_bytes):
        self.shape = shape
        self.link_bytes = link_bytes
        super().__init__({
            "message": In(stream.Signature(shape)),
            "packet": Out(stream.Signature(PacketBeat(link_bytes))),
        })

    def elaborate(self, platform):
        m = Module()
        width = 8 * self.link_bytes
        beats = self.shape.beats(self.link_bytes)

        words = Signal(beats * width)
        place = Signal(range(max(2, beats)))
        last = Signal()
        m.d.comb += [
            words.eq(self.message.p),
            last.eq(place == beats - 1),
            self.packet.valid.eq(self.message.valid),
            self.packet.p.first.eq(place == 0),
            self.packet.p.last.eq(last),
            self.message.ready.eq(self.packet.ready & last),
        ]
        with m.If(self.message.valid):
            m.d.comb += self.packet.p.data.eq(words.word_select(place, width))
        with m.If(self.packet.valid & self.packet.ready):
            m.d.sync += place.eq(Mux(last, 0, place + 1))
        return m


class MessageReceiver(wiring.Component):
    """Collects the beats of messages.

    It waits for nothing but its message to be accepted. A message is offered in the cycle after its
    last beat. Of a packet that is longer than a message, nobody knows what is offered.

    Parameters
    ----------
    shape : Message
    link_bytes : int

    Members
    -------
    packet : In(stream.Signature(PacketBeat(link_bytes)))
    message : Out(stream.Signature(shape))
    """

    def __init__(self, shape, *, link_bytes):
        self.shape = shape
        self.link_bytes = link_bytes
        super().__init__({
            "packet": In(stream.Signature(PacketBeat(link_bytes))),
            "message": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform):
        m = Module()
        width = 8 * self.link_bytes
        beats = self.shape.beats(self.link_bytes)

        words = Signal(beats * width, reset_less=True)
        place = Signal(range(max(2, beats)))
        m.d.comb += [
            self.message.p.eq(words),
            self.packet.ready.eq(~self.message.valid),
        ]
        with m.If(self.packet.valid & self.packet.ready):
            m.d.sync += [
                words.word_select(place, width).eq(self.packet.p.data),
                place.eq(Mux(self.packet.p.last, 0, place + 1)),
                self.message.valid.eq(self.packet.p.last),
            ]
        with m.Elif(self.message.ready):
            m.d.sync += self.message.valid.eq(0)
        return m
