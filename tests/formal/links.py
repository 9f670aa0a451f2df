"""Claims about links: what goes in comes out, once and in order; credits are never overdrawn.

The solver gets links that keep few beats, and no CRCs: what is damaged is dropped, and that is what
the channel does here, to any beat.
"""

from unittest.mock import patch

from amaranth import Cat, Fragment, Module, Mux, Signal
from amaranth.hdl import Assert, Assume
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.packet import CREDIT_UNIT, MessageClass, PacketHeader, PacketKind
from intarsia.link import collector, receiver
from intarsia.link.buffer import Buffer
from intarsia.link.collector import Collector
from intarsia.link.geometry import CLASSES, Geometry
from intarsia.link.receiver import Receiver
from intarsia.link.returns import Returns
from intarsia.link.transmitter import Transmitter
from tests.formal.proof import Proof

WIDE = 16

#: Beats that a credit stands for where the solver looks: few, so that they soon come to an end.
UNIT = 2


class NoCrc(wiring.Component):
    """Stands for a CRC that is always right."""

    def __init__(self, *, width):
        super().__init__({"start": In(1), "valid": In(1), "word": In(width), "crc": Out(32)})

    def elaborate(self, platform):
        return Module()


def small(make):
    """What `make` returns, elaborated with short rings and buffers, small credits and no CRC."""
    with (
        patch.object(Geometry, "ring", 8),
        patch.object(Geometry, "window", 4),
        patch.object(Geometry, "capacity", lambda self, name: 8),
        patch.object(collector, "CREDIT_UNIT", UNIT),
        patch.object(collector, "Crc32", NoCrc),
        patch.object(receiver, "Crc32", NoCrc),
    ):
        component = make()
        return component, Fragment.get(component, None)


class BuffersKeepWhatIsGood(Proof):
    """Beats of good packets leave a receive buffer once, in order; no others do."""

    depth = 9
    eager = True

    def describe(self, m):
        m.submodules.dut = dut = Buffer(link_bytes=1, capacity=4, eager=self.eager)
        which = self.something(m, 4, "which")
        arriving, begins = self.anything(1, "arriving"), self.anything(1, "begins")
        last, good = self.anything(1, "last"), self.anything(1, "good")
        within, fitted = Signal(), Signal()
        fits = dut.fits & (begins | fitted)
        m.d.comb += [
            dut.arriving.eq(arriving),
            dut.begins.eq(begins),
            dut.last.eq(last),
            dut.data.eq(self.anything(8, "data")),
            dut.good.eq(good),
            dut.out.ready.eq(self.anything(1, "ready")),
            Assume(~arriving | begins | within),
            Assume(~good | (arriving & last & fits)),
        ]
        # Beats of good packets, those of the present one, and those that have left, are counted.
        kept, come, left = Signal(4), Signal(4), Signal(4)
        now = kept + Mux(begins, 0, come)
        data, ends = Signal(8), Signal()
        with m.If(arriving):
            m.d.sync += [
                within.eq(~last),
                fitted.eq(fits),
                come.eq(Mux(last, 0, now - kept + 1)),
            ]
            with m.If(now == which):
                m.d.sync += [data.eq(dut.data), ends.eq(last)]
            with m.If(good):
                m.d.sync += kept.eq(now + 1)
        with m.If(dut.out.valid):
            m.d.comb += Assert(left < kept)
            with m.If(left == which):
                m.d.comb += [Assert(dut.out.p.data == data), Assert(dut.out.p.last == ends)]
        m.d.sync += left.eq(left + (dut.out.valid & dut.out.ready))
        m.d.comb += Assert(dut.held + dut.out.valid == kept - left)


class PatientBuffersKeepWhatIsGood(BuffersKeepWhatIsGood):
    """The same, where packets are offered a cycle later."""

    eager = False


class CreditsAreThoseOfTheBuffer(Proof):
    """What is announced and not yet used never exceeds what a receive buffer has room for."""

    depth = 8
    relays = False

    def describe(self, m):
        m.submodules.dut = dut = Returns(link_bytes=WIDE, relays=self.relays)
        freed, returned = self.anything(len(CLASSES), "freed"), self.anything(1, "returned")
        m.d.comb += [dut.up.eq(1), dut.freed.eq(freed), dut.returned.eq(returned)]
        for n, (name, message_class) in enumerate(CLASSES.items()):
            capacity = dut.geometry.capacity(name)
            # Beats that the other end may still send, and those that lie in the buffer.
            allowed, held = (Signal(range(2 * capacity), name=f"{k}_{name}") for k in ("a", "h"))
            comes = self.anything(1, f"comes_{name}")
            given = Mux(returned & (dut.message_class == message_class), dut.units * CREDIT_UNIT, 0)
            m.d.comb += [
                getattr(dut, f"held_{name}").eq(held),
                Assume(~freed[n] | (held != 0)),
                Assume(~comes | (allowed != 0)),
                Assert(allowed + held <= capacity),
            ]
            m.d.sync += [
                allowed.eq(allowed + given - comes),
                held.eq(held + comes - freed[n]),
            ]


