"""Sync port: barriers between the nodes of a group."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.messages import Message, MessageReceiver, MessageSender
from intarsia.common.ports import GroupRequest, PacketBeat, SyncRequest
from intarsia.isa.address import CONTEXT, NODE
from intarsia.isa.counters import Activity
from intarsia.isa.faults import SYNC_PORT, FaultCode, FaultReport
from intarsia.isa.packet import LINK_FORMAT, PacketKind, SyncPoint

__all__ = ["GROUPS", "MEMBERS_MAX", "SyncPort"]

#: Groups that can be declared.
GROUPS = 64

#: Members that a group may have.
MEMBERS_MAX = 64

#: SYNC_ARRIVE and SYNC_RELEASE.
SYNC_MESSAGE = Message(SyncPoint)


class _Group(data.Struct):
    """A group, if it was declared."""

    declared: 1
    coordinator: NODE
    first: NODE
    members: range(MEMBERS_MAX + 1)
    absent: 32
    context: CONTEXT


class _Arrivals(data.Struct):
    """What a coordinator knows of a group: how many have arrived, and the last one at which point.

    If there are more than members, it counts no further.
    """

    count: range(MEMBERS_MAX + 2)
    esp: 16


class _Opening(data.Struct):
    """A barrier that has opened, and whose members are to be released."""

    group: range(GROUPS)
    esp: 16


class SyncPort(wiring.Component):
    """Holds a context at an exchange synchronization point until all of its group are there.

    An arrival is a SYNC_ARRIVE packet to the group's coordinator, which counts; when all members
    have arrived, it sends each of them a SYNC_RELEASE. A node's own arrival travels the same way,
    through its router. Arrivals count from the start, even if the coordinator declares the group
    after them. Groups are independent; a group has one barrier open at a time; a context waits at
    one barrier at a time, and no two contexts of a chip wait for the same group.

    A context that was stopped waits for nothing. When a context starts, the groups that it declared
    before are forgotten, and who has arrived in them; so a coordinator is to be started again
    before the members of its groups.

    Packets are taken in and acted upon whether or not any can be sent.

    What goes wrong is reported (SYNC), and does nothing else: a declaration without members, with
    more than `MEMBERS_MAX`, or with a number that is too large; a SYNC of an undeclared group, or
    of one that another context waits for; packets about groups that cannot exist; a release that
    nobody waits for. Arrivals at different points, more arrivals than members, and a release of
    another point than what is waited for are reported too, and the barrier opens.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    node : In(16)
        This chip's node.
    running : In(contexts)
        Contexts that run.
    declare : In(stream.Signature(GroupRequest))
        Group to remember, until reset or the next start of its context.
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
            "running": In(config.contexts),
            "declare": In(stream.Signature(GroupRequest)),
            "sync": In(stream.Signature(SyncRequest)),
            "done": Out(stream.Signature(CONTEXT, always_ready=True)),
            "send": Out(beat),
            "take": In(beat),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.groups = groups = memory.Memory(shape=_Group, depth=GROUPS, init=[])
        m.submodules.openings = openings = SyncFIFOBuffered(
            width=Shape.cast(_Opening).width, depth=GROUPS
        )
        m.submodules.sender = sender = MessageSender(
            SYNC_MESSAGE, link_bytes=self.config.link_bytes
        )
        m.submodules.receiver = receiver = MessageReceiver(
            SYNC_MESSAGE, link_bytes=self.config.link_bytes
        )
        connect(m, sender.packet, flipped(self.send))
        connect(m, flipped(self.take), receiver.packet)

        # After a reset, groups are forgotten one by one; until then, none is asked about.
        cleared = Signal()
        waits = Signal(self.config.contexts)
        waiting = [Signal(SyncRequest, name=f"waiting{n}") for n in range(self.config.contexts)]
        known = groups, openings, cleared, waits, waiting
        wrong = self._listen(m, receiver.message, *known)
        self._speak(m, sender.message, wrong, *known)
        for n, wait in enumerate(waits):
            with m.If(~self.running[n]):
                m.d.sync += wait.eq(0)
        with m.If(sender.packet.valid | receiver.packet.valid | receiver.message.valid):
            m.d.comb += self.activity.eq(Activity.BUSY)
        with m.Elif(waits.any()):
            m.d.comb += self.activity.eq(Activity.BARRIER)
        return m

    def _report(self, group, context=0):
        """A fault about `group`."""
        return [
            self.fault.valid.eq(1),
            self.fault.p.code.eq(FaultCode.SYNC),
            self.fault.p.engine.eq(SYNC_PORT),
            self.fault.p.context.eq(context),
            self.fault.p.info.eq(group),
        ]

    def _listen(self, m, message, groups, openings, cleared, waits, waiting):
        """Declarations, arrivals and releases. Returns whether a fault is reported."""
        m.submodules.arrivals = arrivals = memory.Memory(shape=_Arrivals, depth=GROUPS, init=[])
        write, known = groups.write_port(), groups.read_port(domain="comb")
        count, counted = arrivals.write_port(), arrivals.read_port(domain="comb")

        group = Signal(range(GROUPS))
        checked = Signal.like(group)
        ran = Signal(self.config.contexts)
        started = Signal(self.config.contexts)
        afresh = Signal(self.config.contexts)
        opening = Signal(_Opening)
        wrong = Signal()
        released = Signal(self.config.contexts)
        point = message.p.extension
        declaration = self.declare.p.group
        m.d.sync += [ran.eq(self.running), started.eq(started | (self.running & ~ran))]
        m.d.comb += [
            known.addr.eq(group),
            counted.addr.eq(group),
            write.addr.eq(group),
            write.data.declared.eq(self.declare.ready),
            write.data.coordinator.eq(declaration.coordinator),
            write.data.first.eq(declaration.first),
            write.data.members.eq(declaration.members),
            write.data.absent.eq(declaration.absent),
            write.data.context.eq(self.declare.p.context),
            count.addr.eq(group),
            count.data.esp.eq(point.esp),
            opening.group.eq(group),
            opening.esp.eq(counted.data.esp),
            openings.w_data.eq(opening),
            released.eq(_waiting_for(point.group, waits, waiting)),
        ]

        def report(group, context=0):
            return [wrong.eq(1), *self._report(group, context)]

        with m.FSM(name="listen", init="FORGET"):
            with m.State("IDLE"):
                with m.If(started.any()):
                    m.d.sync += [afresh.eq(started), started.eq(self.running & ~ran), checked.eq(0)]
                    m.next = "FORGET"
                with m.Elif(message.valid):
                    m.d.comb += [group.eq(point.group), message.ready.eq(1)]
                    with m.If(point.group >= GROUPS):
                        m.d.comb += report(point.group)
                    with m.Elif(message.p.header.kind == PacketKind.SYNC_ARRIVE):
                        m.d.comb += [count.en.eq(1), count.data.count.eq(counted.data.count)]
                        with m.If(counted.data.count <= MEMBERS_MAX):
                            m.d.comb += count.data.count.eq(counted.data.count + 1)
                        m.d.sync += checked.eq(group)
                        with m.If((counted.data.count != 0) & (counted.data.esp != point.esp)):
                            m.d.comb += report(point.group)
                        m.next = "CHECK"
                    with m.Elif(released.any()):
                        for n, arrival in enumerate(waiting):
                            with m.If(released[n]):
                                m.d.comb += [self.done.valid.eq(1), self.done.p.eq(n)]
                                m.d.sync += waits[n].eq(0)
                                with m.If(arrival.esp != point.esp):
                                    m.d.comb += report(point.group, n)
                    with m.Else():
                        m.d.comb += report(point.group)
                with m.Elif(self.declare.valid):
                    m.d.comb += [group.eq(declaration.group), self.declare.ready.eq(1)]
                    with m.If(
                        (declaration.group < GROUPS)
                        & (declaration.members != 0)
                        & (declaration.members <= MEMBERS_MAX)
                    ):
                        m.d.comb += write.en.eq(1)
                        m.d.sync += checked.eq(group)
                        m.next = "CHECK"
                    with m.Else():
                        m.d.comb += report(declaration.group)
            with m.State("CHECK"):
                m.d.comb += group.eq(checked)
                with m.If(known.data.declared & (counted.data.count >= known.data.members)):
                    # Each group has a place in the queue; so this waits for none but itself.
                    m.d.comb += openings.w_en.eq(1)
                    with m.If(openings.w_rdy):
                        m.d.comb += count.en.eq(1)
                        m.next = "IDLE"
                        with m.If(counted.data.count != known.data.members):
                            m.d.comb += report(checked)
                with m.Else():
                    m.next = "IDLE"
            with m.State("FORGET"):
                m.d.comb += group.eq(checked)
                m.d.sync += checked.eq(checked + 1)
                concerned = known.data.declared & afresh.bit_select(known.data.context, 1)
                with m.If(concerned | ~cleared):
                    m.d.comb += [write.en.eq(1), count.en.eq(1)]
                with m.If(~cleared):
                    m.d.sync += started.eq(0)
                with m.If(checked == GROUPS - 1):
                    m.d.sync += cleared.eq(1)
                    m.next = "IDLE"
        return wrong

    def _speak(self, m, message, busy, groups, openings, cleared, waits, waiting):
        """Arrivals of this chip's contexts, and releases. Reports nothing while `busy`."""
        asked = groups.read_port(domain="comb")
        arrival = self.sync.p
        opening = Signal(_Opening)
        refused = Signal()
        left = Signal.like(asked.data.members)
        absent = Signal.like(asked.data.absent)
        passes = Signal()
        contents = Signal.like(message.p, reset_less=True)
        m.d.comb += [
            opening.eq(openings.r_data),
            asked.addr.eq(Mux(self.sync.valid, arrival.group, opening.group)),
            refused.eq(
                ~cleared
                | (arrival.group >= GROUPS)
                | ~asked.data.declared
                | _waiting_for(arrival.group, waits, waiting).any()
            ),
            message.p.eq(contents),
        ]
        with m.FSM(name="speak"):
            with m.State("IDLE"):
                m.d.sync += [
                    contents.eq(0),
                    contents.header.source.eq(self.node),
                    contents.header.link_format.eq(LINK_FORMAT),
                ]
                with m.If(self.sync.valid & refused):
                    with m.If(~busy & cleared):
                        m.d.comb += [
                            self.sync.ready.eq(1),
                            *self._report(arrival.group, arrival.context),
                        ]
                with m.Elif(self.sync.valid):
                    m.d.comb += self.sync.ready.eq(1)
                    for n, remembered in enumerate(waiting):
                        with m.If(arrival.context == n):
                            m.d.sync += [remembered.eq(arrival), waits[n].eq(1)]
                    m.d.sync += [
                        contents.header.kind.eq(PacketKind.SYNC_ARRIVE),
                        contents.header.destination.eq(asked.data.coordinator),
                        contents.extension.group.eq(arrival.group),
                        contents.extension.esp.eq(arrival.esp),
                        left.eq(1),
                        absent.eq(0),
                    ]
                    m.next = "SEND"
                with m.Elif(openings.r_rdy):
                    m.d.comb += openings.r_en.eq(1)
                    m.d.sync += [
                        contents.header.kind.eq(PacketKind.SYNC_RELEASE),
                        contents.header.destination.eq(asked.data.first),
                        contents.extension.group.eq(opening.group),
                        contents.extension.esp.eq(opening.esp),
                        left.eq(asked.data.members),
                        absent.eq(asked.data.absent),
                    ]
                    m.next = "SEND"
            with m.State("SEND"):
                # Destinations are gone through one by one; those that are absent get nothing.
                m.d.comb += [message.valid.eq(~absent[0]), passes.eq(absent[0] | message.ready)]
                with m.If(passes):
                    m.d.sync += [
                        absent.eq(absent >> 1),
                        contents.header.destination.eq(contents.header.destination + 1),
                    ]
                    with m.If(~absent[0]):
                        m.d.sync += left.eq(left - 1)
                        with m.If(left == 1):
                            m.next = "IDLE"


def _waiting_for(group, waits, waiting):
    """Contexts that wait for `group`, a bit each."""
    return Cat(waits[n] & (arrival.group == group) for n, arrival in enumerate(waiting))
