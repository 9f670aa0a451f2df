"""Wakes contexts whose tokens have come, and says what those that are stuck wait for."""

from amaranth import *
from amaranth.hdl import Array
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

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
        Contexts that have got a token or a ring.
    available : In(TOKENS).array(contexts)
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
            "available": In(TOKENS).array(contexts),
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
        m.d.comb += own.eq(1 << context)

        # Contexts to look through, and to report.
        touched = Signal(self.contexts)
        stuck = Signal(self.contexts)
        put_off = Cat(Cat(mask[n] for mask in self.postponed).any() for n in range(self.contexts))
        pick = Signal(self.contexts)
        m.d.comb += pick.eq(Mux(stuck.any(), stuck, touched))
        m.d.sync += touched.eq(
            (touched & ~Mux(begins & ~reporting, own, 0)) | (self.changed & put_off)
        )
        m.d.sync += stuck.eq((stuck & ~Mux(begins & reporting, own, 0)) | self.expired)

        lacking = Signal(TOKENS)
        unrung = Signal()
        with m.If(looks):
            m.d.comb += [
                lacking.eq(need.wait & ~Array(self.available)[context]),
                unrung.eq((need.opcode == ControlOp.DOORBELL) & ~(self.rung & own).any()),
            ]

        report = Signal(FaultReport)
        found = Signal()
        flies = Signal()
        with m.FSM():
            with m.State("IDLE"):
                with m.If(pick.any()):
                    for n in reversed(range(self.contexts)):
                        with m.If(pick[n]):
                            m.d.sync += context.eq(n)
                    m.d.sync += [
                        step.eq(0),
                        reporting.eq(stuck.any()),
                        report.eq(FaultReport.const({"code": FaultCode.WATCHDOG})),
                        found.eq(0),
                        flies.eq(0),
                    ]
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
                    self.fault.p.context.eq(context),
                ]
                m.next = "IDLE"

        for number in range(len(Stream)):
            here = looks & (step == number + 1)
            flight = self.flight[number]
            waits = (self.waiting[number] | self.postponed[number]) & own
            syncs = (self.syncing & own).any() if number == Stream.CONTROL.value else Const(0)
            under_way = (self.flying[number] & (flight.context == context)) | syncs

            awake = here & ~reporting & ~lacking.any() & ~unrung
            kept = ~self.resume & ~Mux(awake, own, 0)
            m.d.sync += self.postponed[number].eq(
                (self.postponed[number] & kept) | self.postpone[number]
            )

            with m.If(here & ~flies):
                with m.If(under_way):
                    m.d.sync += [
                        flies.eq(1),
                        report.engine.eq(number),
                        report.info.eq(Mux(syncs, ControlOp.SYNC.value, flight.opcode)),
                        report.address.eq(0),
                    ]
                with m.Elif(waits.any() & ~found):
                    m.d.sync += [
                        found.eq(1),
                        report.engine.eq(number),
                        report.info.eq(need.opcode),
                        report.address.eq(lacking),
                    ]

        return m

    def _remember(self, m, context, step):
        """Memory of what instructions need. Gives what was asked for in the cycle before."""
        place = data.StructLayout({"stream": Stream, "context": range(self.contexts)})
        m.submodules.needs = needs = memory.Memory(shape=_Need, depth=1 << place.size, init=[])
        write = needs.write_port()
        read = needs.read_port()
        m.d.comb += [
            write.en.eq(self.head.valid),
            write.addr.eq(Cat(self.head.p.stream, self.head.p.context)),
            write.data.opcode.eq(self.head.p.opcode),
            write.data.wait.eq(self.head.p.wait),
            read.addr.eq(Cat(step, context)),
        ]
        return read.data
