"""Replies to memory."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryWrite, PacketBeat
from intarsia.dma.framing import Deframer
from intarsia.dma.scatter import Scatter
from intarsia.dma.transactions import JOBS, TRANSACTION, Transaction
from intarsia.isa.faults import RESPONDER, FaultCode, FaultReport
from intarsia.isa.instruction import Stream
from intarsia.isa.packet import ErrorDetail, PacketKind

__all__ = ["Receiver"]


class Receiver(wiring.Component):
    """Takes in replies, always: they wait for nothing but the memory's grants.

    Payload is written at one beat per cycle; two cycles are lost between packets. A reply that does
    not answer an open transaction (by number, node, kind and length) is reported as TRANSACTION,
    and goes nowhere. An ERROR fails the job of its transaction: the first one is reported, and of
    the replies that come later for that job, nothing is written.

    Relies on the link for packets that are as long as their header says.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    packet : In(stream.Signature(PacketBeat(link_bytes)))
        Class REPLY.
    asked : Out(16)
    known : In(1)
    found : In(Transaction)
        Look-up in the table of transactions.
    close : Out(stream.Signature(16, always_ready=True))
        Number of a transaction all of which is done.
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
            "asked": Out(TRANSACTION),
            "known": In(1),
            "found": In(Transaction),
            "close": Out(stream.Signature(TRANSACTION, always_ready=True)),
            "failed": In(JOBS),
            "fails": Out(JOBS),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
            "write": Out(MemoryWrite(config.lanes)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.deframer = deframer = Deframer(link_bytes=self.config.link_bytes)
        m.submodules.scatter = scatter = Scatter(config=self.config)
        wiring.connect(m, wiring.flipped(self.packet), deframer.packet)
        wiring.connect(m, scatter.write, wiring.flipped(self.write))

        # Payload is written, or else sunk.
        storing = Signal()
        stored = Signal(TRANSACTION, reset_less=True)
        m.d.comb += [
            scatter.beat.p.eq(deframer.payload.p.data),
            scatter.beat.valid.eq(storing & deframer.payload.valid),
            deframer.payload.ready.eq(~storing | scatter.beat.ready),
        ]

        header = deframer.head.p.header
        detail = Signal(ErrorDetail)
        found = self.found
        answers = Signal()
        failed = Signal()
        m.d.comb += [
            self.asked.eq(header.transaction),
            detail.as_value().eq(deframer.head.p.extension),
            answers.eq(self.known & (found.node == header.source)),
            failed.eq(self.failed.bit_select(found.job, 1)),
            scatter.span.p.eq(found.span),
        ]

        # What goes wrong: a transaction is refused, or there is none.
        fault = self.fault
        refused = Signal()
        m.d.comb += [
            refused.eq(answers & (header.kind == PacketKind.ERROR)),
            fault.p.code.eq(Mux(refused, detail.fault, FaultCode.TRANSACTION)),
            fault.p.engine.eq(Mux(refused, Stream.REMOTE.value, RESPONDER)),
            fault.p.context.eq(Mux(refused, found.span.context, 0)),
            fault.p.node.eq(header.source),
            fault.p.data_id.eq(Mux(refused, detail.data_id, 0)),
            fault.p.info.eq(Mux(refused, detail.fragment, header.transaction)),
        ]

        with m.If(storing):
            m.d.comb += [self.close.valid.eq(scatter.done), self.close.p.eq(stored)]
            with m.If(scatter.done):
                m.d.sync += storing.eq(0)
        with m.Elif(deframer.head.valid):
            m.d.comb += [deframer.head.ready.eq(1), self.close.p.eq(header.transaction)]
            m.d.sync += stored.eq(header.transaction)
            with m.If(
                answers
                & (header.kind == PacketKind.READ_REPLY)
                & ~found.write
                & (header.length == found.span.length)
            ):
                m.d.comb += [scatter.span.valid.eq(~failed), self.close.valid.eq(failed)]
                m.d.sync += storing.eq(~failed)
            with m.Elif(answers & (header.kind == PacketKind.WRITE_ACK) & found.write):
                m.d.comb += self.close.valid.eq(1)
            with m.Elif(refused):
                m.d.comb += [
                    self.close.valid.eq(1),
                    self.fails.eq(1 << found.job),
                    fault.valid.eq(~failed),
                ]
            with m.Else():
                m.d.comb += fault.valid.eq(1)

        return m
