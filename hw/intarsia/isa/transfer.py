"""Work of the DMA engine.

A transfer moves ``rows`` rows of ``row_bytes``; rows lie ``pitch`` bytes apart, and the gaps never
move. Either side may be dense (pitch = row_bytes).
"""

from amaranth import *
from amaranth.lib import data

from intarsia.isa.address import Operand

__all__ = ["LocalDescriptor", "RemoteDescriptor"]


class LocalDescriptor(data.Struct):
    """Body of COPY and FILL: 32 bytes, of which 2 operands."""

    source: Operand
    """First byte to read; equal to `destination` for FILL."""

    destination: Operand
    """First byte to write."""

    row_bytes: 24
    """Bytes of a row, not zero."""

    value: 8
    """Byte to fill with (FILL)."""

    rows: 24
    """Rows, not zero."""

    reserved: 8
    """Must be zero."""

    source_pitch: 24
    """Bytes from one row to the next."""

    reserved1: 8
    """Must be zero."""

    destination_pitch: 24
    """Bytes from one row to the next."""

    reserved2: 72
    """Must be zero."""


class RemoteDescriptor(data.Struct):
    """Body of READ and WRITE: 48 bytes, of which 1 operand."""

    local: Operand
    """First byte in this chip's memory: destination of READ, source of WRITE."""

    data_id: 40
    """Tensor at the other side."""

    fragment: 16
    """Fragment of the tensor."""

    reserved: 8
    """Must be zero."""

    offset: 24
    """First byte within the fragment."""

    reserved1: 8
    """Must be zero."""

    row_bytes: 24
    """Bytes of a row, not zero."""

    reserved2: 8
    """Must be zero."""

    rows: 24
    """Rows, not zero."""

    reserved3: 8
    """Must be zero."""

    remote_pitch: 24
    """Bytes from one row to the next, in the fragment."""

    reserved4: 8
    """Must be zero."""

    local_pitch: 24
    """Bytes from one row to the next, in this chip's memory."""

    reserved5: 136
    """Must be zero."""
