"""Whatever the topology and its faults: packets arrive once, in order, with all of their bytes."""

import random
from contextlib import closing

import pytest

from intarsia.cosim.faults import Faults
from intarsia.cosim.traffic import Load, Traffic
from intarsia.isa.config import config
from intarsia.isa.faults import FaultCode
from intarsia.isa.topologies import topology
from tests.soak.links import FLIT_BITS, FLIT_ERRORS, soak

FAULTS = {
    "clean": Faults(),
    "faulty": Faults(ber=FLIT_ERRORS / FLIT_BITS, drop=2e-3, seed=5),
}

SYSTEMS = {
    "pair": ("large", 2),
    "star": ("large", 3),
    "ring": ("large", 4),
    "mesh": ("large", 4),
    "narrow ring": ("tiny", 5),
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_all_arrive_once_and_in_order(name, faults):
    """All classes at once from all to all, requests being answered; sinks stall now and then."""
    of, chips = SYSTEMS[name]
    load = Load(limit=2000, stalls=random.Random(name).choice([0, 64]), length=0)
    wired = topology(name.split()[-1], chips)
    with closing(Traffic(config(of), wired, load, faults=faults)) as traffic:
        found = traffic.settle(400_000)
        assert found.waiting == found.wrong == found.lost == found.faults == 0
        assert found.packets == found.sent > 2000 * chips


@pytest.mark.parametrize("name", ["ring", "mesh"])
def test_full_load_never_stops(name):
    """Every port is busy in all classes, sinks are slow, and each crossing still gets packets."""
    load = Load(stalls=128)
    with closing(Traffic(config("large"), topology(name, 4), load)) as traffic:
        before = [traffic.of(node).packets for node in traffic.nodes]
        for _ in range(5):
            traffic.run(4000)
            now = [traffic.of(node).packets for node in traffic.nodes]
            assert all(b - a > 20 for a, b in zip(before, now, strict=True))
            before = now
        assert traffic.figures().wrong == 0


def test_ten_million_bytes():
    """At one damaged beat in 10,000; a billion are `make soak`."""
    *_, (figures, _) = soak(10_000_000, seed=1)
    assert figures.wrong == figures.faults == figures.lost == 0
    assert figures.size >= 10_000_000


def share(length, cycles=30_000, *, of="reply", **faults):
    """Part of a link's bandwidth that payload has, one way: READ_REPLY, or WRITE (request)."""
    load = Load(classes=(of,), length=length, answers=False)
    system = config("large"), topology("pair", 2), load
    with closing(Traffic(*system, faults=Faults(**faults), senders=[0])) as traffic:
        traffic.run(2000)
        before, begin = traffic.of(1).size, traffic.fabric.now
        traffic.run(cycles)
        found, now = traffic.of(1), traffic.fabric.now
        assert found.wrong == 0
        return (found.size - before) / (now - begin) / config("large").link_bytes


def test_payload_fills_the_link():
    """Transfers of 4 KiB are packets of 1,024 bytes; those of 256 bytes, a packet each."""
    assert share(1024) >= 0.97
    assert share(256) >= 0.90


def test_writes_fill_the_link():
    """A WRITE has 64 beats of payload and 2 of head, whose second is filled up: 96.97 % at most."""
    assert share(1024, 60_000, of="request") >= 0.968
    assert share(256, 60_000, of="request") >= 0.88


def test_errors_cost_little():
    """One packet in a thousand is dropped, or damaged: 95 % of the throughput is left."""
    clean = share(1024, 150_000)
    assert share(1024, 150_000, drop=1e-3, seed=2) >= 0.95 * clean
    assert share(1024, 150_000, ber=1e-3 / (65 * FLIT_BITS), seed=2) >= 0.95 * clean


def test_resets_of_one_side():
    """At random cycles, of either crossing: nothing twice, nothing out of order, nothing cut."""
    rng = random.Random(7)
    load = Load(losses=True)
    faults = Faults(ber=FLIT_ERRORS / FLIT_BITS, seed=9)
    with closing(Traffic(config("large"), topology("pair", 2), load, faults=faults)) as traffic:
        for _ in range(12):
            traffic.run(rng.randrange(2000, 6000))
            before = [traffic.of(node).packets for node in traffic.nodes]
            traffic.reset(rng.choice(traffic.nodes))
            traffic.run(6000)
            after = [traffic.of(node).packets for node in traffic.nodes]
            assert all(a > b for a, b in zip(after, before, strict=True))
        found = traffic.figures()
        assert found.wrong == 0
        assert found.last_fault in (FaultCode.NONE.value, FaultCode.LINK.value)
