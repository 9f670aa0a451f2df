"""The critical path is that of the slowest clock, told apart by blocks."""

import pytest

from intarsia.board.paths import OUTSIDE, block_of, fmax, worst_path

BLOCKS = ["chip.chip.conv", "chip.chip.conv.array", "chip.chip.memory", "out0"]


def step(kind, delay, source, sink):
    return {"type": kind, "delay": delay, "from": {"cell": source}, "to": {"cell": sink}}


WITHIN = {
    "from": "posedge clk",
    "to": "posedge clk",
    "path": [
        step("clk-to-q", 0.5, "chip.chip.conv.a", "chip.chip.conv.a"),
        step("routing", 1.0, "chip.chip.conv.a", "chip.chip.conv.b"),
        step("logic", 0.25, "chip.chip.conv.b", "chip.chip.conv.b"),
        step("routing", 2.0, "chip.chip.conv.b", "chip.chip.memory.c"),
        step("logic", 0.25, "chip.chip.memory.c", "chip.chip.memory.c"),
        step("routing", 0.5, "chip.chip.memory.c", "chip.chip.conv.d"),
        step("setup", 0.25, "chip.chip.conv.d", "chip.chip.conv.d"),
    ],
}
SHORTER = {
    "from": "posedge clk",
    "to": "posedge clk",
    "path": [step("clk-to-q", 1.0, "out0.x", "out0.x")],
}
FROM_PIN = {
    "from": "<async>",
    "to": "posedge clk",
    "path": [step("routing", 99.0, "button", "held")],
}
REPORT = {
    "fmax": {"clk": {"achieved": 31.5, "constraint": 80}, "slow": {"achieved": 20.5}},
    "critical_paths": [FROM_PIN, SHORTER, WITHIN],
}


def test_the_slowest_clock_counts():
    assert fmax(REPORT) == 20.5


def test_cells_belong_to_the_innermost_block():
    assert block_of("chip.chip.conv.array.x", BLOCKS) == "array"
    assert block_of("chip.chip.conv.arrayed", BLOCKS) == "conv"
    assert block_of("out0.x", BLOCKS) == "out0"
    assert block_of("out01.x", BLOCKS) == OUTSIDE


def test_a_path_is_cut_where_it_leaves_a_block():
    path = worst_path(REPORT, BLOCKS)
    assert (path.first, path.last) == ("chip.chip.conv.a", "chip.chip.conv.d")
    assert [part.block for part in path.stretches] == ["conv", "memory", "conv"]
    assert [part.levels for part in path.stretches] == [2, 1, 0]
    assert [part.logic for part in path.stretches] == [0.75, 0.25, 0.25]
    assert [part.routing for part in path.stretches] == [1.0, 2.0, 0.5]
    assert path.delay == 4.75


def test_paths_from_pins_are_not_waited_for():
    with pytest.raises(ValueError, match="no path from register to register"):
        worst_path({"critical_paths": [FROM_PIN]}, BLOCKS)
