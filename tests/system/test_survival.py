"""Networks survive what links, chips and memories do, exactly; what can't be survived is named.

Times and places are drawn from seeds. Only a few are tried; ``python -m tests.soak`` tries more.
"""

import re

import numpy as np
import pytest

from intarsia.digits import MODEL, data
from intarsia.driver.errors import SystemLostError
from intarsia.graph import Mode
from intarsia.runtime import Session
from tests.inputs import goldens
from tests.soak.survival import deaths, flips

pytestmark = pytest.mark.system

CHIPS, IMAGES = 3, 3
RESNET = "resnet8_cifar10_int8"

#: Cycles within which the driver must notice that a node has died.
LATENCY = 1_000_000


def infer(faults, count=IMAGES, replicas=1):
    """Report of some inferences of digits, whose outputs are all right."""
    images, _ = data.held_out()
    with Session(MODEL, chips=CHIPS, config="tiny", replicas=replicas, faults=faults) as session:
        session.run(images[:count], check=True)
        report = session.report
    assert report["mismatches"] == 0
    assert report["inferences"] == count
    for recovery in report["recoveries"]:
        # None, where something else failed before chips were started again.
        resumed = recovery["resumed"] or recovery["noticed"] + 1
        assert recovery["noticed"] < resumed < recovery["noticed"] + LATENCY
        if recovery["lost"]:
            assert 0 < recovery["latency"] < LATENCY
    return report


@pytest.fixture(scope="module")
def clean():
    """What it takes without faults."""
    report = infer("")
    assert (report["restarts"], report["killed"], report["recoveries"]) == (0, [], [])
    assert report["packets"] == {"repeated": 0, "damaged": 0}
    return report


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("chip", range(CHIPS))
def test_a_chip_dies(chip, seed, clean):
    """While programs are written, weights loaded, layers computed, or nothing done at all."""
    report = infer(f"kill=chip{chip}@1..60000,seed={seed}")
    assert report["killed"] == [chip]
    assert report["restarts"] == 1
    assert report["output_sha256"] == clean["output_sha256"]


def test_a_chip_is_cut_off():
    assert infer("cut=chip1@30000")["killed"] == [1]


def test_a_ring_is_routed_round():
    """Its neighbors notice; packets go the other way."""
    images, _ = data.held_out()
    faults = "kill=chip1@60000"
    with Session(MODEL, chips=4, config="tiny", topology="ring", faults=faults) as session:
        session.run(images[:3], check=True)
        report = session.report
    assert (report["killed"], report["restarts"], report["mismatches"]) == ([1], 1, 0)


def test_two_chips_die_at_once():
    report = infer("kill=chip0@30000,kill=chip1@30000")
    assert report["killed"] == [0, 1]
    assert report["restarts"] == 1


def test_a_chip_dies_while_others_recover():
    """The second one in the middle of the roll call that the first one has caused."""
    report = infer("kill=chip2@30000,kill=chip0@45000")
    assert sorted(report["killed"]) == [0, 2]


def test_everything_at_once():
    report = infer("ber=1e-6,drop=1e-3,kill=chip1@40000,sram_flip=20@1000..60000,seed=4")
    assert report["killed"] == [1]
    assert report["packets"]["repeated"] > 0


@pytest.mark.parametrize("memory", ["memory", "memory1"])
def test_a_memory_node_dies(memory, clean):
    """Programs go on with the replicas of their weights."""
    report = infer(f"kill={memory}@15000..40000", replicas=2)
    assert report["restarts"] == 0
    [failover] = report["failovers"]
    assert report["killed"] == [failover["node"]]
    assert failover["latency"] < LATENCY
    assert report["output_sha256"] == clean["output_sha256"]


@pytest.mark.parametrize("order", [("memory", "memory1"), ("memory1", "memory")])
def test_replicas_are_made_anew(order, clean):
    """While chips go on; so the other memory node may die as well."""
    first, second = order
    report = infer(f"kill={first}@20000,kill={second}@150000", replicas=2, count=8)
    assert report["killed"] == [{"memory": 32, "memory1": 34}[name] for name in order]
    assert report["restarts"] == 0
    before, after = report["failovers"]
    assert before["noticed"] < before["restored"] < after["noticed"]
    assert after["restored"] is None