class CreditsChosenBeforeAreThoseOfTheBuffer(CreditsAreThoseOfTheBuffer):
    """The same, where what is returned is chosen a cycle before."""

    relays = True


class CreditsAreNotOverdrawn(Proof):
    """No class sends a beat without credit; and none that has credits waits for another class."""

    depth = 7
    relays = False

    def describe(self, m):
        dut, m.submodules.dut = small(lambda: Collector(link_bytes=WIDE, relays=self.relays))
        grant = self.anything(dut.grant.payload.shape(), "grant")
        granted = self.anything(1, "granted")
        m.d.comb += [
            dut.grant.p.eq(grant),
            dut.grant.valid.eq(granted),
            dut.oldest.eq(dut.sequence),
            dut.base.eq(dut.fill),
            dut.urgent.eq(0),
            Assume(grant.credits <= 2),
        ]
        taken, ready = [], []
        for name, message_class in CLASSES.items():
            source = getattr(dut, name)
            beats = 2  # of a packet, at most
            valid, last = self.anything(1, f"valid_{name}"), self.anything(1, f"last_{name}")
            within = Signal(name=f"within_{name}")
            credit = Signal(8, name=f"credit_{name}")
            takes = source.valid & source.ready
            m.d.comb += [
                source.valid.eq(valid),
                source.p.first.eq(~within),
                source.p.last.eq(last | within),
                Assume(~within | valid),
                Assert(~takes | (credit != 0)),
            ]
            given = Mux(granted & (grant.message_class == message_class), grant.credits, 0)
            m.d.sync += credit.eq(credit + given * UNIT - takes)
            with m.If(takes):
                m.d.sync += within.eq(~source.p.last)
            ready.append(valid & (credit >= Mux(name in ("control", "forward"), beats, 66)))
            taken.append(takes)
        if not self.relays:
            with m.If(~dut.begun & Cat(ready).any()):
                m.d.comb += Assert(Cat(taken).any())


class RelayedCreditsAreNotOverdrawn(CreditsAreNotOverdrawn):
    """No class sends a beat without credit, where classes are chosen a cycle before."""

    relays = True


class LinksLoseNothing(Proof):
    """Packets come out once and in order, whatever beats are lost, and whenever that is noticed."""

    depth = 10

    def describe(self, m):
        sender, m.submodules.sender = small(lambda: Transmitter(link_bytes=WIDE))
        taker, m.submodules.taker = small(lambda: Receiver(link_bytes=WIDE))

        # Packets without payload, numbered from 0; the class has credits from the first cycle on.
        begun = Signal()
        m.d.sync += begun.eq(1)
        count = Signal(4)
        header = Signal(PacketHeader)
        m.d.comb += [
            header.kind.eq(PacketKind.WRITE_ACK),
            header.transaction.eq(count),
            sender.reply.p.data.eq(header),
            sender.reply.p.first.eq(1),
            sender.reply.p.last.eq(1),
            sender.reply.valid.eq(begun & self.anything(1, "offers")),
            sender.up.eq(1),
            sender.life.eq(1),
            sender.other.eq(1),
            sender.grant.valid.eq(~begun),
            sender.grant.p.message_class.eq(MessageClass.REPLY),
            sender.grant.p.credits.eq(63),
        ]
        m.d.sync += count.eq(count + (sender.reply.valid & sender.reply.ready))

        # The channel: any beat may be lost. Notices of the taker say what it expects, or expected a
        # while ago, and ask for a repetition at any time.
        passes = self.anything(1, "passes")
        earlier = Signal(8)
        with m.If(self.anything(1, "travels")):
            m.d.sync += earlier.eq(taker.expected)
        m.d.comb += [
            taker.up.eq(1),
            taker.other.eq(1),
            taker.valid.eq(sender.valid & passes),
            taker.start.eq(sender.start),
            taker.data.eq(sender.data),
            sender.acknowledged.eq(self.anything(1, "acknowledged")),
            sender.acknowledge.eq(earlier),
            sender.again.eq(self.anything(1, "again")),
        ]

        taken = Signal(4)
        arrived = Signal(PacketHeader)
        m.d.comb += [
            taker.reply.ready.eq(self.anything(1, "takes")),
            arrived.as_value().eq(taker.reply.p.data),
        ]
        with m.If(taker.reply.valid):
            m.d.comb += [
                Assert(arrived.transaction == taken),
                Assert(taken < count),
                Assert(taker.reply.p.first & taker.reply.p.last),
            ]
        m.d.sync += taken.eq(taken + (taker.reply.valid & taker.reply.ready))
