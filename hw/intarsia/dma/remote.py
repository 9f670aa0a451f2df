"""Transfers between this chip's memory and fragments on other nodes."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.lookup import FragmentKey, Lookup
from intarsia.common.ports import Engine, MemoryRead, MemoryWrite, PacketBeat
from intarsia.common.share import ReadShare
from intarsia.dma.cutter import Cutter
from intarsia.dma.fence import Fence
from intarsia.dma.jobs import Jobs
from intarsia.dma.receiver import Receiver
from intarsia.dma.scout import Scout
from intarsia.dma.sender import Sender
from intarsia.dma.transactions import Transactions
from intarsia.isa.address import NODE, OWNER_BITS
from intarsia.isa.counters import Activity
from intarsia.isa.registers import FenceWord
from intarsia.isa.transfer import RemoteDescriptor

__all__ = ["RemoteQueue"]


class RemoteQueue(wiring.Component):
    """Executes READ, WRITE, ACCUMULATE, GATHER and SCATTER.

    Jobs are cut into requests of at most 1,024 bytes each, to the node that holds the fragment. Up
    to IN_FLIGHT requests of up to JOBS jobs are in flight, and replies may come in any order; jobs
    of a context are done in order, those of different ones in any. Jobs in flight are not ordered
    among each other: one that needs what another moved must wait for its token.

    A fragment that lies on this very node is asked for like any other, by packets to this node.

    Requests are sent again where the fragment has moved, or where its node does not answer: see
    :class:`~intarsia.dma.sender.Sender`. A WRITE is done when all replicas have it.

    Faults are those of :class:`~intarsia.dma.cutter.Cutter`, :class:`~intarsia.dma.sender.Sender`
    and :class:`~intarsia.dma.receiver.Receiver`. A job that fails, here or at the other side, asks
    for nothing more, and is done when the replies to what it has asked for have come.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    engine : Out(Engine(RemoteDescriptor, ordered=False))
    node : In(16)
        This node.
    owners : In(data.ArrayLayout(12, contexts))
        Owner whose tensors each context may use.
    tick : In(1)
        Timebase.
    fence : In(stream.Signature(FenceWord))
        Nodes that are dead, or alive again.
    lookup : Out(Lookup())
    ahead : Out(stream.Signature(FragmentKey))
        What will be looked up soon.
    request : Out(stream.Signature(PacketBeat(link_bytes)))
        Packets of class REQUEST. The link's own header fields are left zero.
    reply : In(stream.Signature(PacketBeat(link_bytes)))
        Packets of class REPLY.
    read : Out(MemoryRead(lanes))
        For what WRITE sends, and for lists.
    write : Out(MemoryWrite(lanes))
        For what READ brings.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "engine": Out(Engine(RemoteDescriptor, ordered=False)),
            "node": In(NODE),
            "owners": In(data.ArrayLayout(OWNER_BITS, config.contexts)),
            "tick": In(1),
            "fence": In(stream.Signature(FenceWord)),
            "lookup": Out(Lookup()),
            "ahead": Out(stream.Signature(FragmentKey)),
            "request": Out(stream.Signature(PacketBeat(config.link_bytes))),
            "reply": In(stream.Signature(PacketBeat(config.link_bytes))),
            "read": Out(MemoryRead(config.lanes)),
            "write": Out(MemoryWrite(config.lanes)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.cutter = cutter = Cutter(config=self.config)
        m.submodules.sender = sender = Sender(config=self.config)
        m.submodules.transactions = transactions = Transactions(relays=self.config.relays)
        m.submodules.receiver = receiver = Receiver(config=self.config)
        m.submodules.scout = scout = Scout()
        m.submodules.fence = fence = Fence(questions=3)
        m.submodules.share = share = ReadShare(lanes=self.config.lanes, parked=self.config.relays)
        wiring.connect(m, wiring.flipped(self.engine.job), cutter.job)
        wiring.connect(m, wiring.flipped(self.fence), fence.word)
        wiring.connect(m, sender.lost, fence.lost)
        wiring.connect(m, sender.lookup, wiring.flipped(self.lookup))
        wiring.connect(m, scout.ahead, wiring.flipped(self.ahead))
        wiring.connect(m, cutter.request, transactions.open)
        wiring.connect(m, sender.send, transactions.send)
        wiring.connect(m, sender.drop, transactions.drop)
        wiring.connect(m, sender.note, receiver.note)
        wiring.connect(m, receiver.back, transactions.back)
        wiring.connect(m, receiver.close, transactions.close)
        wiring.connect(m, cutter.read, share.first)
        wiring.connect(m, sender.read, share.second)
        wiring.connect(m, share.port, wiring.flipped(self.read))
        wiring.connect(m, sender.packet, wiring.flipped(self.request))
        wiring.connect(m, wiring.flipped(self.reply), receiver.packet)
        wiring.connect(m, receiver.write, wiring.flipped(self.write))
        m.d.comb += [
            cutter.owners.eq(self.owners),
            scout.sees.eq(cutter.sees),
            scout.key.eq(cutter.key),
            sender.node.eq(self.node),
            transactions.tick.eq(self.tick),
            *(
                getattr(sender, name).eq(getattr(transactions, name))
                for name in ("place", "again", "half", "expired", "found", "target")
            ),
            sender.due.eq(transactions.due & fence.ready),
            transactions.take.eq(sender.take),
            *(
                getattr(transactions, name).eq(getattr(receiver, name))
                for name in ("asks", "asked", "claim")
            ),
            *(
                getattr(receiver, name).eq(getattr(transactions, name))
                for name in ("place", "known", "late", "found", "target", "half")
            ),
            fence.node[0].eq(sender.holder),
            fence.node[1].eq(sender.replica),
            fence.node[2].eq(receiver.source),
            Cat(sender.holder_dead, sender.replica_dead, receiver.dead).eq(fence.dead),
        ]

        m.submodules.jobs = jobs = Jobs()
        m.d.comb += [
            jobs.begin.eq(cutter.begun),
            jobs.context.eq(self.engine.job.p.context),
            jobs.cut.eq(cutter.ended),
            jobs.open.eq(transactions.jobs),
            jobs.fails.eq(receiver.fails | sender.fails),
            self.engine.done.eq(jobs.done),
            self.engine.whose.eq(jobs.whose),
            cutter.room.eq(jobs.room),
            cutter.number.eq(jobs.number),
            cutter.cancelled.eq(jobs.failed.bit_select(jobs.number, 1)),
            sender.failed.eq(jobs.failed),
            receiver.failed.eq(jobs.failed),
        ]

        # A reply can't wait, and comes every other cycle at most; the others can.
        fault = self.engine.fault
        waiting = (sender.damage, sender.fault, cutter.fault)
        with m.If(receiver.fault.valid):
            m.d.comb += [fault.valid.eq(1), fault.p.eq(receiver.fault.p)]
        for source in waiting:
            with m.Elif(source.valid):
                m.d.comb += [fault.valid.eq(1), fault.p.eq(source.p), source.ready.eq(1)]

        moves = Signal()
        refused = Signal()
        m.d.comb += [
            moves.eq(
                (self.request.valid & self.request.ready) | (self.reply.valid & self.reply.ready)
            ),
            refused.eq(
                (self.write.request.valid & ~self.write.request.ready)
                | (self.read.request.valid & ~self.read.request.ready)
            ),
        ]
        with m.If(~jobs.busy & ~self.engine.job.valid):
            m.d.comb += self.engine.activity.eq(Activity.IDLE)
        with m.Elif(moves | ~cutter.waiting):
            m.d.comb += self.engine.activity.eq(Activity.BUSY)
        with m.Elif(refused):
            m.d.comb += self.engine.activity.eq(Activity.MEMORY)
        with m.Else():
            m.d.comb += self.engine.activity.eq(Activity.LINK)

        return m
