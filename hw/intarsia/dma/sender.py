"""Requests to packets."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryRead, PacketBeat
from intarsia.dma.cutter import Cut
from intarsia.dma.framing import Framer
from intarsia.dma.gather import Gather
from intarsia.dma.transactions import JOBS, TRANSACTION, Transaction
from intarsia.isa.address import NODE
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import Stream
from intarsia.isa.packet import LINK_FORMAT, PacketKind

__all__ = ["Sender"]


class Sender(wiring.Component):
    """Opens a transaction for each request, and makes the packet; for WRITE, with its payload.

    One cycle is lost between packets, and a few more before the first beat of payload. Payload that
    can't be read is reported as PARITY; the packet that it belongs to leaves all the same.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    request : In(stream.Signature(Cut))
    dropped : In(1)
        The request on offer is to be taken and forgotten.
    job : In(range(JOBS))
        Job that the request on offer belongs to.
    node : In(16)
        This node.
    number : In(16)
        Number of the next transaction.
    open : Out(stream.Signature(Transaction))
    read : Out(MemoryRead(lanes))
    packet : Out(stream.Signature(PacketBeat(link_bytes)))
    fails : Out(JOBS)
        Job whose payload is damaged.
    fault : Out(stream.Signature(FaultReport))
        The same, as a report; to be taken within a cycle or two.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "request": In(stream.Signature(Cut)),
            "dropped": In(1),
            "job": In(range(JOBS)),
            "node": In(NODE),
            "number": In(TRANSACTION),
            "open": Out(stream.Signature(Transaction)),
            "read": Out(MemoryRead(config.lanes)),
            "packet": Out(stream.Signature(PacketBeat(config.link_bytes))),
            "fails": Out(JOBS),
            "fault": Out(stream.Signature(FaultReport)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.gather = gather = Gather(config=self.config)
        m.submodules.framer = framer = Framer(link_bytes=self.config.link_bytes)
        wiring.connect(m, gather.beat, framer.payload)
        wiring.connect(m, gather.read, wiring.flipped(self.read))
        wiring.connect(m, framer.packet, wiring.flipped(self.packet))

        # What is being sent; the packet is accepted as a whole.
        sent = Signal(Cut, reset_less=True)
        sent_job = Signal(range(JOBS), reset_less=True)
        number = Signal(TRANSACTION, reset_less=True)
        sending = Signal()
        header = framer.head.p.header
        m.d.comb += [
            framer.head.valid.eq(sending),
            framer.head.p.extension.eq(sent.address),
            header.destination.eq(sent.node),
            header.source.eq(self.node),
            header.kind.eq(Mux(sent.write, PacketKind.WRITE, PacketKind.READ)),
            header.length.eq(sent.span.length),
            header.transaction.eq(number),
            header.link_format.eq(LINK_FORMAT),
        ]
        with m.If(framer.head.ready):
            m.d.sync += sending.eq(0)

        # By the end of a packet all of its payload was read, so `gather` is free.
        request = self.request
        wanted = Signal()
        m.d.comb += [
            wanted.eq(request.valid & ~sending & ~self.dropped),
            self.open.valid.eq(wanted),
            self.open.p.node.eq(request.p.node),
            self.open.p.write.eq(request.p.write),
            self.open.p.job.eq(self.job),
            self.open.p.span.eq(request.p.span),
            gather.span.valid.eq(wanted & request.p.write & self.open.ready),
            gather.span.p.eq(request.p.span),
            request.ready.eq(~sending & (self.dropped | self.open.ready)),
        ]
        with m.If(self.open.valid & self.open.ready):
            m.d.sync += [
                sent.eq(request.p),
                sent_job.eq(self.job),
                number.eq(self.number),
                sending.eq(1),
            ]

        m.d.comb += [
            self.fault.valid.eq(gather.damage.valid),
            gather.damage.ready.eq(self.fault.ready),
            self.fault.p.code.eq(FaultCode.PARITY),
            self.fault.p.engine.eq(Stream.REMOTE.value),
            self.fault.p.context.eq(gather.damage.p.context),
            self.fault.p.address.eq(gather.damage.p.address),
            self.fails.eq(gather.damage.valid << sent_job),
        ]

        return m
