"""The register bank: what the host sees of a chip."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.lookup import MapCommand, MapOperation
from intarsia.isa.address import CONTEXT, LOCAL, NODE, OWNER_BITS
from intarsia.isa.faults import FaultReport
from intarsia.isa.fragment import FragmentEntry
from intarsia.isa.instruction import Notify
from intarsia.isa.registers import (
    IDENTITY,
    INTERRUPTS,
    WATCHDOG_RESET,
    FenceWord,
    HomeWord,
    InterruptWord,
    Register,
    RouteWord,
    SlotIndexWord,
    StatusWord,
    config_word,
)
from intarsia.sequencer.axi import WORD_BITS, AxiLite, Target
from intarsia.sequencer.counters import COUNTER_BITS, INDEX
from intarsia.sequencer.parts import SlotWrite
from intarsia.sequencer.watchdog import LIMIT

__all__ = ["Registers"]

ENTRY_WORDS = FragmentEntry.as_shape().size // WORD_BITS
FAULT_WORDS = FaultReport.as_shape().size // WORD_BITS


class Registers(wiring.Component):
    """Registers of a chip, as :mod:`intarsia.isa.registers` describes them.

    What is refused (SLVERR) has no effect: addresses without a register, registers that can't be
    read or written, contexts and slots that don't exist, a START of a context that runs, commands
    that aren't one, writes of less than a word.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    axil : In(AxiLite())
    irq : Out(2)
        Levels: each bit is one of IRQ, so that nobody need read that to know the cause.
    node : Out(16)
    limit : Out(16)
        WATCHDOG.
    start, stop, ring : Out(stream.Signature(CONTEXT, always_ready=True))
    slot : Out(stream.Signature(SlotWrite, always_ready=True))
    owners : Out(data.ArrayLayout(12, contexts))
        Owner of each context.
    route : Out(stream.Signature(RouteWord, always_ready=True))
    fence : Out(stream.Signature(FenceWord))
    home : Out(stream.Signature(HomeWord, always_ready=True))
    home_base, home_size : Out(24)
        Where this chip keeps its part of the map.
    command : Out(stream.Signature(MapCommand))
        A write to ENTRY_COMMIT completes when it is accepted.
    running, faulted : In(contexts)
    notify : In(stream.Signature(Notify, always_ready=True))
    fault : In(stream.Signature(FaultReport, always_ready=True))
        The first one since the last was cleared is kept.
    counter_index : Out(INDEX)
    counter : In(32)
        The counter that `counter_index` named in the cycle before.
    """

    def __init__(self, *, config):
        self.config = config
        host = stream.Signature(CONTEXT, always_ready=True)
        super().__init__({
            "axil": In(AxiLite()),
            "irq": Out(len(INTERRUPTS)),
            "node": Out(NODE),
            "limit": Out(LIMIT, init=WATCHDOG_RESET),
            "start": Out(host),
            "stop": Out(host),
            "ring": Out(host),
            "slot": Out(stream.Signature(SlotWrite, always_ready=True)),
            "owners": Out(data.ArrayLayout(OWNER_BITS, config.contexts)),
            "route": Out(stream.Signature(RouteWord, always_ready=True)),
            "fence": Out(stream.Signature(FenceWord)),
            "home": Out(stream.Signature(HomeWord, always_ready=True)),
            "home_base": Out(LOCAL),
            "home_size": Out(LOCAL),
            "command": Out(stream.Signature(MapCommand)),
            "running": In(config.contexts),
            "faulted": In(config.contexts),
            "notify": In(stream.Signature(Notify, always_ready=True)),
            "fault": In(stream.Signature(FaultReport, always_ready=True)),
            "counter_index": Out(INDEX),
            "counter": In(COUNTER_BITS),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.target = target = Target()
        connect(m, host=flipped(self.axil), target=target.bus)
        access = target.access

        slot_index = Signal(SlotIndexWord)
        base = Signal(LOCAL)
        owner_context = Signal(CONTEXT)
        entry = Signal(data.ArrayLayout(WORD_BITS, ENTRY_WORDS))
        notified = Signal(WORD_BITS)
        report = Signal(data.ArrayLayout(WORD_BITS, FAULT_WORDS))
        interrupts = Signal(InterruptWord)
        status = Signal(StatusWord)
        m.d.comb += [status.running.eq(self.running), status.faulted.eq(self.faulted)]

        stored = {
            Register.NODE: self.node,
            Register.WATCHDOG: self.limit,
            Register.SLOT_INDEX: slot_index,
            Register.SLOT_BASE: base,
            Register.OWNER_CONTEXT: owner_context,
            Register.COUNTER_INDEX: self.counter_index,
            **_words("ENTRY", entry),
        }
        readable = {
            **stored,
            Register.ID: Const(IDENTITY, WORD_BITS),
            Register.CONFIG: Const(config_word(self.config), WORD_BITS),
            Register.IRQ: interrupts,
            Register.NOTIFY: notified,
            Register.STATUS: status,
            Register.COUNTER: self.counter,
            **_words("FAULT", report),
        }

        clears = Signal(InterruptWord)
        m.d.comb += access.ready.eq(1)
        with m.If(access.valid):
            m.d.comb += target.refused.eq(1)
            with m.If(~access.p.write):
                with m.Switch(access.p.address):
                    for register, source in readable.items():
                        with m.Case(register.value):
                            m.d.comb += [target.value.eq(source), target.refused.eq(0)]
            with m.Else():
                with m.Switch(access.p.address):
                    for register, kept in stored.items():
                        with m.Case(register.value):
                            m.d.comb += target.refused.eq(0)
                            m.d.sync += Value.cast(kept).eq(access.p.value)
                    with m.Case(Register.IRQ.value):
                        m.d.comb += [clears.eq(access.p.value), target.refused.eq(0)]
                self._obey(m, target, slot_index, base, owner_context, entry)
        with m.If(self.ring.valid):
            m.d.comb += clears.notify.eq(1)

        self._keep_interrupts(m, interrupts, clears, notified, report)
        return m

    def _obey(self, m, target, slot_index, base, owner_context, entry):
        """Writes that do something."""
        value = target.access.p.value
        m.d.comb += [
            self.slot.p.context.eq(slot_index.context),
            self.slot.p.slot.eq(slot_index.slot),
            self.slot.p.entry.base.eq(base),
            self.slot.p.entry.size.eq(value),
            self.start.p.eq(value),
            self.stop.p.eq(value),
            self.ring.p.eq(value),
            self.route.p.eq(value),
            self.fence.p.eq(value),
            self.home.p.eq(value),
            self.command.p.operation.eq(value),
            self.command.p.entry.eq(entry),
        ]
        contexts = self.config.contexts
        slot_exists = (slot_index.slot < self.config.slots) & (slot_index.context < contexts)
        idle = Signal()
        m.d.comb += idle.eq(~self.running.bit_select(self.start.p, 1))
        orders = {
            Register.START: (self.start, (value < contexts) & idle),
            Register.STOP: (self.stop, value < contexts),
            Register.DOORBELL: (self.ring, value < contexts),
            Register.SLOT_SIZE: (self.slot, slot_exists),
            Register.ROUTE: (self.route, Const(1)),
            Register.FENCE: (self.fence, Const(1)),
            Register.HOME: (self.home, Const(1)),
            Register.ENTRY_COMMIT: (self.command, (value != 0) & (value < len(MapOperation))),
        }
        with m.Switch(target.access.p.address):
            for register, (order, possible) in orders.items():
                with m.Case(register.value):
                    with m.If(possible):
                        m.d.comb += [
                            order.valid.eq(1),
                            target.refused.eq(0),
                            target.access.ready.eq(order.ready),
                        ]
            for register, kept in (
                (Register.HOME_BASE, self.home_base),
                (Register.HOME_SIZE, self.home_size),
            ):
                with m.Case(register.value):
                    m.d.comb += target.refused.eq(0)
                    m.d.sync += kept.eq(value)
            with m.Case(Register.OWNER.value):
                with m.If(owner_context < contexts):
                    m.d.comb += target.refused.eq(0)
                    m.d.sync += self.owners[owner_context].eq(value)

    def _keep_interrupts(self, m, interrupts, clears, notified, report):
        """What has happened since the host last looked. What happens now goes before clearing."""
        with m.If(self.notify.valid):
            m.d.sync += [interrupts.notify.eq(1), notified.eq(self.notify.p.value)]
        with m.Elif(clears.notify):
            m.d.sync += interrupts.notify.eq(0)

        with m.If(self.fault.valid & (~interrupts.fault | clears.fault)):
            m.d.sync += [interrupts.fault.eq(1), report.eq(self.fault.p)]
        with m.Elif(clears.fault):
            m.d.sync += [interrupts.fault.eq(0), report.eq(0)]
        m.d.comb += self.irq.eq(Cat(interrupts[name] for name in INTERRUPTS))


def _words(prefix, words):
    """Registers `prefix`0, `prefix`1, … by the words that they show."""
    return {Register[f"{prefix}{n}"]: words[n] for n in range(words.shape().length)}
