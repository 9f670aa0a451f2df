"""Transfers move rows, never the gap of a pitch."""

import numpy as np
import pytest

from intarsia.isa.bits import decode, encode
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import LocalOp, RemoteOp
from intarsia.isa.transfer import LocalDescriptor, RemoteDescriptor, StitchDescriptor, StitchRecord
from intarsia.model import transfer
from intarsia.model.faults import ModelFaultError


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


def stitch(*records):
    """A memory with a list at 32, and the GATHER or SCATTER of it."""
    memory = bytearray(128)
    for number, record in enumerate(records):
        content = encode(StitchRecord, record).to_bytes(16, "little")
        memory[32 + 16 * number : 48 + 16 * number] = content
    fields = dict(local=dict(offset=64), records=dict(offset=32), count=len(records))
    fields |= dict(rows=2, remote_pitch=9, local_pitch=7)
    return memory, decode(StitchDescriptor, encode(StitchDescriptor, fields))


def test_lists_are_transfers():
    first = dict(data_id=1 << 39, fragment=3, offset=5, row_bytes=4, local=6)
    second = dict(data_id=7, fragment=0, offset=1, row_bytes=2, local=0)
    memory, work = stitch(first, second)
    assert transfer.list_extent(work) == (32, 64)
    for opcode, single in ((RemoteOp.GATHER, RemoteOp.READ), (RemoteOp.SCATTER, RemoteOp.WRITE)):
        assert transfer.remotes(memory, opcode, work) == [
            transfer.Remote(
                single, (1 << 39, 3), transfer.Rows(5, 2, 4, 9), transfer.Rows(70, 2, 4, 7)
            ),
            transfer.Remote(single, (7, 0), transfer.Rows(1, 2, 2, 9), transfer.Rows(64, 2, 2, 7)),
        ]


def test_empty_records_are_refused():
    memory, work = stitch(dict(row_bytes=1), dict(row_bytes=0))
    with pytest.raises(ModelFaultError, match="record at 0x30") as caught:
        transfer.remotes(memory, RemoteOp.GATHER, work)
    assert caught.value.code is FaultCode.DESCRIPTOR


def test_others_are_one_transfer():
    fields = dict(local=dict(offset=8), data_id=7, fragment=2, offset=16, row_bytes=4, rows=3)
    fields |= dict(remote_pitch=12, local_pitch=5)
    work = decode(RemoteDescriptor, encode(RemoteDescriptor, fields))
    far, near = transfer.Rows(16, 3, 4, 12), transfer.Rows(8, 3, 4, 5)
    for opcode in (RemoteOp.READ, RemoteOp.WRITE, RemoteOp.ACCUMULATE):
        found = transfer.remotes(bytearray(), opcode, work)
        assert found == [transfer.Remote(opcode, (7, 2), far, near)]


def test_sums_wrap_around():
    ends = np.array([2**31 - 1, -1, -(2**31)], np.int32)
    added = np.array([1, 1, -1], np.int32)
    found = transfer.summed(ends.view(np.uint8), added.view(np.uint8)).view(np.int32)
    assert list(found) == [-(2**31), 0, 2**31 - 1]
