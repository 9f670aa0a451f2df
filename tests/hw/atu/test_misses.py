"""What will be looked up soon is asked for ahead, once; nobody goes by more than if it were not."""

import random
from collections import deque

import cocotb
import pytest

from intarsia.atu.cache import Atu
from intarsia.atu.misses import PATIENCE
from intarsia.common.lookup import MapOperation
from intarsia.isa.fragment import atu_set
from tests.hw.atu.caches import ASKERS, begin
from tests.hw.atu.models import entry, shown


async def pulse(bench, count=1):
    """Pulses of the timebase."""
    for _ in range(count):
        bench.dut.tick.value = 1
        await bench.run(1)
        bench.dut.tick.value = 0
        await bench.run(3)


def keys_of_one_set(config, count):
    """Fragments that share the ways of a set."""
    wanted = atu_set(5, 0, config.atu_sets)
    keys = ((5, fragment) for fragment in range(1 << 16))
    same = (key for key in keys if atu_set(*key, config.atu_sets) == wanted)
    return [next(same) for _ in range(count)]


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5], crowded=[False, True])
async def all_is_found(dut, pause, crowded):
    """Answers come late and in any order; results in the order of look-ups. Homes change."""
    bench = await begin(dut, pause=pause)
    config = bench.config
    if crowded:
        keys = keys_of_one_set(config, 3 * config.atu_ways)
    else:
        keys = [(random.getrandbits(40), random.getrandbits(16)) for _ in range(60)]
    bench.home.table = {key: entry() for key in keys}
    bench.home.delay = 60
    for round_ in range(6):
        named = [random.choice([*keys, (round_, 1)]) for _ in range(30)]
        bench.name_ahead(*named)
        for name in ASKERS:
            bench.ask(name, *(random.choice(keys) if random.random() < 0.3 else k for k in named))
        await bench.run(random.randrange(100))
        key = random.choice(keys)
        before, bench.home.table[key] = bench.home.known(key), entry()
        for due in filter(None, bench.due.values()):
            due[3].extend([before, bench.home.known(key)])
        bench.forget(key, round_)
        while len(bench.orders.done) <= round_:
            await bench.run(1)
            for due in filter(None, bench.due.values()):
                due[3].append(before)
    await bench.drain()
    assert all(len(found) == 180 for found in bench.found.values())


@cocotb.test(timeout_time=200, timeout_unit="us")
async def many_are_under_way(dut):
    """As many questions as there are places, and one for each port; hits pass them all."""
    bench = await begin(dut)
    ahead = bench.config.atu_ahead
    keys = [(7, number) for number in range(2 * ahead)]
    bench.home.table = {key: entry() for key in [*keys, (1, 1), (1, 2)]}
    bench.ask("responder", (1, 1))
    await bench.drain()
    bench.home.silent = True
    bench.name_ahead(*keys)
    await bench.run(4 * ahead + 10)
    assert bench.home.asked[1:] == keys[:ahead]
    bench.ask("responder", *[(1, 1)] * 20)
    await bench.run(22)
    assert bench.hits["responder"] == [True] * 21
    # Ports have places of their own; what is asked for already is taken over, and makes room.
    bench.ask("responder", (1, 2))
    bench.ask("requester", *keys)
    await bench.run(20)
    assert bench.home.asked[1:] == [*keys[:ahead], (1, 2), keys[ahead]]
    bench.home.due.reverse()
    bench.home.silent = False
    await bench.drain()
    assert bench.found["requester"] == [bench.home.known(key) for key in keys]
    assert sorted(bench.home.asked) == sorted([*keys, (1, 1), (1, 2)]), "asked once"
    # What is at hand is not asked for.
    bench.name_ahead((1, 1), (1, 2), keys[-1])
    await bench.drain()
    assert len(bench.home.asked) == 2 * ahead + 2


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(way=["order", "REMOVE", "REMOVE_ALL", "fresh"], joins=[False, True])
async def nothing_old_is_kept(dut, way, joins):
    """What was asked for ahead of a change is not believed; who has taken it over asks again."""
    bench = await begin(dut)
    old, new = entry(), entry()
    bench.home.table = {(5, 2): old, (6, 2): old}
    bench.home.silent = True
    bench.name_ahead((5, 2))
    await bench.run(5)
    if joins:
        bench.ask("requester", (5, 2))
        await bench.run(3)
    [(_, question)] = bench.home.due
    bench.home.due.clear()
    bench.home.answer(question)
    held, bench.home.answers.pending = bench.home.answers.pending, deque()
    bench.home.table[5, 2] = new
    match way:
        case "order":
            bench.forget((5, 2), 9)
        case "fresh":
            bench.ask_fresh("responder", (6, 2))
        case _:
            bench.send(MapOperation[way], data_id=5, fragment=2)
    await bench.run(8)
    if joins:
        bench.due["requester"][3][:] = [shown(new)]
    bench.home.answers.pending = held
    await bench.run(8)
    bench.home.silent = False
    bench.ask("requester", (5, 2))
    await bench.drain()
    assert bench.found["requester"] == [shown(new)] * (1 + joins)
    assert bench.home.asked.count((5, 2)) == 2


