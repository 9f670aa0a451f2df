"""What the DMA engine moves."""

from dataclasses import dataclass

import numpy as np
from amaranth.lib import data

from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import LocalOp, RemoteOp
from intarsia.isa.transfer import StitchRecord
from intarsia.model.faults import ModelFaultError
from intarsia.model.memory import Memory, as_signed

__all__ = [
    "STITCHES",
    "Remote",
    "Rows",
    "gather",
    "list_extent",
    "local_transfer",
    "read_extents",
    "remotes",
    "scatter",
    "summed",
    "write_extents",
]


#: What each record of a list is.
STITCHES = {RemoteOp.GATHER: RemoteOp.READ, RemoteOp.SCATTER: RemoteOp.WRITE}

RECORD_BYTES = StitchRecord.as_shape().size // 8


@dataclass(frozen=True)
class Rows:
    """Rows of bytes at one side of a transfer.

    Members
    -------
    start : int
        Address of the first byte.
    count : int
    row_bytes : int
    pitch : int
        Bytes from one row to the next.
    """

    start: int
    count: int
    row_bytes: int
    pitch: int

    def addresses(self) -> np.ndarray:
        """Addresses of ``(row, byte)``."""
        row, byte = np.ogrid[: self.count, : self.row_bytes]
        return self.start + row * self.pitch + byte

    def moved(self, distance: int) -> "Rows":
        """The same rows, `distance` bytes on."""
        return Rows(self.start + distance, self.count, self.row_bytes, self.pitch)

    def extent(self) -> tuple[int, int]:
        """Addresses of the first byte, and of the first after the last."""
        return self.start, self.start + (self.count - 1) * self.pitch + self.row_bytes


def local_transfer(memory: Memory, opcode: LocalOp, work: data.Const) -> None:
    """Executes a COPY or FILL in `memory`.

    Parameters
    ----------
    memory : bytearray or numpy.ndarray
        All of the chip's memory.
    opcode : LocalOp
        What to do.
    work : data.Const of LocalDescriptor
        Operands hold addresses.
    """
    if opcode is LocalOp.COPY:
        moved = gather(memory, _source(work))
    else:
        moved = np.full(work.rows * work.row_bytes, work.value, np.uint8)
    scatter(memory, _destination(work), moved)


@dataclass(frozen=True)
class Remote:
    """One transfer to or from another node.

    Members
    -------
    opcode : RemoteOp
        READ, WRITE or ACCUMULATE.
    name : (int, int)
        Data ID and fragment.
    far, near : Rows
        Addresses within the fragment, and in the chip's memory.
    """

    opcode: RemoteOp
    name: tuple[int, int]
    far: Rows
    near: Rows


def remotes(memory: Memory, opcode: RemoteOp, work: data.Const) -> list[Remote]:
    """Transfers that an instruction of the remote queue consists of; those of lists as well.

    Raises
    ------
    :exc:`ModelFaultError`
        DESCRIPTOR, if a record is empty.
    """
    if opcode not in STITCHES:
        return [_remote(opcode, work, work, work.local.offset)]
    start, stop = list_extent(work)
    found = []
    for place in range(start, stop, RECORD_BYTES):
        content = bytes(memory[place : place + RECORD_BYTES])
        record = StitchRecord.as_shape().from_bits(int.from_bytes(content, "little"))
        if not record.row_bytes:
            raise ModelFaultError(FaultCode.DESCRIPTOR, f"the record at {place:#x} has no bytes")
        found.append(_remote(STITCHES[opcode], record, work, work.local.offset + record.local))
    return found


def list_extent(work: data.Const) -> tuple[int, int]:
    """Addresses of the first byte of a list, and of the first after it."""
    start = work.records.offset
    return start, start + work.count * RECORD_BYTES


def summed(here: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """What ACCUMULATE leaves of dense bytes of int32, and of those that are added to them."""
    return (here.view("<u4") + moved.view("<u4")).view(np.uint8)


def _remote(opcode: RemoteOp, record: data.Const, work: data.Const, local: int) -> Remote:
    return Remote(
        opcode,
        (record.data_id, record.fragment),
        Rows(record.offset, work.rows, record.row_bytes, work.remote_pitch),
        Rows(local, work.rows, record.row_bytes, work.local_pitch),
    )


def gather(memory: Memory, rows: Rows) -> np.ndarray:
    """Bytes of `rows`, in order, as dense uint8: what READ or WRITE sends."""
    return as_signed(memory)[rows.addresses()].reshape(-1).view(np.uint8)


def scatter(memory: Memory, rows: Rows, moved: np.ndarray) -> None:
    """Puts dense bytes where `rows` lie: what the receiving end does."""
    as_signed(memory)[rows.addresses()] = moved.view(np.int8).reshape(rows.count, rows.row_bytes)


def read_extents(opcode: LocalOp, work: data.Const) -> dict[str, tuple[int, int]]:
    """For each operand read, addresses of its first byte and of the first after its last."""
    if opcode is LocalOp.FILL:
        return {}
    return {"source": _source(work).extent()}


def write_extents(work: data.Const) -> dict[str, tuple[int, int]]:
    """For each operand written, addresses of its first byte and of the first after its last."""
    return {"destination": _destination(work).extent()}


def _source(work: data.Const) -> Rows:
    return Rows(work.source.offset, work.rows, work.row_bytes, work.source_pitch)


def _destination(work: data.Const) -> Rows:
    return Rows(work.destination.offset, work.rows, work.row_bytes, work.destination_pitch)
