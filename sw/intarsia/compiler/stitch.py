"""Stitches: what lies on several nodes is put together in one buffer by one instruction."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from intarsia.compiler.work import Address, Buffer, Piece, Work
from intarsia.isa.instruction import RemoteOp

__all__ = ["stitched"]


def stitched(works: Iterable[Work]) -> Iterator[Work]:
    """READs, those of them that follow each other into one buffer for one layer as one GATHER.

    Pieces of a GATHER are all under way at once, as far as the remote queue has room, and its
    length is a fraction of that of the READs. Whoever needs a part of what it brings waits for all
    of it.

    Parameters
    ----------
    works : iterable of Work
        READs that come after the same works.
    """
    for (layer, buffer), group in groupby(works, key=_goal):
        pieces = list(group)
        yield pieces[0] if len(pieces) == 1 else _gather(layer, buffer, pieces)


def _goal(work: Work) -> tuple[int, Buffer]:
    return work.layer, _local(work).buffer


def _local(work: Work) -> Address:
    local = work.fields["local"]
    assert isinstance(local, Address), f"{work} has no place here"
    return local


def _gather(layer: int, buffer: Buffer, reads: list[Work]) -> Work:
    pieces = []
    for work in reads:
        assert work.remote is not None, f"{work} is no READ"
        fields = {name: value for name, value in work.fields.items() if name != "local"}
        pieces.append(Piece(work.remote, _local(work).offset, fields))
    accesses = dict.fromkeys(access for work in reads for access in work.accesses)
    fields = dict(local=Address(buffer), count=len(pieces))
    stream = reads[0].stream
    work = Work(stream, RemoteOp.GATHER, layer, fields, tuple(accesses), pieces=tuple(pieces))
    work.after += dict.fromkeys(earlier for read in reads for earlier in read.after)
    return work
