"""Sync port: barriers between the nodes of a group."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import PacketBeat, SyncRequest
from intarsia.isa.address import CONTEXT, NODE
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import DeclareGroup
from intarsia.isa.packet import (
    EXTENSION_BYTES,
    HEADER_BYTES,
    LINK_FORMAT,
    PacketHeader,
    PacketKind,
    SyncPoint,
)

__all__ = ["GROUPS", "SyncPort"]

#: Groups that can be declared.
GROUPS = 64


class _Arrivals(data.Struct):
    """What a coordinator knows of a group: how many have arrived, and at which point."""

    count: 16
    esp: 16


class SyncPort(wiring.Component):
    """Holds a context at an exchange synchronization point until all of its group are there.

    An arrival is a SYNC_ARRIVE packet to the group's coordinator, which counts; when all members
    have arrived, it sends each of them a SYNC_RELEASE. A node's own arrival travels the same way,
    through its router. Groups are independent; a group has one barrier open at a time; a context
    waits at one barrier at a time.

    A SYNC of an undeclared group, an arrival at another point than the others', and a release of
    another point than what is waited for are reported (SYNC).

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    node : In(16)
        This chip's node.
    declare : In(stream.Signature(DeclareGroup))
        Group to remember. Declared groups are forgotten at reset.
    sync : In(stream.Signature(SyncRequest))
        Arrival of a context of this chip.
    done : Out(stream.Signature(CONTEXT, always_ready=True))
        The barrier that the context waits at has opened.
    send, take : Out(stream.Signature(PacketBeat)), In(stream.Signature(PacketBeat))
        Packets of class CONTROL.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    activity : Out(Activity)
        BUSY while packets are made or taken apart, BARRIER while a context waits.
    """

    def __init__(self, *, config):
        self.config = config
        beat = stream.Signature(PacketBeat(config.link_bytes))
        super().__init__({
            "node": In(NODE),
            "declare": In(stream.Signature(DeclareGroup)),
            "sync": In(stream.Signature(SyncRequest)),
            "done": Out(stream.Signature(CONTEXT, always_ready=True)),
            "send": Out(beat),
            "take": In(beat),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        width = 8 * self.config.link_bytes
        beats = -(-HEADER_BYTES // self.config.link_bytes) + -(
            -EXTENSION_BYTES // self.config.link_bytes
        )

        # ---- What is remembered
        m.submodules.groups = groups = memory.Memory(shape=DeclareGroup, depth=GROUPS, init=[])
        m.submodules.arrivals = arrivals = memory.Memory(shape=_Arrivals, depth=GROUPS, init=[])
        group_write, group_read = groups.write_port(), groups.read_port(domain="comb")
        count_write, count_read = arrivals.write_port(), arrivals.read_port(domain="comb")
        declared = Signal(GROUPS)
        # Groups that some have arrived in; of the others the memory may hold anything.
        begun = Signal(GROUPS)
        waiting = Array(
            Signal(SyncRequest, name=f"waiting{n}") for n in range(self.config.contexts)
        )
        waits = Signal(self.config.contexts)

        # ---- The message that is sent, or was taken
        layout = data.StructLayout({"header": PacketHeader, "point": SyncPoint})
        message = Signal(layout)
        taken = Signal(layout)
        words = Signal(beats * width)
        place = Signal(range(beats))
        m.d.comb += [
            words.eq(message),
            self.send.p.data.eq(words.word_select(place, width)),
            self.send.p.first.eq(place == 0),
            self.send.p.last.eq(place == beats - 1),
        ]
        received = Signal(beats * width)
        position = Signal(range(beats))
        m.d.comb += taken.eq(received)

        group = Signal(range(GROUPS))
        member = Signal(16)
        fault = Signal()
        m.d.comb += [
            group_read.addr.eq(group),
            count_read.addr.eq(group),
            group_write.addr.eq(group),
            group_write.data.eq(self.declare.p),
            count_write.addr.eq(group),
            count_write.data.esp.eq(taken.point.esp),
            count_write.data.count.eq(
                Mux(begun.bit_select(group, 1), count_read.data.count, 0) + 1
            ),
        ]

        def compose(kind, destination, point_group, esp):
            return [
                message.eq(0),
                message.header.destination.eq(destination),
                message.header.source.eq(self.node),
                message.header.kind.eq(kind),
                message.header.link_format.eq(LINK_FORMAT),
                message.point.group.eq(point_group),
                message.point.esp.eq(esp),
            ]

        checked = Signal(range(GROUPS))
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.take.valid):
                    m.next = "TAKE"
                with m.Elif(self.declare.valid):
                    m.d.comb += [
                        group.eq(self.declare.p.group),
                        group_write.en.eq(1),
                        self.declare.ready.eq(1),
                    ]
                    m.d.sync += [declared.bit_select(group, 1).eq(1), checked.eq(group)]
                    m.next = "CHECK"
                with m.Elif(self.sync.valid):
                    m.d.comb += [group.eq(self.sync.p.group), self.sync.ready.eq(1)]
                    with m.If(declared.bit_select(group, 1) & (self.sync.p.group < GROUPS)):
                        m.d.sync += [
                            waiting[self.sync.p.context].eq(self.sync.p),
                            waits.bit_select(self.sync.p.context, 1).eq(1),
                            *compose(
                                PacketKind.SYNC_ARRIVE,
                                group_read.data.coordinator,
                                self.sync.p.group,
                                self.sync.p.esp,
                            ),
                        ]
                        m.next = "ARRIVE"
                    with m.Else():
                        m.d.comb += [
                            fault.eq(1),
                            self.fault.p.context.eq(self.sync.p.context),
                            self.fault.p.info.eq(self.sync.p.group),
                        ]
            with m.State("ARRIVE"):
                m.d.comb += self.send.valid.eq(1)
                with m.If(self.send.ready & self.send.p.last):
                    m.next = "IDLE"
            with m.State("TAKE"):
                m.d.comb += self.take.ready.eq(1)
                with m.If(self.take.valid):
                    m.d.sync += received.word_select(position, width).eq(self.take.p.data)
                    m.d.sync += position.eq(Mux(self.take.p.last, 0, position + 1))
                    with m.If(self.take.p.last):
                        m.next = "TAKEN"
            with m.State("TAKEN"):
                m.d.comb += group.eq(taken.point.group)
                with m.If(taken.header.kind == PacketKind.SYNC_ARRIVE):
                    m.d.comb += count_write.en.eq(1)
                    m.d.sync += [begun.bit_select(group, 1).eq(1), checked.eq(group)]
                    with m.If(
                        begun.bit_select(group, 1) & (count_read.data.esp != taken.point.esp)
                    ):
                        m.d.comb += [fault.eq(1), self.fault.p.info.eq(taken.point.group)]
                    m.next = "CHECK"
                with m.Else():
                    for n in range(self.config.contexts):
                        with m.If(waits[n] & (waiting[n].group == taken.point.group)):
                            m.d.comb += [self.done.valid.eq(1), self.done.p.eq(n)]
                            m.d.sync += waits[n].eq(0)
                            with m.If(waiting[n].esp != taken.point.esp):
                                m.d.comb += [
                                    fault.eq(1),
                                    self.fault.p.context.eq(n),
                                    self.fault.p.info.eq(taken.point.group),
                                ]
                    m.next = "IDLE"
            with m.State("CHECK"):
                m.d.comb += group.eq(checked)
                m.next = "IDLE"
                with m.If(
                    declared.bit_select(group, 1)
                    & begun.bit_select(group, 1)
                    & (count_read.data.count == group_read.data.members)
                ):
                    m.d.sync += [
                        begun.bit_select(group, 1).eq(0),
                        member.eq(1),
                        *compose(
                            PacketKind.SYNC_RELEASE,
                            group_read.data.first,
                            checked,
                            count_read.data.esp,
                        ),
                    ]
                    m.next = "RELEASE"
            with m.State("RELEASE"):
                m.d.comb += [group.eq(checked), self.send.valid.eq(1)]
                with m.If(self.send.ready & self.send.p.last):
                    m.d.sync += [
                        member.eq(member + 1),
                        message.header.destination.eq(message.header.destination + 1),
                    ]
                    with m.If(member == group_read.data.members):
                        m.next = "IDLE"

        with m.If(self.send.valid & self.send.ready):
            m.d.sync += place.eq(Mux(self.send.p.last, 0, place + 1))
        m.d.comb += self.fault.valid.eq(fault)
        with m.If(fault):
            m.d.comb += [self.fault.p.code.eq(FaultCode.SYNC), self.fault.p.engine.eq(10)]
        with m.If(self.send.valid | self.take.ready):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(waits.any()):
            m.d.comb += self.activity.eq(Activity.BARRIER)

        return m
