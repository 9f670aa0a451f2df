"""Sections that go through many cases tell all of them, and which failed."""

from contextlib import nullcontext

import pytest

from intarsia.compiler.errors import CompileError
from tests.soak import layers as layers_section
from tests.soak import shapes as shapes_section
from tests.soak.__main__ import main
from tests.system import blocks
from tests.system.layers import made_up_layer


def told(findings):
    """Findings without the progress between them; parts only grow, and end with 1."""
    found, last = [], 0.0
    for part, finding in findings:
        assert last <= part <= 1
        last = part
        if finding is not None:
            found.append(finding)
    assert last == 1
    return found


@pytest.fixture
def layer_seeds(monkeypatch):
    """Seeds of layers that were run; that of seed 1,000,077 fails."""
    seen = []

    def complaint(_, layer):
        seen.append(layer.seed)
        return "wrong" if layer.seed == 1_000_077 else ""

    monkeypatch.setattr(layers_section, "Chips", lambda *_: nullcontext())
    monkeypatch.setattr(blocks, "complaint", complaint)
    monkeypatch.setattr(layers_section, "layer_of", lambda seed: made_up_layer(seed, 4000))
    return seen


def test_layers_are_run_once_each_by_block(layer_seeds):
    found = told(layers_section.layers(120, seed=1, first=30))
    assert layer_seeds == list(range(30, 150))
    assert [(finding.run, finding.figures["of"]) for finding in found] == [
        (30, 20),
        (50, 50),
        (100, 50),
    ]
    assert all(finding.passed for finding in found)


def test_layer_without_room_is_run_elsewhere(layer_seeds, monkeypatch):
    """The compiler's refusal is no reason to leave it out; what is wrong there is told."""
    run = []

    def complaint(chips, layer):
        run.append((layer.seed, chips))
        if chips != blocks.ROOMY and layer.seed in (253, 255):
            raise CompileError("no room")
        return "wrong" if layer.seed == 255 else ""

    for module in (layers_section, blocks):
        monkeypatch.setattr(module, "Chips", lambda *names: nullcontext(names))
    monkeypatch.setattr(blocks, "complaint", complaint)
    failed, block = told(layers_section.layers(8, seed=1, first=250))
    assert len(run) == 10
    assert (failed.run, failed.passed) == (255, False)
    assert (block.figures["elsewhere"], block.figures["exact"], block.figures["of"]) == (2, 7, 8)


def test_layer_that_failed_is_named_and_can_be_run_alone(layer_seeds):
    failed, block = told(layers_section.layers(20, seed=2, first=70))
    assert (failed.run, failed.what, failed.passed) == (77, "wrong", False)
    assert (block.run, block.figures["exact"], block.passed) == (70, 19, False)
    layer_seeds.clear()
    told(layers_section.layers(10_000, seed=2, only=failed.run))
    assert layer_seeds == [1_000_077]


@pytest.fixture
def pairs(monkeypatch):
    """Pairs of channels that were run; 3 to 5 is slow, and 3 to 6 wrong."""
    seen = []

    def part(_, number):
        seen.append(shapes_section._channels(number))
        return {(3, 5): 0.7, (3, 6): 0.0}.get(seen[-1], 0.75)

    monkeypatch.setattr(shapes_section, "Chips", lambda *_: nullcontext())
    monkeypatch.setattr(shapes_section, "_part", part)
    return seen


def test_shapes_are_all_pairs(pairs):
    found = told(shapes_section.shapes())
    assert pairs == [(depth, channels) for depth in range(1, 65) for channels in range(1, 65)]
    by_depth = [finding for finding in found if finding.figures]
    assert [finding.run for finding in by_depth] == list(range(0, 64 * 64, 64))
    assert [finding.run for finding in by_depth if not finding.passed] == [128]


def test_shapes_that_failed_are_named_and_can_be_run_alone(pairs):
    slow, wrong, row, *_ = told(shapes_section.shapes(first=128))
    assert (slow.what, wrong.what) == ("3 to 5: 70.0% of best", "3 to 6: bytes differ")
    assert (row.figures["passed"], row.figures["least"], row.figures["at"]) == (
        62,
        "0.0%",
        "3 to 6",
    )
    pairs.clear()
    [again, _] = told(shapes_section.shapes(only=slow.run))
    assert again == slow
    assert pairs == [(3, 5)]


def test_command_says_how_to_see_a_failure_again(pairs, tmp_path, capsys):
    assert main(["shapes", "--only", "132", "--out", str(tmp_path)]) == 1
    assert "python -m tests.soak shapes --seed 1 --only 132" in " ".join(
        capsys.readouterr().out.split()
    )
    assert "3 to 5: 70.0% of best" in (tmp_path / "soak.md").read_text()
