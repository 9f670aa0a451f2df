"""Names of places and of data: nodes, data IDs, offsets, slots, operands."""

from amaranth import *
from amaranth.lib import data

__all__ = [
    "CONTEXT",
    "DATA_ID",
    "LOCAL",
    "NODE",
    "OWNER_BITS",
    "PAYLOAD_MAX",
    "PROGRAM_SLOT",
    "SLOT",
    "TENSOR_BITS",
    "LogicalAddress",
    "Operand",
    "SlotEntry",
    "data_id",
]

#: Number of a node: chip, gateway, memory or host.
NODE = unsigned(16)

#: Widths of the two parts of a data ID.
OWNER_BITS, TENSOR_BITS = 12, 28

#: Data ID: owner (upper 12 bits) and tensor.
DATA_ID = unsigned(OWNER_BITS + TENSOR_BITS)

#: Byte address or byte distance within one node's part of a fragment, and within a chip's memory.
LOCAL = unsigned(24)

#: Number of a slot within a context.
SLOT = unsigned(8)

#: Number of a context.
CONTEXT = unsigned(4)

#: Most bytes of payload in one packet.
PAYLOAD_MAX = 1024

#: The slot that a context's program lies in.
PROGRAM_SLOT = 0


def data_id(owner: int, tensor: int) -> int:
    """Data ID of a tensor.

    Raises
    ------
    :exc:`ValueError`
        If a part does not fit.
    """
    if not 0 <= owner < 1 << OWNER_BITS:
        raise ValueError(f"Owner must fit {OWNER_BITS} bits, not {owner!r}")
    if not 0 <= tensor < 1 << TENSOR_BITS:
        raise ValueError(f"Tensor must fit {TENSOR_BITS} bits, not {tensor!r}")
    return owner << TENSOR_BITS | tensor


class Operand(data.Struct):
    """What an instruction calls a place in the chip's memory.

    Before an engine sees it, the sequencer puts the address of the place into ``offset``.
    """

    offset: 24
    """Bytes from the start of the slot; in an engine's hands, address in the chip's memory."""

    slot: 8
    """Slot of the instruction's context."""


class SlotEntry(data.Struct):
    """What a slot stands for. Only the host writes it."""

    base: 24
    """Address of the slot's first byte in the chip's memory."""

    size: 24
    """Bytes; 0 marks a slot that is not in use. First and last byte are in one macro-bank."""

    reserved: 16
    """Must be zero."""


class LogicalAddress(data.Struct):
    """Which data, never where: the 12 bytes that follow the header of a request."""

    data_id: 40
    """Owner (upper 12 bits) and tensor."""

    fragment: 16
    """Number of the fragment; upper part of the 40-bit offset."""

    offset: 24
    """Byte within the fragment; lower part of the offset."""

    version: 16
    """Version of the fragment that the requester has in its map; the responder compares."""
