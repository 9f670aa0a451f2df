"""Replies to memory."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryWrite, PacketBeat
from intarsia.dma.checker import Checker, Note
from intarsia.dma.framing import Deframer
from intarsia.dma.scatter import Scatter
from intarsia.dma.transactions import (
    JOBS,
    PLACE,
    TRIES,
    Request,
    Return,
    Target,
)
from intarsia.isa.address import NODE
from intarsia.isa.faults import RESPONDER, FaultCode, FaultReport
from intarsia.isa.instruction import Stream
from intarsia.isa.packet import ErrorDetail, PacketKind, TransactionNumber

__all__ = ["Receiver"]


class Receiver(wiring.Component):
    """Takes in replies, always: they wait for nothing but the memory's grants.

    Payload is written at one beat per cycle; two cycles are lost between packets, and with
    ``config.relays`` three more. A reply that does not answer an awaited request (by number, node,
    kind and length) is reported as TRANSACTION, and goes nowhere; that of a dead node, or to a
    request that has been sent again, goes nowhere without a word.

    A request that was refused as VERSION or ATU_MISS is sent again, up to `TRIES` times: at once,
    and then after pulses of the timebase. Any other ERROR fails the job of its request: the first
    one is reported, and of the replies that come later for that job, nothing is written. A WRITE
    that another node must do, too, is sent again to that.

    A fragment that is not what its checksum says is asked for again, and written again. If it is
    not right then either, its job fails (CHECKSUM).

    Relies on the link for packets that are as long as their header says.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    packet : In(stream.Signature(PacketBeat(link_bytes)))
        Class REPLY.
    asks, asked, place, known, late, found, target, half, claim
        See :class:`~intarsia.dma.transactions.Transactions`.
    back : Out(stream.Signature(Return, always_ready=True))
        A request that must be sent again.
    close : Out(stream.Signature(PLACE, always_ready=True))
        A request all of which is done.
    source : Out(16)
        Node that a reply comes from,
    dead : In(1)
        and whether it is dead.
    note : In(stream.Signature(Note, always_ready=True))
        See :class:`~intarsia.dma.checker.Checker`.
    failed : In(JOBS)
        Jobs that have failed.
    fails : Out(JOBS)
        Job that fails in this cycle.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    write : Out(MemoryWrite(lanes))
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "packet": In(stream.Signature(PacketBeat(config.link_bytes))),
            "asks": Out(1),
            "asked": Out(TransactionNumber),
            "place": In(PLACE),
            "known": In(1),
            "late": In(1),
            "found": In(Request),
            "target": In(Target),
            "half": In(1),
            "claim": Out(1),
            "back": Out(stream.Signature(Return, always_ready=True)),
            "close": Out(stream.Signature(PLACE, always_ready=True)),
            "source": Out(NODE),
            "dead": In(1),
            "note": In(stream.Signature(Note, always_ready=True)),
            "failed": In(JOBS),
            "fails": Out(JOBS),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
            "write": Out(MemoryWrite(config.lanes)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.deframer = deframer = Deframer(link_bytes=self.config.link_bytes)
        m.submodules.scatter = scatter = Scatter(config=self.config)
        m.submodules.checker = checker = Checker(link_bytes=self.config.link_bytes)
        wiring.connect(m, wiring.flipped(self.packet), deframer.packet)
        wiring.connect(m, scatter.write, wiring.flipped(self.write))
        wiring.connect(m, wiring.flipped(self.note), checker.note)

        # Payload is written, or else sunk. All of it was written before it is known to be right.
        storing = Signal()
        written = Signal()
        stored = Signal(PLACE, reset_less=True)
        done = Signal()
        settled = Signal()
        wrong = Signal()
        looks = Signal()
        domain = m.d.sync if self.config.relays else m.d.comb
        domain += [
            done.eq(scatter.done),
            settled.eq(checker.settled),
            wrong.eq(checker.wrong),
            looks.eq(deframer.head.valid & ~storing & ~(looks if self.config.relays else Const(0))),
        ]
        m.d.comb += [
            checker.begin.eq(scatter.span.valid),
            checker.place.eq(stored),
            checker.beat.p.eq(deframer.payload.p.data),
            checker.beat.valid.eq(scatter.beat.valid & scatter.beat.ready),
            checker.ends.eq(storing & (done | written)),
            scatter.beat.p.eq(deframer.payload.p.data),
            scatter.beat.valid.eq(storing & deframer.payload.valid),
            deframer.payload.ready.eq(~storing | scatter.beat.ready),
        ]

        header = deframer.head.p.header
        detail = Signal(ErrorDetail)
        found = self.found
        writes = Signal()
        answers = Signal()
        failed = Signal()
        m.d.comb += [
            self.asked.as_value().eq(header.transaction),
            self.source.eq(header.source),
            detail.as_value().eq(deframer.head.p.extension),
            writes.eq(found.kind != PacketKind.READ.value),
            answers.eq(self.known & (self.target.node == header.source) & ~self.dead),
            failed.eq(self.failed.bit_select(found.job, 1)),
            scatter.span.p.eq(found.span),
            self.close.p.eq(Mux(storing, stored, self.place)),
            self.back.p.place.eq(self.place),
            self.back.p.late.eq(self.target.tries != 1),
        ]

        # What goes wrong: a request is refused, for now or for good, or there is none.
        fault = self.fault
        refused = Signal()
        moved = Signal()
        m.d.comb += [
            refused.eq(answers & (header.kind == PacketKind.ERROR)),
            moved.eq(
                (
                    (detail.fault == FaultCode.VERSION.value)
                    | (detail.fault == FaultCode.ATU_MISS.value)
                )
                & (self.target.tries != TRIES)
                & ~failed
            ),
            fault.p.engine.eq(Stream.REMOTE.value),
            fault.p.context.eq(found.span.context),
            fault.p.node.eq(self.target.node),
            fault.p.data_id.eq(found.data_id),
            fault.p.info.eq(found.fragment),
        ]
        with m.If(storing):
            m.d.comb += fault.p.code.eq(FaultCode.CHECKSUM)
        with m.Elif(refused):
            m.d.comb += fault.p.code.eq(detail.fault)
        with m.Else():
            stranger = dict(code=FaultCode.TRANSACTION, engine=RESPONDER)
            m.d.comb += [
                fault.p.eq(FaultReport.const(stranger)),
                fault.p.node.eq(header.source),
                fault.p.info.eq(header.transaction),
            ]

        with m.If(storing):
            m.d.sync += written.eq(checker.ends & ~checker.settled)
            with m.If(settled):
                m.d.comb += self.close.valid.eq(1)
                m.d.sync += storing.eq(0)
                with m.If(wrong):
                    m.d.comb += [
                        self.asks.eq(1),
                        self.asked.place.eq(stored),
                        self.back.valid.eq(~self.half & ~failed),
                        self.back.p.half.eq(1),
                        self.back.p.late.eq(0),
                        self.close.valid.eq(self.half | failed),
                        self.fails.eq(Mux(self.half, 1 << found.job, 0)),
                        fault.valid.eq(self.half & ~failed),
                    ]
        with m.Elif(looks):
            m.d.comb += [
                deframer.head.ready.eq(1),
                self.asks.eq(1),
            ]
            m.d.sync += stored.eq(self.place)
            with m.If(
                answers
                & (header.kind == PacketKind.READ_REPLY)
                & ~writes
                & (header.length == found.span.length)
            ):
                m.d.comb += [
                    self.claim.eq(1),
                    scatter.span.valid.eq(~failed),
                    self.close.valid.eq(failed),
                ]
                m.d.sync += storing.eq(~failed)
            with m.Elif(answers & (header.kind == PacketKind.WRITE_ACK) & writes):
                m.d.comb += [
                    self.claim.eq(1),
                    self.back.valid.eq(self.target.more & ~failed),
                    self.back.p.half.eq(1),
                    self.back.p.late.eq(0),
                    self.close.valid.eq(~self.target.more | failed),
                ]
            with m.Elif(refused):
                m.d.comb += [
                    self.claim.eq(1),
                    self.back.valid.eq(moved),
                    self.close.valid.eq(~moved),
                    self.fails.eq(Mux(moved, 0, 1 << found.job)),
                    fault.valid.eq(~moved & ~failed),
                ]
            with m.Else():
                m.d.comb += fault.valid.eq(~self.late & ~self.dead)

        return m
