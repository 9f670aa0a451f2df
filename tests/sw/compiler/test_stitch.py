"""Stitches name what READs named, in the same order."""

from itertools import pairwise

from intarsia.compiler.compile import compile_network
from intarsia.compiler.plan import NodeHolder
from intarsia.compiler.stitch import stitched
from intarsia.compiler.work import Access, Address, Buffer, Remote, Work
from intarsia.digits import MODEL
from intarsia.graph import Mode
from intarsia.importer import load
from intarsia.isa.bits import decode
from intarsia.isa.config import config
from intarsia.isa.instruction import RemoteOp, Stream
from intarsia.isa.transfer import StitchRecord
from intarsia.model.program import read_program

RECORD = StitchRecord.as_shape().size // 8


def read(buffer, offset, layer=3, row_bytes=8, rows=2):
    fields = dict(
        local=Address(buffer, offset),
        row_bytes=row_bytes,
        rows=rows,
        remote_pitch=9,
        local_pitch=8,
    )
    access = Access(buffer, None, write=True)
    source = Remote(("part", buffer.name, offset), 7)
    return Work(Stream.REMOTE, RemoteOp.READ, layer, fields, (access,), source)


def test_reads_into_one_buffer_are_one_gather():
    one, other = Buffer("one", 64), Buffer("other", 64)
    barrier = Work(Stream.CONTROL, None, 3, {})
    reads = [read(one, 0), read(one, 16, row_bytes=4), read(other, 0), read(one, 32)]
    reads += [read(one, 48, layer=4), read(one, 56, layer=4, rows=1)]
    for work in reads:
        work.after.append(barrier)
    found = list(stitched(reads))
    assert found[1:] == reads[2:]
    gather = found[0]
    assert (gather.opcode, gather.layer, gather.stream) == (RemoteOp.GATHER, 3, Stream.REMOTE)
    shared = dict(rows=2, remote_pitch=9, local_pitch=8)
    assert gather.fields == dict(local=Address(one), count=2, **shared)
    assert [(piece.local, piece.row_bytes) for piece in gather.pieces] == [(0, 8), (16, 4)]
    assert gather.remotes == (reads[0].remote, reads[1].remote)
    assert gather.accesses == reads[0].accesses
    assert gather.after == [barrier]


def test_lists_lie_behind_the_streams():
    """Every fragment that a list names is one that another node holds; no two records meet."""
    network = load(MODEL)
    plan = compile_network(
        network, config=config("large"), chips=4, mode=Mode.ONNX, partition="channels"
    )
    held = {(item.data_id, item.fragment): item for item in plan.fragments}
    lists = 0
    for number, chip in enumerate(plan.chips):
        streams = read_program(chip.program)
        gathers = [work for work in streams[Stream.REMOTE] if work.opcode is RemoteOp.GATHER]
        assert gathers
        ends = []
        for body in (work.body for work in gathers):
            assert body is not None and body.records.slot == 0 and body.count > 1
            start = body.records.offset
            stop = start + body.count * RECORD
            ends.append((start, stop))
            spans = []
            for at in range(start, stop, RECORD):
                item = decode(
                    StitchRecord, int.from_bytes(chip.program[at : at + RECORD], "little")
                )
                fragment = held[item.data_id, item.fragment]
                assert fragment.holder is NodeHolder.MEMORY or fragment.holder.chip != number
                assert item.offset + item.row_bytes <= fragment.size
                spans.append((item.local, item.row_bytes))
            assert len(set(spans)) == len(spans)
        lists += len(ends)
        assert all(one[1] == two[0] for one, two in pairwise(ends))
        assert ends[-1][1] == len(chip.program)
    assert lists >= len(plan.chips)
