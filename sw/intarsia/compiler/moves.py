"""Moves of boxes between two places, as rows of bytes."""

from collections.abc import Iterator
from dataclasses import dataclass

from intarsia.compiler.storage import Grid

__all__ = ["Move", "moves"]


@dataclass(frozen=True)
class Move:
    """One transfer: ``rows`` rows of ``row_bytes``, each side with its start and pitch."""

    source: int
    target: int
    rows: int
    row_bytes: int
    source_pitch: int
    target_pitch: int


def moves(source: Grid, target: Grid, rows: int, columns: int, channels: int) -> Iterator[Move]:
    """As few transfers as bring `rows` x `columns` pixels of `channels` bytes over."""
    dense = all(side.pixel_step == channels or columns == 1 for side in (source, target))
    line = columns * channels
    if dense and (rows == 1 or source.row_step == target.row_step == line):
        yield Move(source.offset, target.offset, 1, rows * line, rows * line, rows * line)
    elif dense:
        steps = source.row_step, target.row_step
        yield Move(source.offset, target.offset, rows, line, *steps)
    else:
        together = all(side.row_step == columns * side.pixel_step for side in (source, target))
        steps = source.pixel_step, target.pixel_step
        for row in range(1 if together else rows):
            starts = source.offset + row * source.row_step, target.offset + row * target.row_step
            yield Move(*starts, rows * columns if together else columns, channels, *steps)
