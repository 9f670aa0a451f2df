"""What other nodes may read and write of this chip's memory."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.lookup import AccessCheck, Lookup, LookupResult
from intarsia.common.ports import MemoryRead, MemoryWrite, PacketBeat
from intarsia.dma.framing import Deframer, Framer
from intarsia.dma.gather import Gather
from intarsia.dma.scatter import Scatter
from intarsia.isa.address import NODE, LogicalAddress
from intarsia.isa.counters import Activity
from intarsia.isa.faults import RESPONDER, FaultCode, FaultReport
from intarsia.isa.packet import LINK_FORMAT, ErrorDetail, PacketHeader, PacketKind

__all__ = ["Responder"]

#: Replies that wait to be sent.
DEPTH = 4


class _Reply(data.Struct):
    """What is not known otherwise about a reply."""

    destination: NODE
    kind: PacketKind
    length: 11
    transaction: 16
    detail: ErrorDetail


class Responder(wiring.Component):
    """Answers READ and WRITE of fragments that lie in this chip's memory.

    The fragment is looked up in this node's own map: requests that came to the wrong node, or with
    another version than the fragment has, are refused; so are those beyond its end, and those that
    the permissions don't allow (a node may always access what it holds itself). A refused request
    is answered with ERROR, moves no byte, and is reported.

    Requests are begun in order; a WRITE is acknowledged when the memory has accepted all of it, and
    a READ that comes after it sees it. A WRITE that comes after a READ may overtake it: whoever
    sends both to the same bytes must wait for the first reply. Replies leave in the order of
    requests. Payload passes at one beat per cycle both ways, at the same time; there are at most 6
    cycles between the payloads of packets that wait in line, besides their heads.

    Relies on the link for packets that are as long as their header says. Anything but a READ or
    WRITE is reported as LINK_PROTOCOL and dropped. Bytes that can't be read are reported as PARITY;
    the reply that they belong to leaves all the same.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    node : In(16)
        This node.
    lookup : Out(Lookup())
    request : In(stream.Signature(PacketBeat(link_bytes)))
        Packets of class REQUEST.
    reply : Out(stream.Signature(PacketBeat(link_bytes)))
        Packets of class REPLY. The link's own header fields are left zero.
    read : Out(MemoryRead(lanes))
    write : Out(MemoryWrite(lanes))
    quiet : Out(1)
        No byte of a fragment that was found in the map is still to be read or written: what moves
        later is looked up later. Low from the cycle in which a result comes; a look-up that has no
        result yet counts for nothing.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    activity : Out(Activity)
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "node": In(NODE),
            "lookup": Out(Lookup()),
            "request": In(stream.Signature(PacketBeat(config.link_bytes))),
            "reply": Out(stream.Signature(PacketBeat(config.link_bytes))),
            "read": Out(MemoryRead(config.lanes)),
            "write": Out(MemoryWrite(config.lanes)),
            "quiet": Out(1),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.deframer = deframer = Deframer(link_bytes=self.config.link_bytes)
        m.submodules.scatter = scatter = Scatter(config=self.config)
        m.submodules.gather = gather = Gather(config=self.config, eager=True)
        m.submodules.framer = framer = Framer(link_bytes=self.config.link_bytes)
        m.submodules.check = check = AccessCheck()
        m.submodules.replies = replies = fifo.SyncFIFO(width=_Reply.as_shape().size, depth=DEPTH)
        wiring.connect(m, wiring.flipped(self.request), deframer.packet)
        wiring.connect(m, scatter.write, wiring.flipped(self.write))
        wiring.connect(m, gather.read, wiring.flipped(self.read))
        wiring.connect(m, gather.beat, framer.payload)
        wiring.connect(m, framer.packet, wiring.flipped(self.reply))

        # A request is judged while its head is held, one cycle after it was found in the map.
        head = deframer.head.p.header
        address = Signal(LogicalAddress)
        entry = Signal(LookupResult, reset_less=True)
        known = Signal()
        writes = Signal()
        m.d.comb += [
            address.as_value().eq(deframer.head.p.extension),
            writes.eq(head.kind == PacketKind.WRITE),
            known.eq(writes | (head.kind == PacketKind.READ)),
            self.lookup.request.p.data_id.eq(address.data_id),
            self.lookup.request.p.fragment.eq(address.fragment),
            check.entry.eq(entry),
            check.access.write.eq(writes),
            check.access.holder.eq(head.source == self.node),
            check.access.version.eq(address.version),
            check.access.offset.eq(address.offset),
            check.access.length.eq(head.length),
        ]

        # Memory is one row here.
        place = Signal.like(gather.span.p)
        m.d.comb += [
            place.address.eq(entry.base + address.offset),
            place.left.eq(head.length),
            place.length.eq(head.length),
            gather.span.p.eq(place),
            scatter.span.p.eq(place),
        ]

        # Payload is written, or else sunk.
        storing = Signal()
        m.d.comb += [
            scatter.beat.p.eq(deframer.payload.p.data),
            scatter.beat.valid.eq(storing & deframer.payload.valid),
            deframer.payload.ready.eq(~storing | scatter.beat.ready),
        ]

        # Replies, as they are pushed, and as they are sent.
        reply = data.View(_Reply, replies.w_data)
        sent = data.View(_Reply, replies.r_data)
        asked = Signal(PacketHeader, reset_less=True)
        kind = Signal(PacketKind)
        refused = Signal()
        acknowledges = Signal()
        header = framer.head.p.header
        m.d.comb += [
            refused.eq(check.fault != FaultCode.NONE),
            reply.destination.eq(asked.source),
            reply.kind.eq(kind),
            reply.length.eq(Mux(kind == PacketKind.READ_REPLY, asked.length, 0)),
            reply.transaction.eq(asked.transaction),
            reply.detail.data_id.eq(address.data_id),
            reply.detail.fragment.eq(address.fragment),
            reply.detail.offset.eq(address.offset),
            reply.detail.fault.eq(check.fault),
            framer.head.valid.eq(replies.r_rdy),
            replies.r_en.eq(framer.head.ready),
            framer.head.p.extension.eq(sent.detail),
            header.destination.eq(sent.destination),
            header.source.eq(self.node),
            header.kind.eq(sent.kind),
            header.length.eq(sent.length),
            header.transaction.eq(sent.transaction),
            header.link_format.eq(LINK_FORMAT),
        ]
        with m.If(acknowledges):
            m.d.comb += kind.eq(PacketKind.WRITE_ACK)
        with m.Elif(refused):
            m.d.comb += kind.eq(PacketKind.ERROR)
        with m.Else():
            m.d.comb += kind.eq(PacketKind.READ_REPLY)

        # A refused request is reported in the cycle in which it is; damage can wait.
        fault = self.fault
        reports = Signal()
        damage = gather.damage
        code = Signal(FaultCode)
        about = Signal(LogicalAddress)
        with m.If(~reports):
            m.d.comb += [code.eq(FaultCode.PARITY), damage.ready.eq(1)]
        with m.Elif(known):
            m.d.comb += [code.eq(check.fault), about.eq(address)]
        with m.Else():
            m.d.comb += code.eq(FaultCode.LINK_PROTOCOL)
        m.d.comb += [
            fault.valid.eq(reports | damage.valid),
            fault.p.code.eq(code),
            fault.p.engine.eq(RESPONDER),
            fault.p.node.eq(Mux(reports, self.node, 0)),
            fault.p.address.eq(Mux(reports, 0, damage.p.address)),
            fault.p.data_id.eq(about.data_id),
            fault.p.info.eq(about.fragment),
        ]

        with m.FSM() as fsm:
            with m.State("ASK"):
                with m.If(deframer.head.valid & known):
                    m.d.comb += self.lookup.request.valid.eq(1)
                    with m.If(self.lookup.request.ready):
                        m.next = "FIND"
                with m.Elif(deframer.head.valid):
                    m.d.comb += [deframer.head.ready.eq(1), reports.eq(1)]
            with m.State("FIND"):
                with m.If(self.lookup.result.valid):
                    found = self.lookup.result.p
                    m.d.sync += [
                        entry.eq(found),
                        entry.hit.eq(found.hit & (found.node == self.node)),
                        asked.eq(head),
                    ]
                    m.next = "JUDGE"
            with m.State("JUDGE"):
                with m.If(refused):
                    m.d.comb += [
                        replies.w_en.eq(1),
                        deframer.head.ready.eq(replies.w_rdy),
                        reports.eq(replies.w_rdy),
                    ]
                with m.Elif(writes):
                    m.d.comb += [
                        scatter.span.valid.eq(1),
                        deframer.head.ready.eq(scatter.span.ready),
                    ]
                with m.Else():
                    m.d.comb += [
                        gather.span.valid.eq(replies.w_rdy),
                        replies.w_en.eq(gather.span.ready),
                        deframer.head.ready.eq(replies.w_rdy & gather.span.ready),
                    ]
                with m.If(deframer.head.ready):
                    m.d.sync += storing.eq(scatter.span.valid)
                    m.next = "ASK"
                    with m.If(scatter.span.valid):
                        m.next = "STORE"
            with m.State("STORE"):
                with m.If(scatter.done):
                    m.d.sync += storing.eq(0)
                    m.next = "ACKNOWLEDGE"
            with m.State("ACKNOWLEDGE"):
                m.d.comb += [acknowledges.eq(1), replies.w_en.eq(1)]
                with m.If(replies.w_rdy):
                    m.next = "ASK"

        with m.If(fsm.ongoing("FIND")):
            m.d.comb += self.quiet.eq(~gather.reading & ~self.lookup.result.valid)
        with m.Elif(fsm.ongoing("ASK") | fsm.ongoing("ACKNOWLEDGE")):
            m.d.comb += self.quiet.eq(~gather.reading)

        moves = Signal()
        starved = Signal()
        m.d.comb += [
            moves.eq(
                (self.request.valid & self.request.ready) | (self.reply.valid & self.reply.ready)
            ),
            starved.eq(
                (self.write.request.valid & ~self.write.request.ready)
                | (framer.head.valid & ~self.reply.valid)
            ),
        ]
        with m.If(moves):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(starved):
            m.d.comb += self.activity.eq(Activity.MEMORY)
        with m.Elif(
            self.reply.valid | (deframer.busy & ~deframer.head.valid & ~self.request.valid)
        ):
            m.d.comb += self.activity.eq(Activity.LINK)
        with m.Elif(deframer.busy | ~fsm.ongoing("ASK")):
            m.d.comb += self.activity.eq(Activity.BUSY)

        return m
