"""Starts programs."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import CONTEXT, LOCAL, PROGRAM_SLOT, SlotEntry
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import PROGRAM_FORMAT, UNIT, ProgramHeader, Stream
from intarsia.sequencer.parts import (
    UNIT_BITS,
    PlaceWrite,
    ProgramUnit,
    SlotRead,
    UnitRequest,
)

__all__ = ["Starter"]

WORD_BITS = 32
WORDS = UNIT_BITS // WORD_BITS
HEADER_WORDS = ProgramHeader.as_shape().size // WORD_BITS

#: Word of the header where the first stream starts, and how many may.
FIRST_START = ProgramHeader.as_shape()["start"].offset // WORD_BITS
STREAMS_MAX = ProgramHeader.as_shape()["start"].shape.length


class Starter(wiring.Component):
    """Reads the header of a context's program, and puts its streams at their first instructions.

    Members
    -------
    start : In(stream.Signature(CONTEXT))
        Accepted when all is done, in the same cycle as either `streams` or `fault` tells the
        result. Must not be withdrawn.
    streams : Out(len(Stream))
        Streams that the program has; zero with a fault.
    clear : Out(stream.Signature(CONTEXT))
        Token counters to make zero.
    slot, entry, request, unit
        As of the fetcher.
    place : Out(stream.Signature(PlaceWrite))
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    """

    start: In(stream.Signature(CONTEXT))
    streams: Out(len(Stream))
    clear: Out(stream.Signature(CONTEXT))
    slot: Out(SlotRead)
    entry: In(SlotEntry)
    request: Out(stream.Signature(UnitRequest))
    unit: In(stream.Signature(ProgramUnit, always_ready=True))
    place: Out(stream.Signature(PlaceWrite))
    fault: Out(stream.Signature(FaultReport, always_ready=True))

    def elaborate(self, platform):
        m = Module()

        address = Signal(LOCAL, reset_less=True)
        size = Signal(LOCAL, reset_less=True)
        length = Signal(LOCAL, reset_less=True)
        streams = Signal(STREAMS_MAX.bit_length(), reset_less=True)
        words = Signal(data.ArrayLayout(WORD_BITS, WORDS), reset_less=True)
        index = Signal(range(HEADER_WORDS))
        found = Signal(len(Stream))
        fault = Signal(FaultCode)

        m.d.comb += [
            self.slot.context.eq(self.start.p),
            self.slot.slot.eq(PROGRAM_SLOT),
            self.clear.p.eq(self.start.p),
            self.request.p.address.eq(address),
            self.request.p.context.eq(self.start.p),
            self.request.p.units.eq(1),
            self.fault.p.code.eq(fault),
            self.fault.p.engine.eq(Stream.CONTROL.value),
            self.fault.p.context.eq(self.start.p),
            self.fault.p.address.eq(address),
        ]

        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start.valid):
                    m.next = "LOCATE"

            with m.State("LOCATE"):
                m.d.sync += [
                    address.eq(self.entry.base),
                    size.eq(self.entry.size),
                    index.eq(0),
                    found.eq(0),
                    fault.eq(FaultCode.NONE),
                ]
                m.next = "CLEAR"

            with m.State("CLEAR"):
                m.d.comb += self.clear.valid.eq(1)
                with m.If(self.clear.ready):
                    m.next = "ASK"
                    with m.If(size < HEADER_WORDS * WORD_BITS // 8):
                        m.d.sync += fault.eq(FaultCode.PROGRAM)
                        m.next = "FINISH"

            with m.State("ASK"):
                m.d.comb += self.request.valid.eq(1)
                with m.If(self.request.ready):
                    m.next = "RECEIVE"

            with m.State("RECEIVE"):
                with m.If(self.unit.valid):
                    m.d.sync += words.eq(self.unit.p.content)
                    m.next = "PLACE"
                    with m.If(self.unit.p.damaged):
                        m.d.sync += fault.eq(FaultCode.PARITY)
                        m.next = "FINISH"
                    with m.Elif(index == 0):
                        m.next = "DESCRIBE"

            with m.State("DESCRIBE"):
                header = ProgramHeader(Cat(words, Const(0, (HEADER_WORDS - WORDS) * WORD_BITS)))
                m.d.sync += [
                    length.eq(header.length),
                    streams.eq(header.streams),
                    index.eq(FIRST_START),
                    words.eq(words.as_value() >> FIRST_START * WORD_BITS),
                ]
                m.next = "PLACE"
                with m.If(
                    (header.program_format != PROGRAM_FORMAT)
                    | (header.streams > STREAMS_MAX)
                    | (header.length > size)
                ):
                    m.d.sync += fault.eq(FaultCode.PROGRAM)
                    m.next = "FINISH"

            with m.State("PLACE"):
                begin = words[0]
                m.d.comb += [
                    self.place.p.context.eq(self.start.p),
                    self.place.p.stream.eq(index - FIRST_START),
                    self.place.p.place.pc.eq(begin // UNIT),
                    self.place.valid.eq((begin != 0) & (index < FIRST_START + len(Stream))),
                ]
                with m.If(
                    (begin != 0)
                    & (
                        (index >= FIRST_START + len(Stream))
                        | (index >= FIRST_START + streams)
                        | (begin % UNIT != 0)
                        | (begin < HEADER_WORDS * WORD_BITS // 8)
                        | (begin >= length)
                    )
                ):
                    m.d.sync += fault.eq(FaultCode.PROGRAM)
                    m.next = "FINISH"
                with m.Elif(self.place.ready | ~self.place.valid):
                    with m.If(self.place.valid):
                        m.d.sync += found.eq(found | (1 << self.place.p.stream.as_value()))
                    m.d.sync += [
                        words.eq(words.as_value() >> WORD_BITS),
                        index.eq(index + 1),
                    ]
                    with m.If(index == HEADER_WORDS - 1):
                        m.next = "FINISH"
                    with m.Elif(index % WORDS == WORDS - 1):
                        m.d.sync += address.eq(address + UNIT)
                        m.next = "ASK"

            with m.State("FINISH"):
                m.d.comb += [
                    self.start.ready.eq(1),
                    self.fault.valid.eq(fault != FaultCode.NONE),
                    self.streams.eq(Mux(self.fault.valid, 0, found)),
                ]
                m.next = "IDLE"

        return m
