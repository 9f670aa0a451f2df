"""What engines do in each cycle is known by layer, and agrees with what chips count themselves."""

from collections import Counter

import numpy as np
import pytest

from intarsia.cosim.native import NativeError
from intarsia.digits import MODEL, data
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.instruction import Stream
from intarsia.report.tables import stalls
from intarsia.runtime import Session
from tests.system.accounts import assert_accounted

pytestmark = pytest.mark.system

CHIPS = 2

#: Cycles that are remembered, at least.
KEPT = 1 << 16


@pytest.fixture(scope="module")
def run():
    """Three inferences: the session's report and recording, and both ways to count."""
    images, _ = data.held_out()
    with Session(MODEL, chips=CHIPS, config="tiny", record=True) as session:
        for image in images[:3]:
            session.run(image[np.newaxis])
        recording = session.recording()
        fabric = session.fabric
        before = [fabric.activities(chip, fabric.now) for chip in range(CHIPS)]
        counters = session.counters()
        after = [fabric.activities(chip, fabric.now) for chip in range(CHIPS)]
    return session.report, recording, counters, before, after


def test_cycles_of_all_inferences_are_accounted_for(run):
    assert_accounted(run[0])


def test_cycles_of_the_last_one_are_accounted_for_by_chip(run):
    recording = run[1]
    begin, end = recording.inferences[-1]
    sums = Counter()
    for row in stalls(recording).rows:
        sums[row["chip"], row["engine"]] += row["cycles"]
    engines = [(chip, stream.name.lower()) for chip in range(CHIPS) for stream in Stream]
    assert sums == dict.fromkeys(engines, end - begin)


def test_chips_count_the_same(run):
    """What the simulator adds up is what the chips' own counters say; idle ones don't count."""
    *_, counters, before, after = run
    for chip in range(CHIPS):
        for stream in Stream:
            for activity in Activity:
                if activity is not Activity.IDLE:
                    counted = counters[chip][CounterBank(stream.value)][activity]
                    place = stream.value, activity.value
                    assert before[chip][place] == counted == after[chip][place], (chip, place)


def test_layers_multiply_for_as_long_as_they_must(run):
    """The convolution engine is busy for a layer at least as long as its multiplications take."""
    report, recording, *_ = run
    macs = recording.plan.config.macs
    for layer in report["layers"]:
        busy = layer["engines"].get("conv", {"busy": 0})["busy"]
        assert busy >= layer["macs"] * report["inferences"] / macs
        assert (busy > 0) == (layer["macs"] > 0)


def test_what_is_long_past_is_forgotten():
    with Session(MODEL, chips=1, config="tiny") as session:
        fabric = session.fabric
        fabric.run(KEPT)  # until weights are there
        then, settled = fabric.now, fabric.activities(0, fabric.now)
        fabric.run(4 * KEPT)
        now = fabric.now
        counts = fabric.activities(0, now)
        assert counts.sum(axis=1).tolist() == [now] * len(Stream)
        for cycles in (5, KEPT):
            earlier = fabric.activities(0, now - cycles)
            assert ((counts - earlier).sum(axis=1) == cycles).all()
        assert (counts[:, 1:] == settled[:, 1:]).all()
        with pytest.raises(
            NativeError, match=f"activities of chip 0 in cycle {then} are forgotten"
        ):
            fabric.activities(0, then)
