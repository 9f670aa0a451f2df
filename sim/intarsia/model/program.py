"""Programs, read as the sequencer reads them."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from amaranth.lib import data

from intarsia.isa.bits import decode
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import (
    PROGRAM_FORMAT,
    UNIT,
    ControlOp,
    InstructionHeader,
    ProgramHeader,
    Stream,
)
from intarsia.isa.opcodes import INSTRUCTIONS
from intarsia.model.faults import ModelFaultError

__all__ = ["Instruction", "read_program"]

_OPCODES = {opcode.value: opcode for opcode in INSTRUCTIONS}


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Members
    -------
    stream : Stream
    index : int
        Number within its stream.
    opcode : enumeration
    layer : int
    patient : bool
    wait, signal : tuple of int
        Tokens.
    body : data.Const or None
        Operands are as in the program.
    target : int
        Of LOOP: number of the first instruction that is repeated.
    """

    stream: Stream
    index: int
    opcode: Any
    layer: int
    patient: bool
    wait: tuple[int, ...]
    signal: tuple[int, ...]
    body: data.Const | None
    target: int = -1

    def __str__(self) -> str:
        return f"{self.stream.name} #{self.index} {self.opcode.name} of layer {self.layer}"


@cache
def read_program(program: bytes) -> dict[Stream, tuple[Instruction, ...]]:
    """Instructions of each stream, up to its END or its endless LOOP.

    Raises
    ------
    :exc:`ModelFaultError`
        PROGRAM, if it is not a program.
    """
    size = ProgramHeader.as_shape().size // 8
    header = decode(ProgramHeader, int.from_bytes(program[:size], "little"))
    if header.program_format != PROGRAM_FORMAT:
        raise _fault(0, f"has format {header.program_format}, not {PROGRAM_FORMAT}")
    if header.length != len(program) or header.streams > len(header.start):
        raise _fault(0, f"says it has {header.length} bytes, {header.streams} streams")
    return {
        stream: tuple(_read_stream(program, stream, header.start[stream.value]))
        for stream in Stream
        if stream.value < header.streams and header.start[stream.value]
    }


def _read_stream(program: bytes, stream: Stream, start: int):
    starts: dict[int, int] = {}
    at, last = start, False
    while not last:
        starts[at] = len(starts)
        instruction, length = _read_instruction(program, stream, at, starts)
        last = instruction.opcode is ControlOp.END
        if instruction.opcode is ControlOp.LOOP and instruction.body is not None:
            last = instruction.body.count == 0
        yield instruction
        at += length


def _read_instruction(program: bytes, stream: Stream, at: int, starts: dict[int, int]):
    head = InstructionHeader.as_shape().size // 8
    header = decode(InstructionHeader, int.from_bytes(program[at : at + head], "little"))
    opcode = _OPCODES.get(header.opcode)
    info = INSTRUCTIONS[opcode] if opcode is not None else None
    if opcode is None or info is None or stream not in info.streams:
        raise _fault(at, f"has opcode {header.opcode} in stream {stream.name}")
    if header.length != info.units or header.operands != info.operands or header.reserved:
        raise _fault(at, f"has a header that does not fit a {opcode.name}")
    if header.flags > int(info.patient):
        raise _fault(at, f"has flags {header.flags} on a {opcode.name}")
    stop = at + header.length * UNIT
    if stop > len(program):
        raise _fault(at, "ends within an instruction")
    bits = int.from_bytes(program[at + head : stop], "little")
    body = decode(info.body, bits) if info.body is not None else None
    target = -1
    if opcode is ControlOp.LOOP and body is not None:
        target = starts.get(at - body.back * UNIT, -1)
        if target < 0:
            raise _fault(at, f"loops back {body.back} units, where no instruction begins")
    instruction = Instruction(
        stream,
        starts[at],
        opcode,
        header.layer,
        bool(header.flags),
        _tokens(header.wait),
        _tokens(header.signal),
        body,
        target,
    )
    return instruction, header.length * UNIT


def _tokens(mask: int) -> tuple[int, ...]:
    return tuple(number for number in range(mask.bit_length()) if mask >> number & 1)


def _fault(at: int, text: str) -> ModelFaultError:
    return ModelFaultError(FaultCode.PROGRAM, f"program, byte {at:#x}: {text}")
