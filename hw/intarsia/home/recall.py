"""Tells all who share an entry of the map to forget it, and hears that they have."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.messages import Message, MessageReceiver, MessageSender
from intarsia.common.ports import PacketBeat
from intarsia.isa.address import DATA_ID, NODE, LogicalAddress
from intarsia.isa.faults import FaultCode
from intarsia.isa.packet import LINK_FORMAT, PacketKind
from intarsia.isa.registers import FenceWord
from intarsia.isa.topology import SHARER_PATIENCE

__all__ = ["GROUP_BITS", "SHARERS", "SLOT", "Change", "Recall"]

#: Nodes that may share entries.
SHARERS = 64

#: Number of an entry in a home's table.
SLOT = unsigned(12)

#: Sharers are read eight at a time.
GROUP_BITS = 3
GROUP = 1 << GROUP_BITS


class Change(data.Struct):
    """An update of an entry: what it is about, and who wants to know when it is complete."""

    data_id: DATA_ID
    fragment: 16
    slot: SLOT
    below: 7
    """Nodes below it are told whether or not they are known to share the entry."""

    node: NODE
    transaction: 16
    fault: FaultCode
    """Why it did not come about, or is not complete."""


class Recall(wiring.Component):
    """Invalidates an entry at all nodes that share it, one entry at a time.

    Each sharer that is not fenced is sent a MAP_INVALIDATE, and has acknowledged it when a
    MAP_INVALIDATED of the same number comes. Who is fenced later is waited for no more from the
    next pulse of ``tick`` on. Those that have not acknowledged after
    `SHARER_PATIENCE` pulses are named
    on ``silent``, and the change ends as NODE_DEAD. A change that comes with a fault tells nobody.

    Acknowledgements are taken in whether or not anything can be sent.

    Parameters
    ----------
    link_bytes : int

    Members
    -------
    node : In(16)
        This node.
    fence : In(stream.Signature(FenceWord))
        Nodes that are not to be waited for, or are again. After a reset none is fenced; it takes 64
        cycles to forget those of before, in which nothing begins.
    tick : In(1)
        Timebase.
    begin : In(stream.Signature(Change))
        A change that has been made.
    done : Out(stream.Signature(Change))
        The change is known everywhere, or has failed. Until it is accepted, none begins.
    wanted : Out(stream.Signature(range(8)))
        Which eight of the sharers are to be read, and forgotten.
    sharers : In(stream.Signature(8, always_ready=True))
        They, a bit each; any time after `wanted` was accepted.
    invalidate : Out(stream.Signature(PacketBeat(link_bytes)))
        Packets of class FORWARD.
    invalidated : In(stream.Signature(PacketBeat(link_bytes)))
        Packets of class REPLY: MAP_INVALIDATED.
    silent : Out(stream.Signature(range(64)))
        A sharer that did not acknowledge.
    """

    def __init__(self, *, link_bytes):
        self.link_bytes = link_bytes
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            "node": In(NODE),
            "fence": In(stream.Signature(FenceWord)),
            "tick": In(1),
            "begin": In(stream.Signature(Change)),
            "done": Out(stream.Signature(Change)),
            "wanted": Out(stream.Signature(range(SHARERS // GROUP))),
            "sharers": In(stream.Signature(GROUP, always_ready=True)),
            "invalidate": Out(beat),
            "invalidated": In(beat),
            "silent": Out(stream.Signature(range(SHARERS))),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.sender = sender = MessageSender(
            Message(LogicalAddress), link_bytes=self.link_bytes
        )
        m.submodules.receiver = receiver = MessageReceiver(Message(), link_bytes=self.link_bytes)
        m.submodules.waiting = waiting = memory.Memory(shape=1, depth=SHARERS, init=[])
        connect(m, sender.packet, flipped(self.invalidate))
        connect(m, flipped(self.invalidated), receiver.packet)

        change = Signal(Change, reset_less=True)
        # Survives reset, so that acknowledgements from before it are told apart.
        number = Signal(8, reset_less=True)
        place = Signal(range(SHARERS))
        held = Signal(GROUP, reset_less=True)
        missing = Signal(range(SHARERS + 1))
        age = Signal(range(SHARER_PATIENCE + 1))
        header, address = sender.message.p.header, sender.message.p.extension
        m.d.comb += [
            header.destination.eq(place),
            header.kind.eq(PacketKind.MAP_INVALIDATE),
            header.source.eq(self.node),
            header.transaction.eq(number),
            header.link_format.eq(LINK_FORMAT),
            address.data_id.eq(change.data_id),
            address.fragment.eq(change.fragment),
            self.wanted.p.eq(place >> GROUP_BITS),
            self.done.p.eq(change),
            self.silent.p.eq(place),
        ]

        # Who is waited for: set and swept by place, cleared by acknowledgement.
        waits, wait = waiting.read_port(domain="comb"), waiting.write_port()
        walks = Signal()
        said = receiver.message.p.header
        m.submodules.fences = fences = memory.Memory(shape=1, depth=SHARERS, init=[])
        fenced, mark = fences.read_port(domain="comb"), fences.write_port()
        cleared = Signal()
        m.d.comb += [
            fenced.addr.eq(place),
            mark.addr.eq(Mux(cleared, self.fence.p.node, place)),
            mark.data.eq(cleared & self.fence.p.dead),
            mark.en.eq(~cleared | self.fence.valid),
            self.fence.ready.eq(cleared),
        ]
        m.d.comb += [
            waits.addr.eq(Mux(walks, place, said.source)),
            wait.addr.eq(waits.addr),
            receiver.message.ready.eq(~walks),
        ]
        with m.If(~walks & receiver.message.valid & waits.data & (said.transaction == number)):
            m.d.comb += wait.en.eq(1)
            m.d.sync += missing.eq(missing - 1)

        last = place == SHARERS - 1

        def follow():
            m.d.sync += [place.eq(place + 1), held.eq(held >> 1)]
            with m.If(last):
                m.next = "AWAIT"
            with m.Elif(place[:GROUP_BITS] == GROUP - 1):
                m.next = "GROUP"
            with m.Else():
                m.next = "CHOOSE"

        with m.FSM():
            with m.State("CLEAR"):
                m.d.sync += [place.eq(place + 1), cleared.eq(last)]
                with m.If(last):
                    m.next = "REST"
            with m.State("REST"):
                m.d.comb += self.begin.ready.eq(1)
                m.d.sync += [place.eq(0), age.eq(0)]
                with m.If(self.begin.valid):
                    m.d.sync += [change.eq(self.begin.p), number.eq(number + 1)]
                    m.next = "GROUP"
                    with m.If(self.begin.p.fault != FaultCode.NONE):
                        m.next = "DONE"
            with m.State("GROUP"):
                m.d.comb += self.wanted.valid.eq(1)
                with m.If(self.wanted.ready):
                    m.next = "READ"
            with m.State("READ"):
                m.d.sync += held.eq(self.sharers.p)
                with m.If(self.sharers.valid):
                    m.next = "CHOOSE"
            with m.State("CHOOSE"):
                shares = (held[0] | (place < change.below)) & ~fenced.data
                m.d.comb += [walks.eq(1), wait.en.eq(1), wait.data.eq(shares)]
                m.d.sync += missing.eq(missing + shares)
                with m.If(shares):
                    m.next = "SEND"
                with m.Else():
                    follow()
            with m.State("SEND"):
                m.d.comb += sender.message.valid.eq(1)
                with m.If(sender.message.ready):
                    follow()
            with m.State("AWAIT"):
                with m.If(missing == 0):
                    m.next = "DONE"
                with m.Elif(self.tick):
                    m.d.sync += age.eq(age + 1)
                    m.next = "SWEEP"
            with m.State("SWEEP"):
                late = age == SHARER_PATIENCE
                m.d.comb += [
                    walks.eq(1),
                    self.silent.valid.eq(waits.data & late & ~fenced.data),
                    wait.en.eq(waits.data & (fenced.data | (late & self.silent.ready))),
                ]
                with m.If(~self.silent.valid | self.silent.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(last):
                        m.next = "AWAIT"
                with m.If(wait.en):
                    m.d.sync += missing.eq(missing - 1)
                with m.If(self.silent.valid):
                    m.d.sync += change.fault.eq(FaultCode.NODE_DEAD)
            with m.State("DONE"):
                m.d.comb += self.done.valid.eq(1)
                with m.If(self.done.ready):
                    m.next = "REST"
        return m
