"""Traces have every span of a recording, once, in its place."""

import json

from intarsia.isa.instruction import Stream
from intarsia.report import write_trace
from tests.sw.report.recordings import FIRST, RECORDING, REPORT, SECOND, recording
from tests.sw.report.timelines import assert_opens, slices


def written(made, tmp_path):
    write_trace(made, tmp_path / "new" / "trace.json")
    return json.loads((tmp_path / "new" / "trace.json").read_text())


def test_chips_are_processes_and_streams_threads(tmp_path):
    threads = list(slices(written(RECORDING, tmp_path)))
    streams = [stream.name.lower() for stream in Stream]
    chips = [(f"chip {chip} (tiny)", stream) for chip in range(2) for stream in streams]
    assert threads == [("host", "inferences"), *chips]


def test_slices_are_the_spans(tmp_path):
    found = slices(written(RECORDING, tmp_path))
    for chip in range(2):
        for stream in Stream:
            spans = [s for s in RECORDING.spans if (s.chip, s.stream) == (chip, stream)]
            own = found[f"chip {chip} (tiny)", stream.name.lower()]
            assert [(e["ts"], e["ts"] + e["dur"]) for e in own] == [(s.begin, s.end) for s in spans]
            assert [e["args"]["opcode"] for e in own] == [s.opcode for s in spans]
            assert all(e["cat"] == stream.name.lower() for e in own)


def test_slices_are_named_by_layer_and_opcode(tmp_path):
    found = slices(written(RECORDING, tmp_path))
    first = found["chip 0 (tiny)", "conv"][0]
    assert (first["name"], first["args"]) == (
        f"{FIRST} CONV",
        {"layer": FIRST, "opcode": "CONV"},
    )
    assert found["chip 0 (tiny)", "vector"][0]["args"] == {
        "layer": SECOND,
        "opcode": "ADD",
        "busy": 15,
        "memory": 5,
    }
    write, unfinished = found["chip 1 (tiny)", "remote"]
    assert write["args"]["bytes"] == 64
    assert unfinished["args"]["complete"] is False


def test_inferences_have_a_thread(tmp_path):
    own = slices(written(RECORDING, tmp_path))["host", "inferences"]
    assert [(e["name"], e["ts"], e["dur"]) for e in own] == [
        ("inference 0", 400, 100),
        ("inference 1", 1000, 200),
    ]


def test_trace_opens(tmp_path):
    assert_opens(written(RECORDING, tmp_path))


def test_engines_at_work_are_counted_without_the_control_stream(tmp_path):
    counts = [
        (event["ts"], event["args"]["engines"])
        for event in written(RECORDING, tmp_path)["traceEvents"]
        if event["ph"] == "C" and event["pid"] == 2
    ]
    assert counts == [
        (410, 1),
        (460, 0),
        (1010, 1),
        (1050, 2),
        (1080, 3),
        (1090, 2),
        (1100, 1),
        (1130, 0),
    ]


def test_trace_says_what_it_is_of(tmp_path):
    about = written(RECORDING, tmp_path)["otherData"]
    assert about["unit"] == "1 us is 1 cycle, from reset"
    assert {key: about[key] for key in ("model", "mode", "config", "chips")} == {
        key: REPORT[key] for key in ("model", "mode", "config", "chips")
    }


def test_slower_machine_gives_the_same_bytes(tmp_path):
    write_trace(RECORDING, tmp_path / "a.json")
    write_trace(recording(report=REPORT | {"wall_s": 99.0}), tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
