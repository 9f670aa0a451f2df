"""Instructions to the bytes of a program."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from amaranth.lib import data, enum

from intarsia.compiler.allocate import Place
from intarsia.compiler.schedule import Masks
from intarsia.compiler.work import Address, Buffer, Piece, Remote, Work
from intarsia.isa.address import PROGRAM_SLOT
from intarsia.isa.bits import encode
from intarsia.isa.instruction import (
    PROGRAM_FORMAT,
    UNIT,
    ControlOp,
    InstructionHeader,
    ProgramHeader,
    Stream,
)
from intarsia.isa.opcodes import INSTRUCTIONS
from intarsia.isa.transfer import StitchRecord

__all__ = ["emit", "program_bytes"]

#: Bytes of the header of a program.
PROGRAM_HEADER_BYTES = ProgramHeader.as_shape().size // 8

#: Bytes of an entry of the list of a GATHER.
RECORD_BYTES = StitchRecord.as_shape().size // 8

#: (data ID, fragment, byte) of a place in a fragment.
Names = Callable[[Remote], tuple[int, int, int]]


def program_bytes(works: Sequence[Work], loops: int) -> int:
    """Size of the program of these instructions, with loops in so many streams."""
    records = sum(len(work.pieces) for work in works)
    return _code_bytes(works, loops) + records * RECORD_BYTES


def emit(
    prologue: Sequence[Work],
    works: Sequence[Work],
    masks: Mapping[Work, Masks],
    places: Mapping[Buffer, Place],
    names: Names,
) -> bytes:
    """A program: in each stream, its part of `prologue`, then its part of `works` for ever.

    The lists of GATHERs follow the streams.

    Parameters
    ----------
    prologue, works : sequence of Work
        In order.
    masks : mapping of Work to Masks
        Tokens.
    places : mapping of Buffer to Place
        Where buffers are.
    names : callable
        What fragments are called.
    """
    everything = *prologue, *works
    at = _code_bytes(everything, len({work.stream for work in works}))
    lists, records = {}, b""
    for work in everything:
        lists[work] = dict(slot=PROGRAM_SLOT, offset=at + len(records))
        records += b"".join(_record(piece, names) for piece in work.pieces)

    def instructions(source: Sequence[Work], stream: Stream) -> bytes:
        own = (work for work in source if work.stream is stream)
        return b"".join(_instruction(work, masks[work], places, names, lists[work]) for work in own)

    starts, body = [0] * ProgramHeader.as_shape()["start"].shape.length, b""
    for stream in Stream:
        before, repeated = instructions(prologue, stream), instructions(works, stream)
        if before or repeated:
            starts[stream.value] = PROGRAM_HEADER_BYTES + len(body)
        body += before
        if repeated:
            back = dict(back=len(repeated) // UNIT)
            body += repeated + _encoded(ControlOp.LOOP, {}, back)
    body += records
    header = dict(
        program_format=PROGRAM_FORMAT,
        streams=len(Stream),
        length=PROGRAM_HEADER_BYTES + len(body),
        start=starts,
    )
    return _bytes(ProgramHeader, header) + body


def _code_bytes(works: Sequence[Work], loops: int) -> int:
    """Size of header and streams."""
    units = sum(INSTRUCTIONS[work.opcode].units for work in works)
    return PROGRAM_HEADER_BYTES + (units + loops * INSTRUCTIONS[ControlOp.LOOP].units) * UNIT


def _instruction(
    work: Work,
    masks: Masks,
    places: Mapping[Buffer, Place],
    names: Names,
    records: Mapping[str, int],
) -> bytes:
    """An instruction; `records` is where its list lies, if it has one."""
    fields = {name: _operand(value, places) for name, value in work.fields.items()}
    if work.remote is not None:
        fields |= _name(work.remote, names)
    if work.pieces:
        fields |= dict(records=records)
    flags = int(work.patient)
    header = dict(flags=flags, layer=work.layer, wait=masks.wait, signal=masks.signal)
    return _encoded(work.opcode, header, fields)


def _record(piece: Piece, names: Names) -> bytes:
    fields = dict(local=piece.local, row_bytes=piece.row_bytes)
    return _bytes(StitchRecord, fields | _name(piece.remote, names))


def _name(remote: Remote, names: Names) -> dict[str, int]:
    data_id, fragment, offset = names(remote)
    return dict(data_id=data_id, fragment=fragment, offset=offset)


def _operand(value: object, places: Mapping[Buffer, Place]) -> object:
    if not isinstance(value, Address):
        return value
    place = places[value.buffer]
    return dict(slot=place.slot, offset=place.offset + value.offset)


def _encoded(opcode: enum.Enum, header: dict[str, int], fields: dict[str, Any]) -> bytes:
    info = INSTRUCTIONS[opcode]
    about = dict(opcode=opcode.value, length=info.units, operands=info.operands)
    body = _bytes(info.body, fields) if info.body else b""
    return _bytes(InstructionHeader, header | about) + body


def _bytes(layout: type[data.Struct], fields: dict[str, Any]) -> bytes:
    return encode(layout, fields).to_bytes(layout.as_shape().size // 8, "little")
