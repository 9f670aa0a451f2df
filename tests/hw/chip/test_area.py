"""Cells that yosys counts become an area per block, which is held against the budget."""

import pytest

from intarsia.chip.area import BUDGETS, GLUE, Area, Budget, areas, exceeded, total

#: As `stat -json` writes it, but for wires.
MODULES = {
    "\\chip": {
        "num_cells": 10,
        "num_cells_by_type": {"LUT4": 3, "chip.b": 1, "chip.a": 1, "TRELLIS_FF": 5},
    },
    "\\chip.a": {
        "num_cells": 33,
        "num_cells_by_type": {
            "$scopeinfo": 7,
            "CCU2C": 4,
            "L6MUX21": 1,
            "LUT4": 10,
            "PFUMX": 3,
            "TRELLIS_DPR16X4": 2,
            "TRELLIS_FF": 6,
        },
    },
    "\\chip.b": {
        "num_cells": 8,
        "num_cells_by_type": {"DP16KD": 4, "MULT18X18D": 1, "chip.b.part": 3},
    },
    "\\chip.b.part": {"num_cells": 2, "num_cells_by_type": {"LUT4": 1, "MULT18X18D": 1}},
}


def test_areas_of_blocks_include_what_is_inside():
    assert areas(MODULES, "chip") == {
        "a": Area(LUT4=10 + 2 * 4 + 6 * 2, FF=6),
        "b": Area(LUT4=3, MULT18X18D=1 + 3, DP16KD=4),
        GLUE: Area(LUT4=3, FF=5),
    }


def test_total_is_the_chip():
    assert total(areas(MODULES, "chip").values()) == Area(LUT4=36, FF=11, MULT18X18D=4, DP16KD=4)


def test_blocks_are_found_where_they_are():
    modules = {
        "\\top": {"num_cells_by_type": {"top.chip.conv": 1}},
        "\\top.chip.conv": {"num_cells_by_type": {"LUT4": 2}},
    }
    assert areas(modules, "top") == {"conv": Area(LUT4=2), GLUE: Area()}


def test_unknown_cells_are_not_free():
    with pytest.raises(ValueError, match="top has 2 cells ALU54B, whose cost is unknown"):
        areas({"\\top": {"num_cells_by_type": {"LUT4": 1, "ALU54B": 2}}}, "top")


@pytest.mark.parametrize(
    ("used", "lines"),
    [
        (Area(LUT4=54_365, MULT18X18D=116, DP16KD=166), []),
        (Area(), []),
        (Area(LUT4=54_366), ["LUT4: 54,366 of 83,640 is 65.0%, and must be under 65%"]),
        (Area(MULT18X18D=117), ["MULT18X18D: 117 of 156 is 75.0%, and must be under 75%"]),
        (
            Area(LUT4=90_000, DP16KD=167),
            [
                "LUT4: 90,000 of 83,640 is 107.6%, and must be under 65%",
                "DP16KD: 167 of 208 is 80.3%, and must be under 80%",
            ],
        ),
    ],
    ids=["fits", "nothing", "luts", "multipliers", "both"],
)
def test_what_exceeds_the_budget_is_named(used, lines):
    assert exceeded(used, BUDGETS) == lines


def test_budget_is_what_must_not_be_reached():
    budgets = [Budget("FF", 10, 0.5)]
    assert not exceeded(Area(FF=4), budgets)
    assert exceeded(Area(FF=5), budgets)
