"""READs and WRITEs that bring boxes of activations from node to node."""

from collections.abc import Iterator

from intarsia.compiler.boxes import Box
from intarsia.compiler.moves import moves
from intarsia.compiler.storage import Holding, Stored, dense_grid
from intarsia.compiler.work import Access, Address, Remote, Work
from intarsia.isa.instruction import RemoteOp, Stream

__all__ = ["reads", "writes"]


def reads(layer: int, name: tuple, outer: Box, holding: Holding, box: Box) -> Iterator[Work]:
    """READs of `box`, into where `holding` gathers it, from a fragment that holds `outer`.

    Parameters
    ----------
    layer : int
        Who needs it.
    name : tuple
        What the fragment is; see :class:`~intarsia.compiler.work.Remote`.
    outer, box : Box
        The fragment is dense.
    holding : Holding
        Of the chip that reads.
    """
    target = holding.gathered
    assert target is not None, f"Nobody gathers {box}"
    source, into = dense_grid(outer, target.width, box), target.grid(box)
    write = Access(target.buffer, box, write=True)
    for move in moves(source, into, box.rows, target.width, box.channels):
        fields = dict(
            local=Address(target.buffer, move.target),
            row_bytes=move.row_bytes,
            rows=move.rows,
            remote_pitch=move.source_pitch,
            local_pitch=move.target_pitch,
        )
        remote = Remote(name, move.source)
        yield Work(Stream.REMOTE, RemoteOp.READ, layer, fields, (write,), remote)


def writes(layer: int, name: tuple, outer: Box, part: Stored, box: Box) -> Iterator[Work]:
    """WRITEs of `box` of `part` into a fragment that holds `outer`; otherwise as :func:`reads`."""
    source, into = part.grid(box), dense_grid(outer, part.width, box)
    read = Access(part.buffer, box, write=False)
    for move in moves(source, into, box.rows, part.width, box.channels):
        fields = dict(
            local=Address(part.buffer, move.source),
            row_bytes=move.row_bytes,
            rows=move.rows,
            remote_pitch=move.target_pitch,
            local_pitch=move.source_pitch,
        )
        remote = Remote(name, move.target)
        yield Work(Stream.REMOTE, RemoteOp.WRITE, layer, fields, (read,), remote)
