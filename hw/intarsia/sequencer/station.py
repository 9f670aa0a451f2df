"""The instruction that a stream runs next."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import CONTEXT
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import TOKENS, ControlOp, InstructionHeader, Stream
from intarsia.sequencer.parts import (
    UNIT_BITS,
    BodyUnit,
    Flight,
    Head,
    PlaceWrite,
    TokenChange,
)

__all__ = ["Body", "Station"]

#: Instructions that every stream can run by itself.
INSTANT = (ControlOp.NOP, ControlOp.END, ControlOp.LOOP)


class Body(data.StructLayout):
    """An instruction, as it leaves the station."""

    def __init__(self, units):
        super().__init__({
            "header": InstructionHeader,
            "units": data.ArrayLayout(UNIT_BITS, units),
        })


class Station(wiring.Component):
    """Holds the next instruction of one context, until it can start.

    An instruction is fetched while those before it are under way. If it lacks tokens, or is chained
    and nothing is delivered to it, it makes room for that of a context that may lack none; contexts
    take turns. Once it has taken its tokens, it stays until the engine accepts it.

    Parameters
    ----------
    of : Stream
    contexts : int
    units : int
        Units of the longest body.

    Members
    -------
    candidates : In(contexts)
        Contexts whose next instruction isn't known to lack tokens.
    drop : In(contexts)
        Contexts whose instruction must be fetched again, if it hasn't started.
    available : In(TOKENS)
        Of `context`.
    rung : In(contexts)
        Contexts with a ring that a DOORBELL may take.
    wanted_chain : In(contexts)
        The context whose chained instruction may start, of those for the vector engine.
    context : Out(CONTEXT)
        Whose instruction is here or is being fetched.
    wanted : Out(1)
        The instruction of context `wish` is to be fetched. May be withdrawn.
    wish : Out(CONTEXT)
    granted : In(1)
        The fetch begins in this cycle.
    leaving : Out(1)
        With `granted`: the instruction that was here lacks tokens.
    head : In(stream.Signature(Head, always_ready=True))
    body : In(stream.Signature(BodyUnit, always_ready=True))
    waiting, fetching : Out(1)
        An instruction is here that can't start yet, or is being fetched.
    patient : Out(1)
        What is here waits for a ring only, and patiently.
    take : Out(stream.Signature(TokenChange))
        Accepted when the instruction starts.
    chained : Out(1)
        With `take`: it is chained, and for the vector engine.
    next : Out(PlaceWrite)
        With `take`: where the stream then is.
    flight : Out(stream.Signature(Flight))
        An instruction starts only if this is ready.
    ended : Out(contexts)
        The context's stream has come to its end.
    held : Out(contexts)
        The context whose instruction has taken its tokens, and waits for the engine.
    job : Out(stream.Signature(Body(units)))
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    """

    def __init__(self, *, of, contexts, units):
        self.of = of
        self.contexts = contexts
        self.units = units
        super().__init__({
            "candidates": In(contexts),
            "drop": In(contexts),
            "available": In(TOKENS),
            "rung": In(contexts),
            "wanted_chain": In(contexts),
            "context": Out(CONTEXT),
            "wanted": Out(1),
            "wish": Out(CONTEXT),
            "granted": In(1),
            "leaving": Out(1),
            "head": In(stream.Signature(Head, always_ready=True)),
            "body": In(stream.Signature(BodyUnit, always_ready=True)),
            "waiting": Out(1),
            "fetching": Out(1),
            "patient": Out(1),
            "take": Out(stream.Signature(TokenChange)),
            "chained": Out(1),
            "next": Out(PlaceWrite),
            "flight": Out(stream.Signature(Flight)),
            "ended": Out(contexts),
            "held": Out(contexts),
            "job": Out(stream.Signature(Body(units))),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()

        head = Signal(Head, reset_less=True)
        units = Signal(data.ArrayLayout(UNIT_BITS, self.units), reset_less=True)
        context = Signal(CONTEXT)
        stale = Signal()
        own = Signal(self.contexts)
        header = head.header
        m.d.comb += [self.context.eq(context), own.eq(1 << context)]

        instant = Signal()
        faulty = Signal()
        lacking = Signal()
        unrung = Signal()
        unmet = Signal()
        dropped = Signal()
        outdated = Signal()
        m.d.comb += [
            instant.eq(Cat(header.opcode == opcode for opcode in INSTANT).any()),
            faulty.eq(head.fault != FaultCode.NONE),
            dropped.eq((self.drop & own).any()),
            outdated.eq((self.drop & (1 << self.wish)).any()),
        ]

        with m.FSM():
            with m.State("EMPTY"):
                self._wish(m, self.candidates, context)
                with m.If(self.granted):
                    m.d.sync += [context.eq(self.wish), stale.eq(outdated)]
                    m.next = "FETCHING"

            with m.State("FETCHING"):
                m.d.comb += self.fetching.eq(1)
                with m.If(dropped):
                    m.d.sync += stale.eq(1)
                with m.If(self.head.valid):
                    m.d.sync += [head.eq(self.head.p), units[0].eq(self.head.p.first)]
                    with m.If(stale | dropped):
                        m.next = "EMPTY"
                    with m.Else():
                        m.next = "WAITING"
                with m.If(self.body.valid):
                    with m.Switch(self.body.p.index):
                        for n in range(1, self.units):
                            with m.Case(n):
                                m.d.sync += units[n].eq(self.body.p.content)

            with m.State("WAITING"):
                m.d.comb += [
                    self.waiting.eq(1),
                    lacking.eq((header.wait & ~self.available).any()),
                ]
                if self.of is Stream.CONTROL:
                    rings = header.opcode == ControlOp.DOORBELL
                    m.d.comb += unrung.eq(rings & ~(self.rung & own).any())
                    m.d.comb += self.patient.eq(unrung & ~lacking & header.flags.any())
                if self.of is Stream.VECTOR:
                    work = data.View(VectorDescriptor, units.as_value())
                    m.d.comb += [
                        self.chained.eq(work.chained & ~instant & ~faulty),
                        unmet.eq(self.chained & ~(self.wanted_chain & own).any()),
                    ]
                with m.If(dropped):
                    m.next = "EMPTY"
                with m.Elif(lacking | unrung | unmet):
                    self._wish(m, self.candidates & ~own, context)
                    with m.If(self.granted):
                        m.d.comb += self.leaving.eq(1)
                        m.d.sync += [context.eq(self.wish), stale.eq(outdated)]
                        m.next = "FETCHING"
                with m.Elif(faulty):
                    m.d.comb += self.fault.valid.eq(1)
                    m.next = "EMPTY"
                with m.Elif(self.flight.ready):
                    m.d.comb += self.take.valid.eq(1)
                    with m.If(self.take.ready):
                        m.next = "STARTED"

            with m.State("STARTED"):
                m.d.comb += [self.held.eq(own), self.job.valid.eq(~instant)]
                with m.If(self.job.ready | instant):
                    m.d.comb += self.flight.valid.eq(1)
                    m.next = "EMPTY"
                with m.If(header.opcode == ControlOp.END):
                    m.d.comb += self.ended.eq(own)

        m.d.comb += [
            self.take.p.context.eq(context),
            self.take.p.mask.eq(header.wait),
            self.next.context.eq(context),
            self.next.stream.eq(self.of),
            self.next.place.eq(head.next),
            self.flight.p.context.eq(context),
            self.flight.p.opcode.eq(header.opcode),
            self.flight.p.layer.eq(header.layer),
            # A SYNC gives its tokens when its barrier opens, not when it has left the stream.
            self.flight.p.signal.eq(Mux(header.opcode == ControlOp.SYNC, 0, header.signal)),
            self.flight.p.instant.eq(instant),
            self.job.p.header.eq(header),
            self.job.p.units.eq(units),
            self.fault.p.code.eq(head.fault),
            self.fault.p.engine.eq(self.of.value),
            self.fault.p.context.eq(context),
            self.fault.p.address.eq(head.address),
            self.fault.p.info.eq(head.info),
        ]
        return m

    def _wish(self, m, candidates, context):
        """Want the instruction of the first of `candidates` after `context`, in turn."""
        others = candidates & Cat(context < n for n in range(self.contexts))
        m.d.comb += self.wanted.eq(candidates.any())
        for group in (candidates, others):
            with m.If(group.any()):
                for n in reversed(range(self.contexts)):
                    with m.If(group[n]):
                        m.d.comb += self.wish.eq(n)
