"""Networks from the command line onto simulated chips, with real simulators."""

import hashlib
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnxruntime
import pytest

from intarsia import golden
from intarsia.cli import main
from intarsia.digits import MODEL, data
from intarsia.runtime import setup
from tests.sw.report.timelines import assert_opens, slices

pytestmark = pytest.mark.system

CHIPS = ["--chips", "2", "--config", "tiny"]
KEYS = [
    "model",
    "mode",
    "chips",
    "config",
    "partition",
    "topology",
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
    "restarts",
    "killed",
    "recoveries",
    "failovers",
    "packets",
    "links",
    "atu",
    "layers",
    "rest",
]
LAYER_KEYS = [
    "name",
    "op",
    "device",
    "cycles",
    "macs",
    "utilization",
    "chips",
    "engines",
    "fused",
]


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


def test_faults_are_survived_and_told(tmp_path, images, capsys):
    files = ["--input", images, "--json", tmp_path / "r.json", "--report", tmp_path / "out"]
    spec = "drop=1e-2,kill=chip0@30000,seed=7"
    assert leave("run", MODEL, *CHIPS, "--check", "--faults", spec, *files) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["restarts"], report["killed"], report["mismatches"]) == (1, [0], 0)
    assert report["packets"]["repeated"] > 0
    [recovery] = report["recoveries"]
    assert recovery["lost"] == [0]
    assert 0 < recovery["latency"] < 10_000
    assert "silent" in recovery["cause"]
    printed = capsys.readouterr().out
    assert f"0, noticed within {recovery['latency']:,} cycles" in printed


def test_what_cannot_be_survived_is_one_line(capsys):
    assert leave("run", MODEL, *CHIPS, "--faults", "kill=memory@20000") == 3
    assert "can't reach the memory node" in capsys.readouterr().err.splitlines()[-1]


def test_faults_of_chips_that_are_not_there_are_refused(capsys):
    assert leave("run", MODEL, *CHIPS, "--faults", "kill=chip2@1") == 2
    assert "there is no chip2" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("mode", ["xnnpack", "tflite"])
def test_mode_can_be_chosen(tmp_path, mode):
    json_path = tmp_path / "r.json"
    assert leave("run", MODEL, *CHIPS, "--mode", mode, "--check", "--json", json_path) == 0
    assert json.loads(json_path.read_text())["mode"] == mode


def test_mismatch_is_counted_and_told_by_the_exit_code(tmp_path, monkeypatch):
    def wrong(*arguments):
        return {name: value ^ 1 for name, value in golden.evaluate(*arguments).items()}

    monkeypatch.setattr(setup, "evaluate", wrong)
    assert leave("run", MODEL, *CHIPS, "--check", "--json", tmp_path / "r.json") == 1
    assert json.loads((tmp_path / "r.json").read_text())["mismatches"] == 10


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """What a run of two inferences over two chips leaves."""
    folder = tmp_path_factory.mktemp("recorded")
    pictures, _ = data.held_out()
    np.save(folder / "x.npy", pictures[:2])
    files = ["--trace", folder / "t" / "trace.json", "--report", folder / "r", "--json"]
    leave("run", MODEL, *CHIPS, "--input", folder / "x.npy", *files, folder / "figures.json")
    return folder


def test_trace_opens_and_has_every_chip_at_work(recorded):
    trace = json.loads((recorded / "t" / "trace.json").read_text())
    assert_opens(trace)
    found = slices(trace)
    for chip in range(2):
        for engine in ("control", "conv", "vector", "remote"):
            assert found[f"chip {chip} (tiny)", engine]
        opcodes = {event["args"]["opcode"] for event in found[f"chip {chip} (tiny)", "conv"]}
        assert opcodes == {"CONV"}


def test_trace_has_the_cycles_of_the_report(recorded):
    trace = json.loads((recorded / "t" / "trace.json").read_text())
    figures = json.loads((recorded / "figures.json").read_text())
    found = slices(trace)
    inferences = found["host", "inferences"]
    assert sum(event["dur"] for event in inferences) == figures["cycles"]
    assert len(inferences) == 2
    computing = [
        found[f"chip {chip} (tiny)", engine]
        for chip in range(2)
        for engine in ("conv", "vector", "local")
    ]
    for layer in figures["layers"]:
        total = 0
        for inference in inferences:
            end = inference["ts"] + inference["dur"]
            own = [
                event
                for events in computing
                for event in events
                if event["args"]["layer"] == layer["name"] and inference["ts"] <= event["ts"] < end
            ]
            first = min(event["ts"] for event in own)
            total += max(event["ts"] + event["dur"] for event in own) - first
        assert total // 2 == layer["cycles"]


def test_report_adds_up(recorded):
    everything = json.loads((recorded / "r" / "report.json").read_text())
    begin, end = everything["inferences"][-1]
    for chip in range(2):
        own = [row for row in everything["layers"] if row["chip"] == chip]
        assert sum(row["cycles"] for row in own) == end - begin
        assert sum(row["macs"] for row in own) < (end - begin) * 16
    for row in everything["counters"]:
        assert (
            sum(row[name] for name in row if name not in ("chip", "engine", "total"))
            == (row["total"])
        )
        assert row["idle"] >= 0
    assert "coarse.first" in (recorded / "r" / "index.html").read_text()


def test_engines_were_busy_when_they_had_something_under_way(recorded):
    """Counters, which know nothing of layers, and spans, which know nothing of waiting, agree."""
    everything = json.loads((recorded / "r" / "report.json").read_text())
    trace = json.loads((recorded / "t" / "trace.json").read_text())
    found = slices(trace)
    for row in everything["counters"]:
        if row["engine"] in ("conv", "vector", "local", "remote"):
            events = found[f"chip {row['chip']} (tiny)", row["engine"]]
            under_way = sum(event["dur"] for event in events)
            worked = sum(row[name] for name in ("busy", "weights", "drain", "link"))
            slack = 2 * len(events)  # at the ends of each
            # Some waiting for memory is for instructions, before they begin; some for operands is
            # for what is handed on in a chain, and not for tokens.
            waited = row["memory"] + (row["operands"] if row["engine"] == "vector" else 0)
            assert worked - slack <= under_way <= worked + waited + slack


def test_demo_leaves_its_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert leave("demo", "--images", "3", *CHIPS, "--picture", "new/demo.svg") == 0
    report = json.loads(Path("build/demo.json").read_text())
    assert set(KEYS) <= set(report)
    assert (report["inferences"], report["mismatches"]) == (3, 0)
    assert report["accuracy"] == 1.0
    picture = ElementTree.parse("new/demo.svg").getroot()
    drawn = "".join("".join(picture.itertext()).split())
    assert "intarsiademo--chips2" in drawn
    assert "".join(capsys.readouterr().out.split()) in drawn
