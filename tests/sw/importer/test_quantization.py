"""Scales are checked, shared and joined; bounds are rounded as each format rounds them."""

import numpy as np
import pytest

from intarsia.importer import ModelError
from intarsia.importer.quantization import Quantization, QuantizationCell, clamp, signed

ONE = Quantization(np.float32(0.5), 3)
OTHER = Quantization(np.float32(0.25), 3)


def test_unsigned_is_shifted():
    values = np.array([0, 128, 255], np.uint8)
    assert signed(values, "x").tolist() == [-128, 0, 127]
    assert signed(values, "x").dtype == np.int8
    assert Quantization.of(np.float32([0.5]), np.uint8([131]), "x") == ONE


@pytest.mark.parametrize(
    ("scale", "zero", "message"),
    [
        (np.float32([0.5, 1]), np.int8([0, 0]), "x has 2 scales"),
        (np.float64([0.5]), np.int8([0]), "x has a scale of type float64"),
        (np.float32([-1]), np.int8([0]), r"x has scale -1\.0: it must be positive and finite"),
        (np.float32([np.inf]), np.int8([0]), "x has scale inf"),
        (np.float32([0.5]), np.int16([0]), "x is of type int16"),
    ],
)
def test_refused(scale, zero, message):
    with pytest.raises(ModelError, match=message):
        Quantization.of(scale, zero, "x")


def test_a_cell_is_bound_once():
    cell = QuantizationCell()
    cell.bind(ONE, "a")
    cell.bind(ONE, "b")
    with pytest.raises(ModelError, match=r"c: scale 0\.25, zero point 3 here, but scale 0\.5"):
        cell.bind(OTHER, "c")


def test_joined_cells_agree_whoever_is_bound():
    cells = [QuantizationCell() for _ in range(4)]
    cells[0].join(cells[1], "a")
    cells[2].join(cells[3], "a")
    cells[0].join(cells[3], "a")
    cells[3].join(cells[0], "a")
    cells[1].bind(ONE, "a")
    assert all(cell.value == ONE for cell in cells)


def test_joining_different_cells_is_refused():
    with pytest.raises(ModelError, match="requantization"):
        QuantizationCell(ONE).join(QuantizationCell(OTHER), "a")


def test_bounds():
    assert clamp(-np.inf, np.inf, ONE, half="even") == (-128, 127)
    assert clamp(0, 6, ONE, half="even") == (3, 15)
    assert clamp(-1000, 1000, ONE, half="even") == (-128, 127)
    assert clamp(-1.25, 1.25, ONE, half="even") == (1, 5)
    assert clamp(-1.25, 1.25, ONE, half="away") == (0, 6)
