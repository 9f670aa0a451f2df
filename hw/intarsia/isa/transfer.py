"""Work of the DMA engine.

A transfer moves ``rows`` rows of ``row_bytes``; rows lie ``pitch`` bytes apart, and the gaps never
move. Either side may be dense (pitch = row_bytes).
"""

from amaranth import *
from amaranth.lib import data

from intarsia.isa.address import Operand

__all__ = ["LocalDescriptor", "RemoteDescriptor", "StitchDescriptor", "StitchRecord"]


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
    """Body of READ, WRITE and ACCUMULATE: 48 bytes, of which 1 operand.

    Offset, rows and pitch at the other side are multiples of 4 for ACCUMULATE.
    """

    local: Operand
    """First byte in this chip's memory: destination of READ, source of the others."""

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

    grain: 2
    """Packets have at most 1,024 >> `grain` bytes: small ones are sooner there, as nodes on their
    way wait for whole ones; large ones need fewer heads."""

    reserved5: 134
    """Must be zero."""


class StitchRecord(data.Struct):
    """One of the transfers that a GATHER or SCATTER consists of: 16 bytes."""

    data_id: 40
    """Tensor at the other side."""

    fragment: 16
    """Fragment of the tensor."""

    offset: 24
    """First byte within the fragment."""

    row_bytes: 24
    """Bytes of a row, not zero."""

    local: 24
    """First byte in this chip's memory, from the instruction's operand `local` on."""


class StitchDescriptor(data.Struct):
    """Body of GATHER and SCATTER: 32 bytes, of which 2 operands.

    What records have in common is said here.
    """

    local: Operand
    """Where `StitchRecord.local` counts from."""

    records: Operand
    """The list of `StitchRecord`, 16 bytes each."""

    count: 24
    """Records, not zero."""

    reserved: 72
    """Must be zero."""

    rows: 24
    """Rows of each record, not zero."""

    reserved1: 8
    """Must be zero."""

    remote_pitch: 24
    """Bytes from one row to the next, in the fragment."""

    reserved2: 8
    """Must be zero."""

    local_pitch: 24
    """Bytes from one row to the next, in this chip's memory."""

    reserved3: 8
    """Must be zero."""
