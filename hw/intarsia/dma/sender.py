"""Requests to packets."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.lookup import AccessCheck, Lookup
from intarsia.common.ports import MemoryRead, PacketBeat
from intarsia.dma.checker import Note
from intarsia.dma.packer import Packer, Place
from intarsia.dma.transactions import JOBS, PLACE, TRIES, Request, Sending, Target
from intarsia.isa.address import NODE
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import Stream
from intarsia.isa.packet import PacketKind

__all__ = ["Sender"]


class Sender(wiring.Component):
    """Takes requests that are due, finds out whom to ask, and makes the packets.

    Every request is looked up, those that are sent again by asking the fragment's home. READ and
    WRITE go to the node that holds the fragment or, if that is dead, to the one with its replica.
    Where both are alive, WRITE goes to the one and then to the other. ACCUMULATE never goes to a
    replica. A node that did not answer in time is reported as `lost`; if it is asked once more all
    the same, it is told so.

    What is wanted again although it came (`half` of a READ) goes to the other node that has it, or
    else to the same one. Where the reply will bring all of a fragment that has a checksum, that is
    noted.

    A request is closed if there is nobody left to be asked for the second half of a WRITE, or if
    its job has failed. It is refused, and its job fails, as OWNER, ATU_MISS, PERMISSION, BOUNDS or
    NODE_DEAD. One to a fragment that is being copied is put off; after `TRIES` it is refused as
    VERSION.

    A look-up takes place while the packet before it is sent. The first beat comes 2 cycles after
    the request was due, if it hits; see :class:`~intarsia.dma.packer.Packer`.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    node : In(16)
        This node.
    due, place, again, half, expired, found, target, take
        See :class:`~intarsia.dma.transactions.Transactions`.
    send : Out(stream.Signature(Sending, always_ready=True))
    drop : Out(stream.Signature(PLACE, always_ready=True))
        A request is closed.
    note : Out(stream.Signature(Note, always_ready=True))
    lookup : Out(Lookup())
    lost : Out(stream.Signature(16))
    holder, replica : Out(16)
        Nodes in question,
    holder_dead, replica_dead : In(1)
        and whether they are dead.
    failed : In(JOBS)
        Jobs that have failed.
    fails : Out(JOBS)
        Jobs that fail in this cycle.
    read : Out(MemoryRead(lanes))
    packet : Out(stream.Signature(PacketBeat(link_bytes)))
    damage, fault : Out(stream.Signature(FaultReport))
        Damaged payload; to be taken within a cycle or two. And what is refused.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "node": In(NODE),
            **{name: In(1) for name in ("due", "again", "half", "expired")},
            "place": In(PLACE),
            "found": In(Request),
            "target": In(Target),
            "take": Out(1),
            "send": Out(stream.Signature(Sending, always_ready=True)),
            "drop": Out(stream.Signature(PLACE, always_ready=True)),
            "note": Out(stream.Signature(Note, always_ready=True)),
            "lookup": Out(Lookup()),
            "lost": Out(stream.Signature(NODE)),
            "holder": Out(NODE),
            "replica": Out(NODE),
            "holder_dead": In(1),
            "replica_dead": In(1),
            "failed": In(JOBS),
            "fails": Out(JOBS),
            "read": Out(MemoryRead(config.lanes)),
            "packet": Out(stream.Signature(PacketBeat(config.link_bytes))),
            "damage": Out(stream.Signature(FaultReport)),
            "fault": Out(stream.Signature(FaultReport)),
        })

    def elaborate(self, platform):
        m = Module()
        refused = Signal(JOBS)
        damaged = Signal(JOBS)
        m.d.comb += self.fails.eq(refused | damaged)
        m.submodules.packer = packer = Packer(config=self.config)
        wiring.connect(m, packer.read, wiring.flipped(self.read))
        wiring.connect(m, packer.packet, wiring.flipped(self.packet))
        wiring.connect(m, packer.damage, wiring.flipped(self.damage))
        m.d.comb += [packer.node.eq(self.node), damaged.eq(packer.damaged)]
        self._locate(m, packer.order, refused)
        return m

    def _locate(self, m, order, refused):
        """Finds out whom to ask, and orders the packet."""
        request = Signal(Request, reset_less=True)
        target = Signal(Target, reset_less=True)
        place = Signal(PLACE, reset_less=True)
        again, half, expired = (Signal(name=name) for name in ("again_", "half_", "expired_"))
        silent = Signal()
        lookup, result = self.lookup.request, self.lookup.result
        takes = Signal()
        writes = Signal()
        sums = Signal()
        m.d.comb += [
            writes.eq(request.kind != PacketKind.READ.value),
            sums.eq(request.kind == PacketKind.ACCUMULATE.value),
            lookup.p.data_id.eq(Mux(takes, self.found.data_id, request.data_id)),
            lookup.p.fragment.eq(Mux(takes, self.found.fragment, request.fragment)),
            lookup.p.fresh.eq(Mux(takes, self.again & ~self.half, again & ~half)),
            self.lost.p.eq(target.node),
            self.drop.p.eq(place),
        ]

        # Whom to ask, while the result is there. For the second half: the other one.
        found = result.p
        twice = Signal()
        second = Signal()
        turned = Signal()
        other = Signal()
        nobody = Signal()
        chosen = Signal(NODE)
        was_holder = Signal()
        was_replica = Signal()

        def gone(other):
            """Whether the node with the replica, or else the holder, can't be asked."""
            return Mux(other, self.replica_dead | ~twice, self.holder_dead)

        m.d.comb += [
            self.holder.eq(found.node),
            self.replica.eq(found.replica),
            twice.eq(found.node != found.replica),
            was_holder.eq(found.node == target.node),
            was_replica.eq(found.replica == target.node),
            second.eq(half & (was_holder | was_replica)),
            turned.eq(Mux(second, was_holder, self.holder_dead & ~sums)),
            other.eq(turned ^ (second & ~writes & gone(turned))),
            nobody.eq(gone(other)),
            chosen.eq(Mux(other, found.replica, found.node)),
        ]
        more = Signal()
        m.d.comb += more.eq(
            writes & ~sums & twice & ~second & ~self.holder_dead & ~self.replica_dead
        )

        m.submodules.check = check = AccessCheck()
        m.d.comb += [
            check.entry.eq(found),
            check.access.write.eq(writes),
            check.access.accumulate.eq(sums),
            check.access.holder.eq(chosen == self.node),
            check.access.version.eq(found.version),
            check.access.offset.eq(request.offset),
            check.access.length.eq(request.span.length),
        ]

        m.d.comb += [
            self.note.p.place.eq(place),
            self.note.p.checksum.eq(found.checksum),
            self.note.p.checks.eq(
                found.checked
                & ~writes
                & (request.offset == 0)
                & (request.span.length == found.size)
            ),
        ]

        code = Signal(FaultCode, reset_less=True)
        about = Signal(NODE, reset_less=True)
        report = self.fault.p
        m.d.comb += [
            report.code.eq(code),
            report.engine.eq(Stream.REMOTE.value),
            report.context.eq(request.span.context),
            report.node.eq(about),
            report.data_id.eq(request.data_id),
            report.info.eq(request.fragment),
        ]

        def refuse(why, node=0):
            """Report `why`, fail the job, and close the request."""
            m.d.comb += refused.eq(1 << request.job)
            m.d.sync += [code.eq(why), about.eq(node)]
            m.next = "REFUSE"

        # The result is there for one cycle; what was found out is held until the packet can leave.
        leaves = Signal()
        keeps = Signal()
        held = Signal(Place, reset_less=True)
        held_more = Signal()
        going = order.p.going
        free = order.ready
        m.d.comb += [
            order.valid.eq(leaves),
            order.p.place.eq(place),
            order.p.request.eq(request),
            going.node.eq(Mux(keeps, held.node, chosen)),
            going.version.eq(Mux(keeps, held.version, found.version)),
            going.repeated.eq(
                Mux(keeps, held.repeated, silent & Mux(other, was_replica, was_holder))
            ),
            self.send.p.place.eq(place),
            self.send.p.target.node.eq(going.node),
            self.send.p.target.more.eq(Mux(keeps, held_more, more)),
            self.send.p.target.tries.eq(
                Mux(again, Mux(target.tries == TRIES, TRIES, target.tries + 1), 1)
            ),
            self.send.p.leaves.eq(leaves),
        ]

        with m.FSM(name="locate"):
            with m.State("TAKE"):
                # What nothing stands against is looked up in the same cycle, if that is possible.
                m.d.comb += [takes.eq(1), self.take.eq(self.due)]
                with m.If(self.due):
                    m.d.comb += lookup.valid.eq(
                        ~self.found.foreign
                        & ~self.expired
                        & ~self.failed.bit_select(self.found.job, 1)
                    )
                    m.d.sync += [
                        request.eq(self.found),
                        target.eq(self.target),
                        place.eq(self.place),
                        again.eq(self.again),
                        half.eq(self.half),
                        expired.eq(self.expired),
                        silent.eq(self.expired),
                    ]
                    m.next = "ASK"
                    with m.If(lookup.valid & lookup.ready):
                        m.next = "FOUND"
            with m.State("ASK"):
                with m.If(self.failed.bit_select(request.job, 1)):
                    m.d.comb += self.drop.valid.eq(1)
                    m.next = "TAKE"
                with m.Elif(request.foreign):
                    refuse(FaultCode.OWNER)
                with m.Elif(expired):
                    m.d.comb += self.lost.valid.eq(1)
                    with m.If(self.lost.ready):
                        m.d.sync += expired.eq(0)
                with m.Else():
                    m.d.comb += lookup.valid.eq(1)
                    with m.If(lookup.ready):
                        m.next = "FOUND"
            with m.State("FOUND"):
                with m.If(result.valid):
                    m.d.comb += self.note.valid.eq(1)
                    m.d.sync += [
                        held.node.eq(chosen),
                        held.version.eq(found.version),
                        held_more.eq(more),
                        held.repeated.eq(going.repeated),
                    ]
                    m.next = "TAKE"
                    with m.If(
                        (check.fault == FaultCode.VERSION) & (~again | (target.tries != TRIES))
                    ):
                        m.d.comb += self.send.valid.eq(1)
                    with m.Elif(check.fault != FaultCode.NONE):
                        refuse(check.fault, self.node)
                    with m.Elif(nobody & second & writes):
                        m.d.comb += self.drop.valid.eq(1)
                    with m.Elif(nobody):
                        refuse(FaultCode.NODE_DEAD, found.node)
                    with m.Else():
                        m.d.comb += [leaves.eq(1), self.send.valid.eq(free)]
                        with m.If(~free):
                            m.next = "HOLD"
            with m.State("HOLD"):
                m.d.comb += [keeps.eq(1), leaves.eq(1), self.send.valid.eq(free)]
                with m.If(free):
                    m.next = "TAKE"
            with m.State("REFUSE"):
                m.d.comb += self.fault.valid.eq(1)
                with m.If(self.fault.ready):
                    m.d.comb += self.drop.valid.eq(1)
                    m.next = "TAKE"
