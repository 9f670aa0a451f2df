"""Look-ups find what commands put in, in the cycle after."""

import random

import cocotb
import pytest

from intarsia.atu.cache import Atu
from intarsia.common.lookup import MapOperation
from intarsia.isa.fragment import FRAGMENT_FORMAT
from tests.hw.atu.caches import ASKERS, begin
from tests.hw.atu.models import NODE


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def finds_what_was_put_in(dut, pause):
    """Random commands and look-ups, over few sets; unstorable entries vanish."""
    bench = await begin(dut, pause=pause)
    keys = [
        (random.randrange(3) | random.getrandbits(30) << 9, random.randrange(2))
        for _ in range(6 * bench.config.atu_ways)
    ]
    # Keys that differ in one bit only, of the tensor and of the fragment.
    keys += [(keys[0][0] ^ 1 << 39, keys[0][1]), (keys[0][0], keys[0][1] ^ 1 << 15)]
    for _ in range(600):
        data_id, fragment = random.choice(keys)
        operation = random.choices(list(MapOperation), weights=(1, 20, 4, 0.2))[0]
        bench.send(
            operation,
            data_id=data_id,
            fragment=fragment,
            entry_format=FRAGMENT_FORMAT if random.random() < 0.9 else 1,
            permissions=dict(
                read=random.randrange(2),
                write=random.randrange(2),
                accumulate=random.randrange(2),
                moving=random.randrange(2),
            ),
            reserved=random.choice([0] * 9 + [1 << 14]),
            base=random.getrandbits(24),
            node=random.choice([NODE, random.getrandbits(16)]),
            replica=random.choice([NODE, random.getrandbits(16)]),
            replica_base=random.getrandbits(24),
            version=random.getrandbits(16),
            size=random.getrandbits(24),
            checked=int(random.random() < 0.2),
            checksum=random.getrandbits(32),
        )
        if random.random() < 0.1:
            bench.forget(random.choice(keys), random.getrandbits(8))
        for name in ASKERS:
            bench.ask(name, *random.choices(keys, k=random.randrange(4)))
    await bench.drain()
    for hits in bench.hits.values():
        assert 0.1 < sum(hits) / len(hits) < 0.9


@cocotb.test(timeout_time=200, timeout_unit="us")
async def answers_every_cycle(dut):
    """One look-up per cycle; two that ask take turns; one alone is never held up."""
    bench = await begin(dut)
    for number in range(8):
        bench.fill(data_id=number, node=number)
    await bench.drain()
    for name in ASKERS:
        bench.ask(name, *((number % 8, 0) for number in range(50)))
    await bench.run(100)
    assert bench.granted[0] == "requester"
    assert bench.granted == [ASKERS[turn % 2] for turn in range(100)]
    for name in ASKERS:
        bench.granted.clear()
        bench.ask(name, *((number % 8, 0) for number in range(20)))
        await bench.run(20)
        assert bench.granted == [name] * 20
    await bench.run(2)
    assert all(bench.hits["requester"][:50]) and all(bench.hits["responder"][:50])


@cocotb.test(timeout_time=200, timeout_unit="us")
async def replaces_in_turn(dut):
    """Same key first, then ways not in use, then the ways in turn."""
    bench = await begin(dut)
    sets, ways = bench.config.atu_sets, bench.config.atu_ways

    def tensors(number):
        return [dict(data_id=sets * n + number) for n in range(ways + 2)]

    for number in (1, 2):
        for key in tensors(number)[:ways]:
            bench.fill(**key, version=1)
        bench.fill(**tensors(number)[0], version=2)
    bench.fill(**tensors(1)[ways])
    bench.fill(**tensors(1)[ways + 1])
    bench.send(MapOperation.REMOVE, **tensors(2)[1])
    bench.fill(**tensors(2)[ways])
    await bench.drain()
    keys = tensors(1) + tensors(2)
    bench.ask("responder", *((key["data_id"], 0) for key in keys))
    await bench.drain()
    first = [False] * 2 + [True] * ways
    second = [True, False] + [True] * (ways - 1) + [False]
    assert bench.hits["responder"] == first + second


@cocotb.test(timeout_time=200, timeout_unit="us")
async def forgets_all(dut):
    """After REMOVE_ALL nothing is found, in no set."""
    bench = await begin(dut)
    keys = [(number, 0) for number in range(bench.config.atu_sets)]
    for expected in (True, False):
        for data_id, _ in keys:
            bench.fill(data_id=data_id)
        if not expected:
            bench.send(MapOperation.REMOVE_ALL)
        await bench.drain()
        bench.ask("requester", *keys)
        await bench.drain()
        assert bench.hits["requester"][-len(keys) :] == [expected] * len(keys)


@cocotb.test(timeout_time=200, timeout_unit="us")
async def forgets_at_reset(dut):
    """After a reset nothing is found."""
    bench = await begin(dut)
    bench.fill(data_id=3)
    await bench.drain()
    bench = await begin(dut)
    bench.ask("requester", (3, 0))
    await bench.drain()
    assert bench.hits["requester"] == [False]


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_entries(simulate, config):
    simulate(Atu, config=config)
