"""What the parts of the sequencer hand each other, and what reaches it from outside."""

from amaranth import *
from amaranth.lib import data
from amaranth.utils import ceil_log2

from intarsia.isa.address import CONTEXT, LOCAL, SLOT, SlotEntry
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import TOKENS, UNIT, InstructionHeader, Stream
from intarsia.isa.opcodes import UNITS_MAX

__all__ = [
    "PC",
    "UNIT_BITS",
    "BodyUnit",
    "FetchRequest",
    "Flight",
    "Head",
    "Place",
    "PlaceWrite",
    "ProgramUnit",
    "SlotRead",
    "SlotWrite",
    "TokenChange",
    "UnitRequest",
    "WaitingHead",
]

#: Place in a program, in units.
PC = unsigned(LOCAL.width - ceil_log2(UNIT))

#: Bits of a unit.
UNIT_BITS = 8 * UNIT


class SlotWrite(data.Struct):
    """What the host says a slot stands for."""

    context: CONTEXT
    slot: SLOT
    entry: SlotEntry


class SlotRead(data.Struct):
    """Which slot is looked up."""

    context: CONTEXT
    slot: SLOT


class Place(data.Struct):
    """Where a stream of a context is: its next instruction, and how often it has gone back."""

    pc: PC
    loop: 32


class PlaceWrite(data.Struct):
    """The place where a stream of a context is from now on."""

    context: CONTEXT
    stream: Stream
    place: Place


class FetchRequest(data.Struct):
    """Whose next instruction is to be fetched."""

    context: CONTEXT
    stream: Stream


class UnitRequest(data.Struct):
    """Units to read from memory."""

    address: LOCAL
    context: CONTEXT
    units: range(UNITS_MAX)


class ProgramUnit(data.Struct):
    """One of the units that were asked for."""

    index: range(UNITS_MAX)
    content: UNIT_BITS
    damaged: 1


class BodyUnit(data.Struct):
    """A unit of a body, but for the first."""

    index: range(UNITS_MAX)
    content: UNIT_BITS


class Head(data.Struct):
    """The next instruction of a stream: all of it but the later units of its body.

    ``next`` is where the stream is once it has started. ``fault``, if not NONE, is why it can't.
    """

    header: InstructionHeader
    first: UNIT_BITS
    next: Place
    fault: FaultCode
    address: LOCAL
    info: SLOT


class TokenChange(data.Struct):
    """Token counters of a context to take one from, or to add one to."""

    context: CONTEXT
    mask: TOKENS


class Flight(data.Struct):
    """What is remembered of an instruction that has started.

    ``instant`` marks those that no engine sees: they are complete once those before them are.
    """

    context: CONTEXT
    opcode: 8
    layer: 16
    signal: TOKENS
    instant: 1


class WaitingHead(data.Struct):
    """What an instruction that was fetched needs before it can start."""

    context: CONTEXT
    stream: Stream
    opcode: 8
    wait: TOKENS
