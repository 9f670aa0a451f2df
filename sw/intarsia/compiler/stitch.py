"""Stitches: what lies on several nodes is put together in one buffer by one instruction."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from intarsia.compiler.work import Address, Buffer, Piece, Work
from intarsia.isa.instruction import RemoteOp

__all__ = ["stitched"]


def stitched(works: Iterable[Work]) -> Iterator[Work]:
    """READs, those that follow each other into one buffer, in rows alike, as one GATHER.

    Pieces of a GATHER are all under way at once, as far as the remote queue has room, and it is a
    fraction of the length of the READs. Whoever needs a part of what it brings waits for all of it.

    Parameters
    ----------
    works : iterable of Work
        READs that come after the same works.
    """
    for (layer, buffer, *_), group in groupby(works, key=_alike):
        pieces = list(group)
        yield pieces[0] if len(pieces) == 1 else _gather(layer, buffer, pieces)


def _alike(work: Work) -> tuple[int, Buffer, *tuple[int, ...]]:
    """What pieces of a GATHER have in common."""
    return work.layer, _local(work).buffer, *_shared(work).values()


def _shared(work: Work) -> dict[str, int]:
    """What is said once for all pieces. A single row has no pitch."""
    fields = work.fields
    several = fields["rows"] > 1
    pitches = {name: fields[name] * several for name in ("remote_pitch", "local_pitch")}
    return dict(rows=fields["rows"]) | pitches


def _local(work: Work) -> Address:
    local = work.fields["local"]
    assert isinstance(local, Address), f"{work} has no place here"
    return local


def _gather(layer: int, buffer: Buffer, reads: list[Work]) -> Work:
    pieces = []
    for work in reads:
        assert work.remote is not None, f"{work} is no READ"
        pieces.append(Piece(work.remote, _local(work).offset, work.fields["row_bytes"]))
    fields = dict(local=Address(buffer), count=len(pieces)) | _shared(reads[0])
    accesses = dict.fromkeys(access for work in reads for access in work.accesses)
    gather = Work(reads[0].stream, RemoteOp.GATHER, layer, fields, tuple(accesses))
    gather.pieces = tuple(pieces)
    gather.after += dict.fromkeys(earlier for work in reads for earlier in work.after)
    return gather