def test_replicas_are_lost_before_there_are_others():
    """The second memory node dies while its content is copied: all begins anew, from the host."""
    report = infer("kill=memory@20000,kill=memory1@30000", replicas=2)
    assert report["killed"] == [32, 34]
    assert report["restarts"] == 1
    assert all(each["restored"] is None for each in report["failovers"])


def test_a_memory_node_and_a_chip_die():
    report = infer("kill=memory@30000,kill=chip2@30000", replicas=2)
    assert sorted(report["killed"]) == [2, 32]


def test_equal_seeds_give_equal_histories():
    def history(seed):
        report = infer(f"drop=1e-3,kill=chip1@20000..30000,seed={seed}", count=2)
        return report["cycles"], report["recoveries"], report["packets"]

    assert history(5) == history(5) != history(6)


def test_bits_flip_in_memories():
    """200 of them, in programs, weights, activations and nowhere; each is found or harmless."""
    report = infer("sram_flip=200@5000..600000,seed=3", count=10)
    assert report["restarts"] > 10
    causes = "\n".join(recovery["cause"] for recovery in report["recoveries"])
    assert causes.count("PARITY") == report["restarts"]


@pytest.mark.parametrize("chip", range(CHIPS))
def test_a_chip_loses_its_mind(chip):
    """One that was reset by somebody else does nothing; all begin anew."""
    images, _ = data.held_out()
    with Session(MODEL, chips=CHIPS, config="tiny") as session:
        session.run(images[:1], check=True)
        session.fabric.reset(chip)
        before = session.fabric.now
        session.run(images[:2], check=True)
        assert session.report["mismatches"] == 0
        [recovery] = session.report["recoveries"]
        assert recovery["lost"] == []
        assert recovery["noticed"] - before < LATENCY


LOST = {
    "all-chips": ("kill=chip0@30000,kill=chip1@50000,kill=chip2@70000", "No chip is left"),
    "memory": ("kill=memory@30000", "can't reach the memory node"),
    "memory-cut": ("cut=memory@30000", "can't reach the memory node"),
    "host": ("cut=host@30000", "the link is dead"),
}


@pytest.mark.parametrize(("faults", "message"), LOST.values(), ids=LOST)
def test_what_cannot_be_survived_is_named(faults, message):
    images, _ = data.held_out()
    with Session(MODEL, chips=CHIPS, config="tiny", faults=faults) as session:
        with pytest.raises(SystemLostError, match=message) as error:
            session.run(np.repeat(images[:1], 20, axis=0))
        assert "\n" not in str(error.value)
        last = max(int(cycle) for cycle in re.findall(r"@(\d+)", faults))
        assert session.fabric.now - last < LATENCY


def test_resnet(inputs_folder):
    """Over 4 chips, with a death, lost and damaged packets and flipped bits."""
    x, expected = goldens(inputs_folder, RESNET, Mode.XNNPACK)
    model = inputs_folder / "models" / f"{RESNET}.tflite"
    faults = "ber=1e-7,drop=1e-4,kill=chip2@1..120000,sram_flip=100@1..120000,seed=0"
    with Session(model, chips=4, faults=faults) as session:
        outputs = session.run(x[:2])
        report = session.report
    np.testing.assert_array_equal(outputs.reshape(2, -1), expected[:2])
    assert report["killed"] == [2]
    assert report["restarts"] >= 1


def test_resnet_survives_deaths(inputs_folder):
    """Of each chip, at any time, over links that lose packets; ``make soak`` tries 20 times."""
    found = [finding for _, finding in deaths(1, seed=3) if finding is not None]
    assert [finding.what for finding in found if not finding.passed] == []
    assert sum(finding.figures["restarts"] for finding in found) >= 3


def test_bits_flip_under_resnet(inputs_folder):
    """200 of them; ``make soak`` does it with more seeds."""
    [(_, finding)] = flips(200, 1, seed=2)
    assert finding is not None
    assert finding.passed, finding
    assert finding.figures["restarts"] >= 1
