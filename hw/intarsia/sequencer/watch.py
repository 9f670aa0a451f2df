"""Wakes contexts whose tokens have come, and says what those that are stuck wait for."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from intarsia.isa.address import CONTEXT
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import TOKENS, ControlOp, Stream
from intarsia.sequencer.parts import Flight, WaitingHead

__all__ = ["Watch"]


class _Need(data.Struct):
    """What the next instruction of a stream needs."""

    opcode: 8
    wait: TOKENS


class Watch(wiring.Component):
    """Remembers what the next instruction of each stream of each context waits for.

    When tokens or rings of a context change, the instructions that it has had to put off are looked
    through, one per cycle; those that lack nothing any more are put off no longer. When a context
    is stuck, the report names an instruction that is under way if there is one, or else the
    first stream whose next instruction waits, and the tokens that it lacks.

    Parameters
    ----------
    contexts : int

    Members
    -------
    head : In(stream.Signature(WaitingHead, always_ready=True))
        An instruction that was fetched.
    postpone : In(contexts).array(len(Stream))
        By stream, contexts whose next instruction lacks something, and made room for another.
    postponed : Out(contexts).array(len(Stream))
    resume : In(contexts)
        Contexts whose instructions must be fetched again in any case.
    changed : In(contexts)
        Contexts that have got a token or a ring, or are delivered to.
    asked : Out(CONTEXT)
        Whose tokens are looked at.
    available : In(TOKENS)
    rung : In(contexts)
    waiting : In(contexts).array(len(Stream))
        By stream, the context whose next instruction is at the station.
    syncing : In(contexts)
    flight : In(Flight).array(len(Stream))
    flying : In(len(Stream))
        The instruction that each stream's engine works on, if any.
    expired : In(contexts)
        Contexts to report.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    """

    def __init__(self, *, contexts):
        self.contexts = contexts
        super().__init__({
            "head": In(stream.Signature(WaitingHead, always_ready=True)),
            "postpone": In(contexts).array(len(Stream)),
            "postponed": Out(contexts).array(len(Stream)),
            "resume": In(contexts),
            "changed": In(contexts),
            "asked": Out(CONTEXT),
            "available": In(TOKENS),
            "rung": In(contexts),
            "waiting": In(contexts).array(len(Stream)),
            "syncing": In(contexts),
            "flight": In(Flight).array(len(Stream)),
            "flying": In(len(Stream)),
            "expired": In(contexts),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()

        context = Signal(range(self.contexts))
        step = Signal(range(len(Stream) + 1))
        own = Signal(self.contexts)
        begins = Signal()
        looks = Signal()
        reporting = Signal()
        need = self._remember(m, context, step)
        m.d.comb += [own.eq(1 << context), self.asked.eq(context)]

        # Contexts to look through, and to report.
        touched = Signal(self.contexts)
        stuck = Signal(self.contexts)
        pick = Signal(self.contexts)
        m.d.comb += pick.eq(Mux(stuck.any(), stuck, touched))
        with m.If(begins | self.changed.any()):
            put_off = Cat(
                Cat(mask[n] for mask in self.postponed).any() for n in range(self.contexts)
            )
            looked = Mux(begins & ~reporting, own, 0)
            m.d.sync += touched.eq((touched & ~looked) | (self.changed & put_off))
        with m.If(begins | self.expired.any()):
            m.d.sync += stuck.eq((stuck & ~Mux(begins & reporting, own, 0)) | self.expired)

        lacking = Signal(TOKENS)
        unrung = Signal()
        with m.If(looks):
            m.d.comb += [
                lacking.eq(need.wait & ~self.available),
                unrung.eq((need.opcode == ControlOp.DOORBELL) & ~(self.rung & own).any()),
            ]

        report = self._blame(m, begins, looks & reporting, step, context, need, lacking)
        with m.FSM():
            with m.State("IDLE"):
                with m.If(pick.any()):
                    for n in reversed(range(self.contexts)):
                        with m.If(pick[n]):
                            m.d.sync += context.eq(n)
                    m.d.sync += [step.eq(0), reporting.eq(stuck.any())]
                    m.next = "LOOK"

            with m.State("LOOK"):
                m.d.comb += [begins.eq(step == 0), looks.eq(step != 0)]
                m.d.sync += step.eq(step + 1)
                with m.If(step == len(Stream)):
                    m.next = "IDLE"
                    with m.If(reporting):
                        m.next = "REPORT"

            with m.State("REPORT"):
                m.d.comb += [
                    self.fault.valid.eq(1),
                    self.fault.p.eq(report),
                ]
                m.next = "IDLE"

        with m.If(looks | self.resume.any() | Cat(self.postpone).any()):
            for number, postponed in enumerate(self.postponed):
                awake = looks & (step == number + 1) & ~reporting & ~lacking.any() & ~unrung
                kept = postponed & ~self.resume & ~Mux(awake, own, 0)
                m.d.sync += postponed.eq(kept | self.postpone[number])

        return m

    def _blame(self, m, begins, looks, step, context, need, lacking):
        """Report of the context that is looked through, complete when that is done."""
        report = Signal(FaultReport)
        found = Signal()
        flies = Signal()
        own = 1 << context
        with m.If(begins):
            blank = FaultReport.const({"code": FaultCode.WATCHDOG})
            m.d.sync += [report.eq(blank), report.context.eq(context), found.eq(0), flies.eq(0)]
        with m.Elif(looks & ~flies):
            for number, flight in enumerate(self.flight):
                syncs = Const(0)
                if number == Stream.CONTROL.value:
                    syncs = (self.syncing & own).any()
                with m.If(step == number + 1):
                    with m.If((self.flying[number] & (flight.context == context)) | syncs):
                        m.d.sync += [
                            flies.eq(1),
                            report.engine.eq(number),
                            report.info.eq(Mux(syncs, ControlOp.SYNC.value, flight.opcode)),
                            report.address.eq(0),
                        ]
                    with m.Elif(
                        ((self.waiting[number] | self.postponed[number]) & own).any() & ~found
                    ):
                        m.d.sync += [
                            found.eq(1),
                            report.engine.eq(number),
                            report.info.eq(need.opcode),
                            report.address.eq(lacking),
                        ]
        return report

    def _remember(self, m, context, step):
        """Memory of what instructions need. Gives what was asked for in the cycle before."""
        context = context[: ceil_log2(self.contexts)]
        own = self.head.p.context[: len(context)]
        depth = len(Stream) << len(context)
        m.submodules.needs = needs = memory.Memory(shape=_Need, depth=depth, init=[])
        write = needs.write_port()
        read = needs.read_port()
        m.d.comb += [
            write.en.eq(self.head.valid),
            write.addr.eq(Cat(own, self.head.p.stream)),
            write.data.opcode.eq(self.head.p.opcode),
            write.data.wait.eq(self.head.p.wait),
            read.addr.eq(Cat(context, step)),
        ]
        return read.data
