"""Fetches instructions, checks them, and turns their operands into addresses."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import PROGRAM_SLOT, Operand, SlotEntry
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import UNIT, ControlOp, LoopBody, Stream
from intarsia.isa.opcodes import INSTRUCTIONS, UNITS_MAX
from intarsia.sequencer.parts import (
    UNIT_BITS,
    BodyUnit,
    FetchRequest,
    Head,
    Place,
    ProgramUnit,
    SlotRead,
    UnitRequest,
)

__all__ = ["Fetcher"]

#: Operands of a unit; they lie in the first two of a body.
PER_UNIT = UNIT_BITS // Operand.as_shape().size
OPERANDS_MAX = 2 * PER_UNIT


class Fetcher(wiring.Component):
    """Fetches one instruction at a time.

    Whatever is wrong with an instruction is handed on in its head, since it may be no fault at all:
    the host may still set a slot before the instruction's turn comes.

    Members
    -------
    fetch : In(stream.Signature(FetchRequest))
    place : In(Place)
        Of the context and stream asked for in the cycle before.
    slot : Out(SlotRead)
    entry : In(SlotEntry)
        Of the slot asked for in the cycle before.
    request : Out(stream.Signature(UnitRequest))
    unit : In(stream.Signature(ProgramUnit, always_ready=True))
    body : Out(stream.Signature(BodyUnit, always_ready=True))
        Units of the body but the first, whose index is 0, in any order with the head's. One with
        operands comes twice, the second time as they are to be.
    head : Out(stream.Signature(Head, always_ready=True))
        Ends the fetch; all units of the body have been delivered by then.
    """

    fetch: In(stream.Signature(FetchRequest))
    place: In(Place)
    slot: Out(SlotRead)
    entry: In(SlotEntry)
    request: Out(stream.Signature(UnitRequest))
    unit: In(stream.Signature(ProgramUnit, always_ready=True))
    body: Out(stream.Signature(BodyUnit, always_ready=True))
    head: Out(stream.Signature(Head, always_ready=True))

    def elaborate(self, platform):
        m = Module()

        asked = Signal(FetchRequest, reset_less=True)
        place = Signal(Place, reset_less=True)
        left = Signal(place.pc.shape(), reset_less=True)
        head = Signal(Head, reset_less=True)
        words = Signal(data.ArrayLayout(Operand, OPERANDS_MAX), reset_less=True)
        operand = Signal(Operand, reset_less=True)
        step = Signal(range(OPERANDS_MAX + 1))
        missing = Signal(range(UNITS_MAX))

        header = head.header
        m.d.comb += [
            self.slot.context.eq(asked.context),
            self.request.p.context.eq(asked.context),
            self.head.p.eq(head),
            self.head.p.first.eq(Cat(words[:PER_UNIT])),
            self.body.p.index.eq(self.unit.p.index),
            self.body.p.content.eq(self.unit.p.content),
        ]
        several = Signal()  # units with operands
        m.d.comb += several.eq(header.operands > PER_UNIT)

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [
                    self.fetch.ready.eq(1),
                    self.slot.context.eq(self.fetch.p.context),
                    self.slot.slot.eq(PROGRAM_SLOT),
                ]
                with m.If(self.fetch.valid):
                    m.d.sync += asked.eq(self.fetch.p)
                    m.next = "LOCATE"

            with m.State("LOCATE"):
                address = self.entry.base + self.place.pc * UNIT
                beyond = self.entry.size // UNIT - self.place.pc
                m.d.sync += [
                    place.eq(self.place),
                    left.eq(Mux(beyond < 0, 0, beyond)),
                    header.eq(0),
                    head.fault.eq(FaultCode.NONE),
                    head.address.eq(address),
                    head.info.eq(0),
                ]
                m.next = "HEADER"

            with m.State("HEADER"):
                with m.If(left == 0):
                    m.d.sync += head.fault.eq(FaultCode.PROGRAM)
                    m.next = "DELIVER"
                with m.Else():
                    m.d.comb += [
                        self.request.valid.eq(1),
                        self.request.p.address.eq(head.address),
                        self.request.p.units.eq(1),
                    ]
                    with m.If(self.request.ready):
                        m.next = "RECEIVE"

            with m.State("RECEIVE"):
                with m.If(self.unit.valid):
                    with m.If(self.unit.p.damaged):
                        m.d.sync += head.fault.eq(FaultCode.PARITY)
                        m.next = "DELIVER"
                    with m.Else():
                        m.d.sync += header.eq(self.unit.p.content)
                        m.next = "CHECK"

            with m.State("CHECK"):
                with m.If(self._malformed(m, header, asked.stream) | (header.length > left)):
                    # Nothing in it means anything, its mask of tokens included.
                    m.d.sync += [head.fault.eq(FaultCode.PROGRAM), header.eq(0)]
                    m.next = "DELIVER"
                with m.Elif(header.length == 1):
                    m.next = "DELIVER"
                with m.Else():
                    m.d.comb += [
                        self.request.valid.eq(1),
                        self.request.p.address.eq(head.address + UNIT),
                        self.request.p.units.eq(header.length - 1),
                    ]
                    m.d.sync += missing.eq(header.length - 1)
                    with m.If(self.request.ready):
                        m.next = "BODY"

            with m.State("BODY"):
                m.d.sync += step.eq(0)
                with m.If(self.unit.valid):
                    with m.If(self.unit.p.index == 0):
                        m.d.sync += Cat(words[:PER_UNIT]).eq(self.unit.p.content)
                    with m.Else():
                        m.d.sync += Cat(words[PER_UNIT:]).eq(self.unit.p.content)
                    with m.If((self.unit.p.index == 1) | ~several):
                        m.next = "RESOLVE"

            with m.State("RESOLVE"):
                # The word looked up in a cycle is replaced in the next one.
                address = self._resolve(m, operand, head, step != 0)
                with m.Switch(step):
                    for n in range(OPERANDS_MAX + 1):
                        with m.Case(n):
                            if n < OPERANDS_MAX:
                                m.d.comb += self.slot.slot.eq(words[n].slot)
                                m.d.sync += operand.eq(words[n])
                            if n > 0:
                                m.d.sync += words[n - 1].offset.eq(address)
                m.d.sync += step.eq(step + 1)
                with m.If(step == header.operands):
                    m.next = "DELIVER"
                    with m.If(several):
                        m.next = "REPLACE"

            with m.State("REPLACE"), m.If(missing == 0):
                m.d.comb += [
                    self.body.valid.eq(1),
                    self.body.p.index.eq(1),
                    self.body.p.content.eq(Cat(words[PER_UNIT:])),
                ]
                m.next = "DELIVER"

            with m.State("DELIVER"):
                with m.If(missing == 0):
                    m.d.comb += self.head.valid.eq(1)
                    m.next = "IDLE"

        with m.If(self.unit.valid & (missing != 0)):
            m.d.comb += self.body.valid.eq(1)
            m.d.sync += missing.eq(missing - 1)
            with m.If(self.unit.p.damaged):
                m.d.sync += head.fault.eq(FaultCode.PARITY)

        m.d.comb += self.head.p.next.eq(self._next(m, header, place, words))
        with m.If(self.head.valid & (head.fault == FaultCode.NONE)):
            with m.If(self._misshapen(m, header, words, place)):
                m.d.comb += self.head.p.fault.eq(FaultCode.PROGRAM)

        return m

    def _malformed(self, m, header, of_stream):
        """Whether this is no header of an instruction that may stand in the stream."""
        known = Signal()
        with m.Switch(header.opcode):
            for opcode, info in INSTRUCTIONS.items():
                with m.Case(opcode.value):
                    here = Const(1)
                    if len(info.streams) < len(Stream):
                        here = Cat(of_stream == stream for stream in info.streams).any()
                    m.d.comb += known.eq(
                        here
                        & (header.length == info.units)
                        & (header.operands == info.operands)
                        & (header.flags <= info.patient)
                    )
        return ~known | header.reserved.any()

    def _resolve(self, m, operand, head, there):
        """Address of `operand`, whose slot was looked up if it is `there`."""
        outside = there & (operand.offset >= self.entry.size)
        with m.If(outside & (head.fault == FaultCode.NONE)):
            m.d.sync += [head.fault.eq(FaultCode.SLOT), head.info.eq(operand.slot)]
        return self.entry.base + operand.offset

    def _misshapen(self, m, header, words, place):
        """Whether the body of an instruction that no engine sees isn't one."""
        wrong = Signal()
        with m.Switch(header.opcode):
            for opcode in ControlOp:
                layout = INSTRUCTIONS[opcode].body
                if layout is not None:
                    body = layout(Cat(words[:PER_UNIT]))
                    reserved = [
                        name for name, _ in layout.as_shape() if name.startswith("reserved")
                    ]
                    with m.Case(opcode.value):
                        m.d.comb += wrong.eq(Cat(body[name] for name in reserved).any())
                        if opcode is ControlOp.LOOP:
                            with m.If(body.back > place.pc):
                                m.d.comb += wrong.eq(1)
        return wrong

    def _next(self, m, header, place, words):
        """Where the stream is, once the instruction has started."""
        after = Signal(Place)
        body = LoopBody(Cat(words[:PER_UNIT]))
        m.d.comb += [after.pc.eq(place.pc + header.length), after.loop.eq(place.loop)]
        with m.If(header.opcode == ControlOp.LOOP):
            with m.If((body.count == 0) | (place.loop != body.count)):
                m.d.comb += after.pc.eq(place.pc - body.back)
            with m.If(body.count != 0):
                m.d.comb += after.loop.eq(Mux(place.loop == body.count, 0, place.loop + 1))
        return after
