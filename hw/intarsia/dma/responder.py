"""What other nodes may read and write of this chip's memory."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.lookup import Lookup, LookupResult
from intarsia.common.ports import MemoryRead, MemoryWrite, PacketBeat
from intarsia.dma.adder import Adder
from intarsia.dma.framing import Deframer, Framer
from intarsia.dma.gather import Gather
from intarsia.dma.judge import KINDS, Judge
from intarsia.dma.replies import Replies
from intarsia.dma.scatter import Scatter
from intarsia.isa.address import NODE, LogicalAddress
from intarsia.isa.counters import Activity
from intarsia.isa.faults import RESPONDER, FaultCode, FaultReport
from intarsia.isa.packet import PacketHeader, PacketKind
from intarsia.isa.registers import FenceWord

__all__ = ["Responder"]


class Responder(wiring.Component):
    """Answers READ, WRITE and ACCUMULATE of fragments that lie in this chip's memory.

    The fragment is looked up in this node's own map: requests for what lies elsewhere, or with
    another version than the fragment has, are refused (VERSION: who asked goes by an earlier
    entry); so are those beyond its end, and those that the permissions don't allow (a node may
    always access what it holds itself). A replica is read and written like the fragment, but
    nothing is added to it. A refused request is answered with ERROR, moves no byte, and is
    reported, but for VERSION.

    Requests are begun in order; a WRITE is acknowledged when the memory has accepted all of it, and
    a READ that comes after it sees it. A WRITE that comes after a READ may overtake it: whoever
    sends both to the same bytes must wait for the first reply. Replies leave in the order of
    requests. Payload passes at one beat per cycle both ways, at the same time; there are at most 6
    cycles between the payloads of packets that wait in line, besides their heads.

    ACCUMULATE adds int32 to what is there, modulo 2^32, at one beat per cycle; it waits until
    earlier READs have been read, and nothing else is written meanwhile. One that was performed
    before is acknowledged, and adds nothing. What is not aligned to 4 bytes is refused (BOUNDS).

    Relies on the link for packets that are as long as their header says. Anything else is reported
    as LINK_PROTOCOL and dropped. Bytes that can't be read are reported as PARITY: a reply that they
    belong to leaves all the same; of sums that would be added to them, these and those behind them
    are not, and the answer is ERROR.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    node : In(16)
        This node.
    fence : In(stream.Signature(FenceWord))
        A node is dead, or has begun anew: what it has sent before counts no more.
    lookup : Out(Lookup())
    request : In(stream.Signature(PacketBeat(link_bytes)))
        Packets of class REQUEST.
    reply : Out(stream.Signature(PacketBeat(link_bytes)))
        Packets of class REPLY. The link's own header fields are left zero.
    read : Out(MemoryRead(lanes))
    write : Out(MemoryWrite(lanes))
    quiet : Out(1)
        No byte of a fragment that was found in the map is still to be read or written. Low from the
        cycle in which a result comes; a look-up that has no result yet counts for nothing.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    activity : Out(Activity)
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "node": In(NODE),
            "fence": In(stream.Signature(FenceWord)),
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
        m.submodules.scatter = scatter = Scatter(config=self.config, rows=False)
        m.submodules.gather = gather = Gather(config=self.config, rows=False, eager=True)
        m.submodules.framer = framer = Framer(link_bytes=self.config.link_bytes)
        m.submodules.judge = judge = Judge(relays=self.config.relays)
        m.submodules.adder = adder = Adder(link_bytes=self.config.link_bytes)
        m.submodules.replies = replies = Replies()
        wiring.connect(m, wiring.flipped(self.request), deframer.packet)
        wiring.connect(m, scatter.write, wiring.flipped(self.write))
        wiring.connect(m, gather.read, wiring.flipped(self.read))
        wiring.connect(m, wiring.flipped(self.fence), judge.fence)
        wiring.connect(m, replies.head, framer.head)
        wiring.connect(m, framer.packet, wiring.flipped(self.reply))

        # A request is judged one cycle after it was found in the map.
        head = deframer.head.p.header
        there = Signal(LogicalAddress)
        address = Signal(LogicalAddress, reset_less=True)
        asked = Signal(PacketHeader, reset_less=True)
        entry = Signal(LookupResult, reset_less=True)
        elsewhere = Signal()
        known = Signal()
        reads, sums, refusal = judge.reads, judge.sums, judge.refusal
        m.d.comb += [
            there.as_value().eq(deframer.head.p.extension),
            known.eq(Cat(head.kind == kind for kind in KINDS).any()),
            self.lookup.request.p.data_id.eq(there.data_id),
            self.lookup.request.p.fragment.eq(there.fragment),
            judge.node.eq(self.node),
            judge.asked.eq(asked),
            judge.address.eq(address),
            judge.entry.eq(entry),
            judge.elsewhere.eq(elsewhere),
        ]

        for span in (gather.span.p, scatter.span.p):
            m.d.comb += [
                span.address.eq(entry.base + address.offset),
                span.length.eq(asked.length),
            ]

        # Payload is written, or added to what is there, or else sunk. What is read is added, or
        # sent.
        storing = Signal()
        adding = Signal()
        spoiled = Signal()  # Some bytes that were to be added to were damaged.
        payload = deframer.payload
        m.d.comb += [
            adder.adds.eq(adding),
            adder.beat.eq(payload.p.data),
            adder.there.eq(gather.beat.p),
            scatter.beat.p.eq(adder.total),
            scatter.void.eq(adding & (spoiled | gather.spoiled)),
            framer.payload.p.eq(gather.beat.p),
        ]
        with m.If(~storing):
            m.d.comb += payload.ready.eq(1)
        with m.Else():
            m.d.comb += [
                scatter.beat.valid.eq(payload.valid & (~adding | gather.beat.valid)),
                payload.ready.eq(scatter.beat.ready & (~adding | gather.beat.valid)),
            ]
        with m.If(adding):
            m.d.comb += gather.beat.ready.eq(scatter.beat.ready & payload.valid)
            with m.If(gather.beat.valid & gather.beat.ready):
                m.d.sync += spoiled.eq(spoiled | gather.spoiled)
        with m.Else():
            m.d.comb += [
                framer.payload.valid.eq(gather.beat.valid),
                gather.beat.ready.eq(framer.payload.ready),
            ]

        # What is replied.
        reply = replies.reply
        refused = Signal()
        acknowledges = Signal()
        outcome = Signal(FaultCode)
        with m.If(~acknowledges):
            m.d.comb += outcome.eq(refusal)
        with m.Elif(spoiled):
            m.d.comb += outcome.eq(FaultCode.PARITY)
        m.d.comb += [
            replies.node.eq(self.node),
            refused.eq(refusal != FaultCode.NONE),
            reply.p.asked.eq(asked),
            reply.p.address.eq(address),
            reply.p.outcome.eq(outcome),
        ]

        # A refused request is reported in the cycle in which it is; damage can wait.
        fault = self.fault
        reports = Signal()
        damage = gather.damage
        code = Signal(FaultCode)
        about = Signal(LogicalAddress)
        stranger = Signal()
        with m.If(~reports):
            m.d.comb += [code.eq(FaultCode.PARITY), damage.ready.eq(1)]
        with m.Elif(stranger):
            m.d.comb += code.eq(FaultCode.LINK_PROTOCOL)
        with m.Else():
            m.d.comb += [code.eq(refusal), about.eq(address)]
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
                    m.d.comb += [deframer.head.ready.eq(1), reports.eq(1), stranger.eq(1)]
            with m.State("FIND"):
                found = self.lookup.result.p
                holds = (found.node == self.node) | (
                    (found.replica == self.node) & (head.kind != PacketKind.ACCUMULATE)
                )
                with m.If(self.lookup.result.valid):
                    m.d.sync += [
                        entry.eq(found),
                        elsewhere.eq(~holds),
                        asked.eq(head),
                        address.eq(there),
                        spoiled.eq(0),
                    ]
                    m.next = "JUDGE"
            with m.State("JUDGE"):
                m.d.comb += judge.judges.eq(1)
                with m.If(~judge.settled):
                    pass
                with m.Elif(refused):
                    m.d.comb += [
                        reply.valid.eq(1),
                        deframer.head.ready.eq(reply.ready),
                        # Who asks at a place of before looks up again: nothing is wrong.
                        reports.eq(reply.ready & (refusal != FaultCode.VERSION)),
                    ]
                with m.Elif(reads):
                    m.d.comb += [
                        gather.span.valid.eq(reply.ready),
                        reply.valid.eq(gather.span.ready),
                        deframer.head.ready.eq(reply.ready & gather.span.ready),
                    ]
                with m.Elif(~sums):
                    m.d.comb += [
                        scatter.span.valid.eq(1),
                        deframer.head.ready.eq(scatter.span.ready),
                    ]
                with m.Elif(judge.repeated):
                    m.d.comb += deframer.head.ready.eq(1)
                with m.Elif(gather.empty):
                    m.d.comb += [
                        gather.span.valid.eq(1),
                        scatter.span.valid.eq(1),
                        judge.record.eq(1),
                        deframer.head.ready.eq(1),
                    ]
                with m.If(deframer.head.ready):
                    m.d.sync += [storing.eq(scatter.span.valid), adding.eq(judge.record)]
                    with m.If(scatter.span.valid):
                        m.next = "STORE"
                    with m.Elif(sums & ~refused):
                        m.next = "ACKNOWLEDGE"
                    with m.Else():
                        m.next = "ASK"
            with m.State("STORE"):
                with m.If(scatter.done):
                    m.d.sync += [storing.eq(0), adding.eq(0)]
                    m.next = "ACKNOWLEDGE"
            with m.State("ACKNOWLEDGE"):
                m.d.comb += [acknowledges.eq(1), reply.valid.eq(1)]
                with m.If(reply.ready):
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
