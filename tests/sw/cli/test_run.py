"""Networks from the command line onto simulated chips, with real simulators."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from intarsia import golden
from intarsia.cli import main
from intarsia.digits import MODEL, data
from intarsia.runtime import session

pytestmark = pytest.mark.system

CHIPS = ["--chips", "2", "--config", "tiny"]
KEYS = [
    "model",
    "mode",
    "chips",
    "config",
    "partition",
    "inferences",
    "cycles",
    "macs",
    "utilization",
    "link_bytes",
    "host_accesses",
    "wall_s",
    "chip_cycles_per_s",
    "mismatches",
    "output_sha256",
    "atu",
    "layers",
]
LAYER_KEYS = ["name", "op", "device", "cycles", "macs", "utilization", "chips"]


def leave(*arguments):
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    return leaving.value.code or 0


@pytest.fixture
def images(tmp_path):
    pictures, _ = data.held_out()
    np.save(tmp_path / "x.npy", pictures[:2])
    return tmp_path / "x.npy"


def test_output_is_what_the_model_returns(tmp_path, images, capsys):
    folder = tmp_path / "new" / "folder"
    files = ["--input", images, "--output", folder / "y.npy", "--json", folder / "r.json"]
    assert leave("run", MODEL, *CHIPS, "--check", *files) == 0
    onnx = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    (expected,) = onnx.run(None, {"images": np.load(images)})
    output = np.load(folder / "y.npy")
    np.testing.assert_array_equal(output, np.asarray(expected))

    report = json.loads((folder / "r.json").read_text())
    assert set(KEYS) <= set(report)
    assert all(set(LAYER_KEYS) <= set(layer) for layer in report["layers"])
    assert (report["inferences"], report["chips"], report["mismatches"]) == (2, 2, 0)
    assert report["mode"] == "onnx"
    assert report["output_sha256"] == hashlib.sha256(output.tobytes()).hexdigest()
    assert 0 < report["utilization"] < 1
    assert "fine.first" in capsys.readouterr().out


def test_random_input_is_seeded(tmp_path):
    digests = []
    for seed in (5, 5, 6):
        assert leave("run", MODEL, *CHIPS, "--seed", seed, "--json", tmp_path / "r.json") == 0
        report = json.loads((tmp_path / "r.json").read_text())
        assert report["mismatches"] is None
        digests.append((report["output_sha256"], report["cycles"]))
    assert digests[0] == digests[1]
    assert digests[0][0] != digests[2][0]


@pytest.mark.parametrize("mode", ["xnnpack", "tflite"])
def test_mode_can_be_chosen(tmp_path, mode):
    json_path = tmp_path / "r.json"
    assert leave("run", MODEL, *CHIPS, "--mode", mode, "--check", "--json", json_path) == 0
    assert json.loads(json_path.read_text())["mode"] == mode


def test_mismatch_is_counted_and_told_by_the_exit_code(tmp_path, monkeypatch):
    def wrong(*arguments):
        return {name: value ^ 1 for name, value in golden.evaluate(*arguments).items()}

    monkeypatch.setattr(session, "evaluate", wrong)
    assert leave("run", MODEL, *CHIPS, "--check", "--json", tmp_path / "r.json") == 1
    assert json.loads((tmp_path / "r.json").read_text())["mismatches"] == 10


def test_demo_leaves_its_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert leave("demo", "--images", "3", *CHIPS) == 0
    report = json.loads(Path("build/demo.json").read_text())
    assert set(KEYS) <= set(report)
    assert (report["inferences"], report["mismatches"]) == (3, 0)
    assert report["accuracy"] == 1.0