@cocotb.test(timeout_time=400, timeout_unit="us")
async def silence_is_waited_out_once(dut):
    """Who takes a question over waits for what is left; nobody waits for what is not wanted."""
    bench = await begin(dut)
    bench.home.table = {(5, 2): entry(), (6, 2): entry()}
    bench.home.silent = True
    bench.name_ahead((5, 2), (6, 2))
    await bench.run(10)
    await pulse(bench, PATIENCE - 1)
    bench.ask("responder", (5, 2))
    await bench.run(5)
    assert bench.home.backups == [0, 0]
    await pulse(bench)
    await bench.run(5)
    assert sorted(zip(bench.home.asked, bench.home.backups, strict=True)) == [
        ((5, 2), 0), ((5, 2), 1), ((6, 2), 0), ((6, 2), 1),
    ]  # fmt: skip
    await pulse(bench, 3)
    bench.ask("requester", (5, 2))
    await bench.run(5)
    bench.due["responder"][3][:] = [None]
    await pulse(bench, PATIENCE - 4)
    assert bench.due["responder"] is not None
    await pulse(bench)
    assert bench.hits["responder"] == [False] and bench.due["requester"] is not None
    # Room again for as many as before; what is said of those from before is dropped.
    bench.home.silent = False
    await bench.drain()
    assert bench.found["requester"] == [bench.home.known((5, 2))]
    assert len(bench.home.asked) == 4
    bench.name_ahead((6, 2))
    await bench.drain()
    assert bench.home.asked[4:] == [(6, 2)]
    keys = [(8, number) for number in range(bench.config.atu_ahead)]
    bench.home.silent = True
    bench.name_ahead(*keys)
    await bench.run(2 * len(keys) + 10)
    assert bench.home.asked[-len(keys) :] == keys


@cocotb.test(timeout_time=200, timeout_unit="us")
async def another_entry_is_no_answer(dut):
    """An answer that has the number of a question, and not its fragment, is dropped."""
    bench = await begin(dut)
    bench.home.table = {(5, 2): entry(), (6, 2): entry()}
    bench.home.silent = True
    bench.ask("responder", (5, 2))
    await bench.run(10)
    [(_, question)] = bench.home.due
    bench.home.answer(dict(data_id=6, fragment=2, number=question["number"]))
    await bench.run(10)
    assert bench.due["responder"] is not None
    bench.home.silent = False
    await bench.drain()
    assert bench.found["responder"] == [bench.home.known((5, 2))]
    bench.ask("requester", (6, 2))
    await bench.drain()
    assert bench.home.asked == [(5, 2), (6, 2)]


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_misses(simulate, config):
    simulate(Atu, config=config)
