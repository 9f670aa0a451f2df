"""What the DMA engine moves."""

from dataclasses import dataclass

import numpy as np
from amaranth.lib import data

from intarsia.isa.instruction import LocalOp
from intarsia.model.memory import Memory, as_signed

__all__ = [
    "Rows",
    "gather",
    "local_transfer",
    "read_extents",
    "scatter",
    "write_extents",
]


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
