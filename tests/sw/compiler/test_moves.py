"""Moves bring every byte of a box to its place, in as few transfers as the places allow."""

import numpy as np
import pytest

from intarsia.compiler.moves import moves
from intarsia.compiler.storage import Grid
from intarsia.model.transfer import Rows, gather, scatter

#: Rows, columns, channels; both grids; transfers needed.
CASES = {
    "dense": ((3, 4, 5), Grid(7, 20, 5), Grid(9, 20, 5), 1),
    "rows-with-gaps": ((3, 4, 5), Grid(7, 20, 5), Grid(9, 33, 5), 1),
    "pixels-with-gaps": ((3, 4, 5), Grid(7, 20, 5), Grid(9, 28, 7), 1),
    "one-row-of-many": ((1, 4, 5), Grid(7, 99, 5), Grid(9, 28, 5), 1),
    "one-column": ((3, 1, 5), Grid(7, 50, 8), Grid(9, 12, 6), 1),
    "both-gaps": ((3, 4, 5), Grid(7, 30, 7), Grid(9, 28, 7), 3),
}


@pytest.mark.parametrize("case", CASES)
def test_moves_every_byte(case):
    (rows, columns, channels), source, target, count = CASES[case]
    here = np.random.default_rng(0).integers(1, 256, 200).astype(np.uint8)
    there = np.zeros(200, np.uint8)
    expected = there.copy()
    for row, column, channel in np.ndindex(rows, columns, channels):
        byte = here[source.offset + row * source.row_step + column * source.pixel_step + channel]
        place = target.offset + row * target.row_step + column * target.pixel_step + channel
        expected[place] = byte
    found = list(moves(source, target, rows, columns, channels))
    for move in found:
        moved = gather(here, Rows(move.source, move.rows, move.row_bytes, move.source_pitch))
        scatter(there, Rows(move.target, move.rows, move.row_bytes, move.target_pitch), moved)
    assert (there == expected).all()
    assert len(found) == count
