"""Tables add up."""

import csv
from collections import Counter

from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.instruction import Stream
from intarsia.report.booking import Use
from intarsia.report.tables import REST, counters, engines, last_if_none, layers, stalls
from tests.sw.report.recordings import FIRST, RECORDING, SECOND


def test_uses_sum_to_the_cycles_and_cycles_to_the_inference():
    rows = layers(RECORDING).rows
    for row in rows:
        assert sum(row[use.value] for use in Use) == row["cycles"]
    for chip in range(2):
        assert sum(row["cycles"] for row in rows if row["chip"] == chip) == 200


def test_layer_of_a_chip():
    row = layers(RECORDING).rows[0]
    about = {key: row[key] for key in ("chip", "layer", "operator", "device", "cycles", "macs")}
    assert about == dict(chip=0, layer=FIRST, operator="Conv", device="chip", cycles=90, macs=640)
    assert row["utilization"] == 640 / (90 * 16)
    assert row["touched"] == 2 * 128 + 64


def test_transfers_are_those_of_the_chip_and_its_layer():
    moved = {(r["chip"], r["layer"]): (r["read"], r["written"]) for r in layers(RECORDING).rows}
    assert moved == {
        (0, FIRST): (0, 0),
        (0, SECOND): (256, 0),
        (1, FIRST): (128, 0),
        (1, SECOND): (0, 64),
    }


def test_layer_without_cycles_has_no_utilization():
    row = layers(RECORDING).rows[1]
    assert (row["macs"], row["utilization"]) == (0, 0.0)


def test_engines_sum_up_their_instructions():
    rows = {(row["chip"], row["engine"], row["layer"]): row for row in engines(RECORDING).rows}
    row = rows[0, "conv", FIRST]
    assert (row["instructions"], row["under way"], row["first"], row["last"]) == (2, 80, 10, 90)
    assert rows[0, "remote", SECOND]["bytes"] == 256
    assert rows[0, "control", FIRST]["under way"] == 1
    assert (0, "local", SECOND) not in rows


def test_stalls_sum_to_the_inference_for_every_engine():
    rows = stalls(RECORDING).rows
    for row in rows:
        assert sum(row[activity.name.lower()] for activity in Activity) == row["cycles"]
    sums = Counter()
    for row in rows:
        sums[row["chip"], row["engine"]] += row["cycles"]
    assert len(sums) == 2 * len(Stream)
    assert set(sums.values()) == {200}


def test_stalls_of_a_layer():
    first, second, rest = [row for row in stalls(RECORDING).rows if row["engine"] == "conv"][:3]
    assert (first["layer"], first["busy"], first["memory"], first["weights"]) == (FIRST, 70, 6, 9)
    assert (second["layer"], second["number"], second["operands"]) == (SECOND, 1, 20)
    assert (rest["layer"], rest["number"], rest["idle"]) == (REST, None, 80)


def test_what_has_no_layer_comes_last():
    assert sorted([None, 2, 0], key=last_if_none) == [0, 2, None]


def test_activities_sum_to_the_total():
    rows = counters(RECORDING).rows
    assert len(rows) == 2 * len(CounterBank)
    for row in rows:
        assert sum(row[activity.name.lower()] for activity in Activity) == row["total"] == 1230


def test_file_has_a_title_and_the_rows(tmp_path):
    table = layers(RECORDING)
    table.write(tmp_path)
    with (tmp_path / "layers.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert read == [{name: str(value) for name, value in row.items()} for row in table.rows]
