"""Transfers move rows, never the gap of a pitch."""

import numpy as np

from intarsia.isa.bits import decode, encode
from intarsia.isa.instruction import LocalOp
from intarsia.isa.transfer import LocalDescriptor
from intarsia.model import transfer


def described(**fields):
    return decode(LocalDescriptor, encode(LocalDescriptor, fields))


def test_copy_keeps_gaps():
    memory = bytearray(range(256))
    work = described(
        source=dict(offset=10),
        destination=dict(offset=100),
        row_bytes=3,
        rows=2,
        source_pitch=5,
        destination_pitch=4,
    )
    transfer.local_transfer(memory, LocalOp.COPY, work)
    assert list(memory[99:108]) == [99, 10, 11, 12, 103, 15, 16, 17, 107]
    assert transfer.read_extents(LocalOp.COPY, work) == {"source": (10, 18)}
    assert transfer.write_extents(work) == {"destination": (100, 107)}


def test_fill_keeps_gaps():
    memory = np.zeros(16, np.uint8)
    work = described(
        destination=dict(offset=2), row_bytes=2, rows=3, destination_pitch=4, value=200
    )
    transfer.local_transfer(memory, LocalOp.FILL, work)
    assert list(np.flatnonzero(memory)) == [2, 3, 6, 7, 10, 11]
    assert set(memory[[2, 11]]) == {200}
    assert transfer.read_extents(LocalOp.FILL, work) == {}


def test_gather_is_the_inverse_of_scatter():
    memory = np.zeros(64, np.uint8)
    moved = np.arange(12, dtype=np.uint8)
    rows = transfer.Rows(start=5, count=3, row_bytes=4, pitch=10)
    transfer.scatter(memory, rows, moved)
    assert (transfer.gather(memory, rows) == moved).all()
    assert rows.extent() == (5, 29)
