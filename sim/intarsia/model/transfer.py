"""What the DMA engine moves."""

import numpy as np
from amaranth.lib import data

from intarsia.isa.instruction import LocalOp
from intarsia.model.memory import Memory, as_signed

__all__ = [
    "extent",
    "gather",
    "local_transfer",
    "read_extents",
    "scatter",
    "write_extents",
]


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
    rows = work.rows, work.row_bytes
    if opcode is LocalOp.COPY:
        moved = gather(memory, work.source.offset, *rows, work.source_pitch)
    else:
        moved = np.full(rows[0] * rows[1], work.value, np.uint8)
    scatter(memory, work.destination.offset, *rows, work.destination_pitch, moved)


def gather(memory: Memory, start: int, rows: int, row_bytes: int, pitch: int) -> np.ndarray:
    """Bytes of a transfer's rows, in order, as dense uint8: what READ or WRITE sends."""
    return as_signed(memory)[_addresses(start, rows, row_bytes, pitch)].reshape(-1).view(np.uint8)


def scatter(
    memory: Memory, start: int, rows: int, row_bytes: int, pitch: int, moved: np.ndarray
) -> None:
    """Puts dense bytes where a transfer's rows lie: what the receiving end does."""
    target = as_signed(memory)
    target[_addresses(start, rows, row_bytes, pitch)] = moved.view(np.int8).reshape(rows, row_bytes)


def extent(start: int, rows: int, row_bytes: int, pitch: int) -> tuple[int, int]:
    """Addresses of the first byte of a transfer, and of the first after its last."""
    return start, start + (rows - 1) * pitch + row_bytes


def read_extents(opcode: LocalOp, work: data.Const) -> dict[str, tuple[int, int]]:
    """For each operand read, addresses of its first byte and of the first after its last."""
    if opcode is LocalOp.FILL:
        return {}
    rows = work.rows, work.row_bytes, work.source_pitch
    return {"source": extent(work.source.offset, *rows)}


def write_extents(work: data.Const) -> dict[str, tuple[int, int]]:
    """For each operand written, addresses of its first byte and of the first after its last."""
    rows = work.rows, work.row_bytes, work.destination_pitch
    return {"destination": extent(work.destination.offset, *rows)}


def _addresses(start: int, rows: int, row_bytes: int, pitch: int) -> np.ndarray:
    row, byte = np.ogrid[:rows, :row_bytes]
    return start + row * pitch + byte
