"""What the cache lacks is asked of homes; what they order is forgotten."""

import random
from collections import deque

import cocotb
import pytest

from intarsia.atu.cache import Atu
from intarsia.atu.misses import PATIENCE
from intarsia.common.lookup import MapOperation
from tests.hw.atu.caches import ASKERS, begin
from tests.hw.atu.models import entry, shown


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def asks_homes(dut, pause):
    """Four times as many fragments as there is room for, and some that nobody has."""
    bench = await begin(dut, pause=pause)
    size = 4 * bench.config.atu_sets * bench.config.atu_ways
    keys = [(random.getrandbits(40), random.getrandbits(16)) for _ in range(size)]
    bench.home.table = {key: entry() for key in keys}
    bench.home.delay = 40
    for name in ASKERS:
        near = [random.choice(keys[: size // 8] if random.random() < 0.7 else keys) for _ in keys]
        bench.ask(name, *(random.choice([near[n]] * 19 + [(n, 0)]) for n in range(min(size, 300))))
    await bench.drain()
    for found in bench.hits.values():
        assert sum(found) / len(found) > 0.85
    assert len(bench.home.asked) < sum(map(len, bench.hits.values()))


@cocotb.test(timeout_time=200, timeout_unit="us")
async def hits_pass_misses(dut):
    """While one port waits for a home, the other one finds what is there, one each cycle.

    Or every other cycle, with relays.
    """
    bench = await begin(dut)
    for number in range(8):
        bench.fill(data_id=number, node=number)
    await bench.drain()
    for waiting, other in (ASKERS, ASKERS[::-1]):
        bench.home.silent = True
        bench.ask(waiting, (77, 1), (3, 0))
        await bench.run(10)
        before = len(bench.hits[other])
        bench.ask(other, *((number % 8, 0) for number in range(50)))
        await bench.run(50 * (2 if bench.config.relays else 1) + 1)
        assert bench.hits[other][before:] == [True] * 50
        assert bench.due[waiting] is not None
        bench.home.silent = False
        await bench.drain()
        assert bench.hits[waiting][-2:] == [False, True]


@cocotb.test(timeout_time=200, timeout_unit="us")
async def asks_once(dut):
    """Ports that miss the same fragment ask once; then it is there; others are asked at once."""
    bench = await begin(dut)
    bench.home.table = {(5, 2): entry(), (6, 2): entry()}
    bench.home.silent = True
    for name in ASKERS:
        bench.ask(name, (5, 2))
    await bench.run(20)
    bench.home.silent = False
    await bench.drain()
    assert bench.home.asked == [(5, 2)]
    for name in ASKERS:
        bench.ask(name, (5, 2))
    await bench.drain()
    assert bench.home.asked == [(5, 2)]
    assert all(found == bench.home.known((5, 2)) for name in ASKERS for found in bench.found[name])

    bench.home.silent = True
    bench.ask("requester", (6, 2))
    bench.ask("responder", (7, 2))
    await bench.run(20)
    assert sorted(bench.home.asked[1:]) == [(6, 2), (7, 2)]
    # The later question is answered first.
    bench.home.due.reverse()
    bench.home.silent = False
    await bench.drain()
    assert bench.hits["requester"][-1] and not bench.hits["responder"][-1]


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(operation=[MapOperation.REMOVE, MapOperation.REMOVE_ALL])
async def believes_nothing_old(dut, operation):
    """What a home said before an entry was removed does not count after it."""
    bench = await begin(dut)
    old, new = entry(), entry()
    bench.home.table[5, 2] = old
    bench.home.silent = True
    for name in ASKERS:
        bench.ask(name, (5, 2))
    await bench.run(10)
    bench.home.answer(bench.home.due.pop()[1])
    bench.home.table[5, 2] = new
    held, bench.home.answers.pending = bench.home.answers.pending, deque()
    bench.send(operation, data_id=5, fragment=2)
    await bench.run(5)
    for due in bench.due.values():
        due[3][:] = [shown(new)]
    bench.home.answers.pending = held
    bench.home.silent = False
    await bench.drain()
    assert [bench.found[name][-1] for name in ASKERS] == [shown(new)] * 2
    assert bench.home.asked == [(5, 2)] * 2


@cocotb.test(timeout_time=200, timeout_unit="us")
async def forgets_what_it_is_told(dut):
    """What a home said before its order does not count after it; only that entry is forgotten."""
    bench = await begin(dut)
    old, new = entry(), entry()
    bench.home.table = {(5, 2): old, (6, 2): old}
    for name in ASKERS:
        bench.ask(name, (5, 2), (6, 2))
    await bench.drain()
    bench.home.table[5, 2] = new
    bench.forget((5, 2), 77)
    await bench.run(5)
    assert bench.orders.done == [77]
    for name in ASKERS:
        bench.ask(name, (5, 2), (6, 2))
    await bench.drain()
    assert all(found[2:] == [shown(new), shown(old)] for found in bench.found.values())
    assert bench.home.asked == [(5, 2), (6, 2), (5, 2)]

    # The answer was under way when the order came.
    bench.home.silent = True
    bench.ask("requester", (7, 2))
    bench.home.table[7, 2] = old
    await bench.run(5)
    bench.home.answer(bench.home.due.pop()[1])
    held, bench.home.answers.pending = bench.home.answers.pending, deque()
    bench.home.table[7, 2] = new
    bench.forget((7, 2), 78)
    await bench.run(5)
    assert bench.orders.done == [77, 78]
    bench.due["requester"][3][:] = [shown(new)]
    bench.home.answers.pending = held
    bench.home.silent = False
    await bench.drain()
    assert bench.found["requester"][4:] == [shown(new)]


@cocotb.test(timeout_time=200, timeout_unit="us")
async def waits_for_the_responder(dut):
    """An order is acknowledged when the responder is quiet, which looks up nothing before that."""
    bench = await begin(dut)
    bench.home.table = {(5, 2): entry(), (6, 2): entry(), (7, 2): entry()}
    for name in ASKERS:
        bench.ask(name, (5, 2))
    await bench.drain()
    bench.home.silent = True
    bench.ask("requester", (6, 2))
    await bench.run(10)
    bench.orders.quiet = False
    bench.forget((5, 2), 1)
    bench.forget((6, 2), 2)
    await bench.run(3)
    bench.ask("responder", (7, 2))
    await bench.run(20)
    assert bench.orders.done == [] and bench.due["responder"] is None
    # The requester, and look-ups that the responder waits for, go on.
    bench.home.silent = False
    await bench.run(20)
    assert bench.due["requester"] is None
    bench.orders.quiet = True
    await bench.drain()
    assert bench.orders.done == [1, 2]
    assert bench.found["responder"][1:] == [bench.home.known((7, 2))]
    assert bench.found["requester"][1:] == [bench.home.known((6, 2))]


@cocotb.test(timeout_time=200, timeout_unit="us")
async def orders_pass_waiting_responders(dut):
    """A responder that waits for a home has nothing under way: orders are acknowledged."""
    bench = await begin(dut)
    bench.home.table[5, 2] = entry()
    bench.home.silent = True
    bench.ask("responder", (5, 2))
    await bench.run(10)
    for number in range(3):
        bench.forget((number, 2), number)
    await bench.run(20)
    assert bench.orders.done == [0, 1, 2]
    bench.home.silent = False
    await bench.drain()
    assert bench.found["responder"] == [bench.home.known((5, 2))]


@cocotb.test(timeout_time=200, timeout_unit="us")
async def gives_up(dut):
    """Two homes that do not answer are a miss in the end; an answer after that does nothing."""
    bench = await begin(dut)
    bench.home.table[5, 2] = entry()
    bench.home.silent = True
    bench.ask("responder", (5, 2))
    await bench.run(10)
    bench.due["responder"][3][:] = [None]
    for pulse in range(2 * PATIENCE):
        assert bench.home.backups == [0] + [1] * (pulse >= PATIENCE)
        assert bench.due["responder"] is not None, pulse
        dut.tick.value = 1
        await bench.run(1)
        dut.tick.value = 0
        await bench.run(5)
    assert bench.hits["responder"] == [False]
    bench.home.silent = False
    await bench.run(10)
    bench.home.table[5, 2] = entry()
    bench.ask("requester", (5, 2))
    await bench.drain()
    assert bench.found["requester"] == [bench.home.known((5, 2))]
    assert bench.home.asked == [(5, 2)] * 3 and bench.home.backups[2] == 0


@cocotb.test(timeout_time=200, timeout_unit="us")
async def asks_the_backup(dut):
    """Each port waits for its own answer; what the backup home says counts."""
    bench = await begin(dut)
    bench.home.table = {(5, 2): entry(), (6, 2): entry()}
    bench.home.silent = True
    bench.ask("responder", (5, 2))
    for pulse in range(PATIENCE + 1):
        if pulse == PATIENCE // 2:
            bench.ask("requester", (6, 2))
        dut.tick.value = 1
        await bench.run(1)
        dut.tick.value = 0
        await bench.run(5)
    assert bench.home.asked == [(5, 2), (6, 2), (5, 2)] and bench.home.backups == [0, 0, 1]
    assert not any(bench.hits.values())
    del bench.home.due[0]
    bench.home.silent = False
    await bench.drain()
    assert bench.found["responder"] == [bench.home.known((5, 2))]
    assert bench.found["requester"] == [bench.home.known((6, 2))]
    assert len(bench.home.asked) == 3


@cocotb.test(timeout_time=200, timeout_unit="us")
async def asks_afresh(dut):
    """What was there is not believed, nor what a home said before; then all know the new."""
    bench = await begin(dut)
    old, new = entry(), entry()
    bench.home.table[5, 2] = old
    bench.ask("requester", (5, 2))
    await bench.drain()
    bench.home.silent = True
    bench.ask("responder", (9, 9))
    await bench.run(10)
    bench.home.table = {(5, 2): new, (9, 9): new}
    bench.ask_fresh("requester", (5, 2))
    await bench.run(10)
    assert bench.home.asked == [(5, 2), (9, 9), (5, 2)]
    bench.due["responder"][3][:] = [shown(new)]
    bench.home.silent = False
    await bench.drain()
    assert bench.found["requester"] == [shown(old), shown(new)]
    assert bench.home.asked == [(5, 2), (9, 9), (5, 2), (9, 9)]
    bench.ask("responder", (5, 2))
    await bench.drain()
    assert bench.found["responder"] == [shown(new)] * 2

    # A home that has it no more.
    del bench.home.table[5, 2]
    bench.ask_fresh("responder", (5, 2))
    await bench.drain()
    bench.ask("requester", (5, 2))
    await bench.drain()
    assert bench.found["responder"][2:] == bench.found["requester"][2:] == [None]


@pytest.mark.parametrize("config", ["tiny", "large", "ecp5-85k"])
def test_atu(simulate, config):
    simulate(Atu, config=config)
