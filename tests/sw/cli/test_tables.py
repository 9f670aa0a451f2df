import io
import json

import pytest
from rich.console import Console

from intarsia.cli.tables import layers, summary, write

REPORT = {
    "model": "some/where/digits_int8.onnx",
    "mode": "onnx",
    "chips": 2,
    "config": "large",
    "partition": "auto",
    "topology": "star",
    "inferences": 4,
    "cycles": 40_000,
    "macs": 2_684_160,
    "utilization": 0.131,
    "link_bytes": 8_000,
    "host_accesses": 12,
    "wall_s": 3.25,
    "chip_cycles_per_s": 312_345.6,
    "mismatches": 0,
    "output_sha256": "00",
    "restarts": 0,
    "killed": [],
    "recoveries": [],
    "failovers": [],
    "packets": {"repeated": 0, "damaged": 0},
    "links": [{"repeats": 0, "damaged": 0}] * 2,
    "atu": [
        {"working_set": 7, "entries": 256, "hits": 90, "misses": 9, "later_hit_rate": 1.0},
        {"working_set": 9, "entries": 256, "hits": 93, "misses": 9, "later_hit_rate": 0.992},
    ],
    "layers": [
        {
            "name": "stem",
            "op": "Conv",
            "device": "chip",
            "cycles": 1234,
            "macs": 9216,
            "utilization": 0.25,
            "chips": [6912, 2304],
            "fused": "",
        },
        {
            "name": "sum",
            "op": "Add",
            "device": "chip",
            "cycles": 0,
            "macs": 0,
            "utilization": 0.0,
            "chips": [0, 0],
            "fused": "stem",
        },
        {
            "name": "softmax",
            "op": "Softmax",
            "device": "host",
            "cycles": 0,
            "macs": 0,
            "utilization": 0.0,
            "chips": [0, 0],
            "fused": "",
        },
    ],
}


def rows(table):
    """What is printed, cell by cell."""
    console = Console(width=120, file=io.StringIO())
    with console.capture() as capture:
        console.print(table)
    lines = [line.strip("│┃ ") for line in capture.get().splitlines()]
    return [[cell.strip() for cell in line.split("│")] for line in lines if "│" in line]


@pytest.mark.parametrize(
    ("title", "value"),
    [
        ("network", "digits_int8.onnx, mode onnx"),
        ("chips", "2 x large, star, partition auto"),
        ("bytes unlike the golden model's", "0"),
        ("cycles per inference", "10,000"),
        ("MACs per inference", "671,040"),
        ("MAC utilization", "13.1%"),
        ("bytes over links per inference", "2,000"),
        ("fragments a chip uses, ATU entries", "9, 256"),
        ("ATU hits from the second inference on", "99.2%"),
        ("simulated chip-cycles per second", "312,346"),
        ("wall time", "3.2 s"),
        ("accuracy", "98.0%"),
    ],
)
def test_summary(title, value):
    assert [title, value] in rows(summary(REPORT, accuracy="98.0%"))


def test_summary_tells_unchecked_from_right():
    unchecked = summary(REPORT | {"mismatches": None})
    assert ["bytes unlike the golden model's", "not checked"] in rows(unchecked)


def test_layers_show_what_each_chip_did():
    assert rows(layers(REPORT)) == [
        ["stem", "Conv", "chip", "1,234", "9,216", "25.0%", "75% 25%"],
        ["sum", "Add, fused into stem", "chip", "0", "0"],
        ["softmax", "Softmax", "host", "0", "0"],
    ]


def test_json_is_the_report(tmp_path):
    path = tmp_path / "new" / "report.json"
    write(REPORT, path)
    assert json.loads(path.read_text()) == REPORT


def test_what_was_survived_is_told():
    report = REPORT | {
        "restarts": 1,
        "killed": [1, 32],
        "recoveries": [{"latency": 6_592}],
        "failovers": [{"latency": 6_720}],
        "packets": {"repeated": 7, "damaged": 2},
        "links": [{"repeats": 1, "damaged": 0}, {"repeats": 2, "damaged": 3}],
    }
    told = rows(summary(report))
    assert ["packets damaged, sent again", "5, 10"] in told
    assert ["restarts", "1"] in told
    assert ["nodes lost", "1, 32, noticed within 6,720 cycles"] in told
    assert not [row for row in rows(summary(REPORT)) if row[0] in ("restarts", "nodes lost")]
