"""Packets of requests."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryRead, PacketBeat
from intarsia.dma.framing import Framer, PacketHead
from intarsia.dma.gather import Gather
from intarsia.dma.transactions import JOBS, PLACE, Request
from intarsia.isa.address import NODE, LogicalAddress
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import Stream
from intarsia.isa.packet import LINK_FORMAT, PacketKind, TransactionNumber

__all__ = ["Order", "Packer", "Place"]


class Place(data.Struct):
    """Where a request goes."""

    node: NODE
    version: 16

    repeated: 1
    """It went there before, and was not answered."""


class Order(data.Struct):
    """What is to be sent."""

    place: PLACE
    """Of the request, in the table."""

    request: Request
    going: Place


class Packer(wiring.Component):
    """Makes packets. The first beat comes in the cycle after its order.

    An order is accepted with the last beat of the packet before it; so packets of 8 beats or more
    can follow one another at once. The first beat of payload comes no more than 4 cycles after that
    of its packet. Payload that can't be read is reported as PARITY; the packet that it belongs to
    leaves all the same.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    node : In(16)
        This node.
    order : In(stream.Signature(Order))
    read : Out(MemoryRead(lanes))
    packet : Out(stream.Signature(PacketBeat(link_bytes)))
    damage : Out(stream.Signature(FaultReport))
        To be taken within a cycle or two.
    damaged : Out(JOBS)
        The job that this is about, in one cycle.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "node": In(NODE),
            "order": In(stream.Signature(Order)),
            "read": Out(MemoryRead(config.lanes)),
            "packet": Out(stream.Signature(PacketBeat(config.link_bytes))),
            "damage": Out(stream.Signature(FaultReport)),
            "damaged": Out(JOBS),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.gather = gather = Gather(config=self.config)
        m.submodules.framer = framer = Framer(link_bytes=self.config.link_bytes)
        wiring.connect(m, gather.beat, framer.payload)
        wiring.connect(m, gather.read, wiring.flipped(self.read))
        wiring.connect(m, framer.packet, wiring.flipped(self.packet))

        # The packet is accepted as a whole. By its end all of its payload was read, so `gather` is
        # free.
        request, going = self.order.p.request, self.order.p.going
        head = Signal(PacketHead, reset_less=True)
        job = Signal.like(request.job, reset_less=True)
        sending = Signal()
        loads = Signal()
        address = Signal(LogicalAddress)
        number = Signal(TransactionNumber)
        m.d.comb += [
            self.order.ready.eq(~sending | framer.head.ready),
            loads.eq(self.order.valid & self.order.ready),
            number.place.eq(self.order.p.place),
            number.count.eq(request.count),
            number.repeated.eq(going.repeated),
            framer.head.valid.eq(sending),
            framer.head.p.eq(head),
            gather.span.valid.eq(loads & (request.kind != PacketKind.READ.value)),
            gather.span.p.eq(request.span),
            address.data_id.eq(request.data_id),
            address.fragment.eq(request.fragment),
            address.offset.eq(request.offset),
            address.version.eq(going.version),
        ]
        with m.If(framer.head.ready):
            m.d.sync += sending.eq(0)
        with m.If(loads):
            m.d.sync += [
                sending.eq(1),
                job.eq(request.job),
                head.extension.eq(address),
                head.header.destination.eq(going.node),
                head.header.source.eq(self.node),
                head.header.kind.eq(request.kind),
                head.header.length.eq(request.span.length),
                head.header.transaction.eq(number),
                head.header.link_format.eq(LINK_FORMAT),
            ]

        # A report may have to wait, while the next packet begins.
        reported = Signal()
        m.d.sync += reported.eq(gather.damage.valid & ~self.damage.ready)
        m.d.comb += [
            self.damage.valid.eq(gather.damage.valid),
            gather.damage.ready.eq(self.damage.ready),
            self.damage.p.code.eq(FaultCode.PARITY),
            self.damage.p.engine.eq(Stream.REMOTE.value),
            self.damage.p.context.eq(gather.damage.p.context),
            self.damage.p.address.eq(gather.damage.p.address),
            self.damaged.eq(Mux(gather.damage.valid & ~reported, 1 << job, 0)),
        ]
        return m
