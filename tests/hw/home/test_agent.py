"""Once an update is complete, nobody goes by an earlier entry; look-ups are always answered."""

import random

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from intarsia.home.agent import Home
from intarsia.isa.faults import HOME, FaultCode
from intarsia.isa.fragment import HOME_WAYS, home_set
from intarsia.isa.topology import SHARER_PATIENCE
from tests.hw.home.bench import BASE, SIZE, Bench, entry

NODES = [*range(6), 31, 32, 63]


def keys_of(number, count):
    """Keys that lie in set `number` of the two."""
    found = []
    while len(found) < count:
        key = random.getrandbits(40), random.getrandbits(16)
        if home_set(*key, 2) == number:
            found.append(key)
    return found


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def no_stale_entry(dut, pause):
    """Random look-ups by many nodes, random updates, acknowledgements late and in any order."""
    bench = await Bench.create(dut, pause=pause, hold=150)
    keys = keys_of(0, 5) + keys_of(1, 5)
    # Keys that differ in one bit only, of the tensor and of the fragment.
    keys += [(keys[0][0] ^ 1 << 39, keys[0][1]), (keys[1][0] ^ 2, keys[1][1])]
    for version in range(30):
        numbers = [bench.ask(random.choice(NODES), random.choice(keys)) for _ in range(8)]
        if random.random() < 0.8:
            key = random.choice(keys)
            numbers.append(
                bench.change(key, entry(key, version=version, size=random.getrandbits(32)))
            )
        for _ in range(random.randint(0, 400)):
            await RisingEdge(dut.clk)
        if random.random() < 0.3:
            await bench.done(*numbers)
    await bench.done(*bench.changing, *(number for _, number in bench.asked))
    assert not any(bench.ended.values())
    assert len(bench.told) > 10
    assert sum(found is not None for found in bench.found.values()) > 30


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def answers_while_it_waits(dut):
    """An update waits for a sharer; look-ups find the new entry, of this and of other keys."""
    bench = await Bench.create(dut)
    [first, second] = keys_of(0, 2)
    await bench.done(bench.change(first, entry(first)), bench.change(second, entry(second)))
    await bench.done(*(bench.ask(node, first) for node in (2, 63)))
    bench.mute = {63}
    update = bench.change(first, entry(first, version=1))
    await bench.pulse(3)
    late = bench.change(second, entry(second, version=1))
    numbers = [bench.ask(node, key) for node in (3, 4) for key in (first, second)]
    await bench.done(*numbers)
    assert [bench.found[number] for number in numbers] == 2 * [
        entry(first, version=1),
        entry(second),
    ]
    assert sorted(bench.told) == [(2, first), (63, first)]
    assert update not in bench.ended and late not in bench.ended
    bench.acknowledge(63, first)
    await bench.done(update, late)
    assert sorted(bench.told[2:]) == [(3, second), (4, second)]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def tells_sharers_alone(dut):
    """Who shares an entry is told once; then it shares it no more, unless it asks again."""
    bench = await Bench.create(dut)
    [key] = keys_of(1, 1)
    await bench.done(bench.change(key, entry(key)))
    for sharers in ([0, 7, 8, 63], [], [9]):
        await bench.done(*(bench.ask(node, key) for node in sharers))
        bench.told.clear()
        await bench.done(bench.change(key, entry(key, version=len(sharers))))
        assert bench.told == [(node, key) for node in sharers]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def tells_all_below(dut):
    """Those that the home does not know are told where the update says so."""
    bench = await Bench.create(dut)
    [key] = keys_of(1, 1)
    await bench.done(bench.change(key, entry(key), below=3))
    await bench.done(bench.ask(40, key), bench.ask(1, key))
    await bench.done(bench.change(key, entry(key, version=1), below=64))
    nodes = [node for node, _ in bench.told]
    assert nodes == [0, 1, 2, *range(64)]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def names_the_silent(dut):
    """Sharers that don't acknowledge are named; those that are fenced are not waited for."""
    bench = await Bench.create(dut)
    [key] = keys_of(0, 1)
    await bench.done(bench.change(key, entry(key)))
    await bench.done(*(bench.ask(node, key) for node in (1, 2, 3, 40)))
    bench.mute = {1, 2, 40}
    await bench.fence(1)
    number = bench.change(key, entry(key, version=1))
    await bench.settle()
    assert [node for node, _ in bench.told] == [2, 3, 40]
    await bench.fence(40)
    await bench.pulse(SHARER_PATIENCE - 1)
    assert number not in bench.ended
    await bench.pulse()
    await bench.done(number)
    assert bench.ended[number] == FaultCode.NODE_DEAD
    report = bench.faults[0]
    assert (report.code, report.engine, report.node) == (FaultCode.NODE_DEAD, HOME, 2)
    assert (report.data_id, report.info) == key

    # What is said too late is of no matter.
    await bench.done(bench.ask(2, key))
    number = bench.change(key, entry(key, version=2))
    await bench.settle()
    bench.acknowledge(2, key, number=bench.last - 1)
    await bench.settle()
    await bench.pulse(1)
    assert number not in bench.ended
    await bench.fence(1, 40, dead=0)
    await bench.fence(2)
    await bench.pulse(1)
    await bench.done(number)
    assert bench.ended[number] is None


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def sets_fill_up(dut):
    """What finds no room is refused by name; what is taken out makes room."""
    bench = await Bench.create(dut)
    keys, others = keys_of(0, HOME_WAYS + 1), keys_of(1, 2)
    for key in (*keys[:HOME_WAYS], others[0]):
        await bench.done(bench.change(key, entry(key)))
    refused = bench.change(keys[HOME_WAYS], entry(keys[HOME_WAYS]))
    await bench.done(refused)
    assert bench.ended[refused] == FaultCode.HOME_FULL
    await bench.done(bench.ask(1, keys[HOME_WAYS]), bench.ask(1, keys[3]))

    removed = bytes(32)
    await bench.done(bench.change(keys[3], removed))
    bench.views[keys[3]].append(None)
    await bench.done(bench.change(keys[HOME_WAYS], entry(keys[HOME_WAYS], version=9)))
    numbers = [bench.ask(1, key) for key in keys]
    await bench.done(*numbers)
    assert [bench.found[number] is None for number in numbers] == [
        n == 3 for n in range(HOME_WAYS + 1)
    ]
    assert bench.memory.bytes[:BASE] == bytes(BASE)
    assert not any(bench.memory.bytes[BASE + SIZE * 5 // 4 :])


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(length=[0, 31, 33, 64])
async def refuses_other_lengths(dut, length):
    """An update that is no entry changes nothing."""
    bench = await Bench.create(dut)
    [key] = keys_of(0, 1)
    await bench.done(bench.change(key, entry(key)))
    number = bench.change(key, entry(key, version=1) * 2, length=length)
    await bench.done(number)
    assert bench.ended[number] == FaultCode.LINK_PROTOCOL
    number = bench.ask(3, key)
    await bench.done(number)
    assert bench.found[number] == entry(key)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def keeps_nothing_without_a_table(dut):
    """Look-ups find nothing; updates have no room."""
    bench = await Bench.create(dut, size=0)
    key = 7, 8
    number, other = bench.change(key, entry(key)), bench.ask(2, key)
    await bench.done(number, other)
    assert bench.ended[number] == FaultCode.HOME_FULL and bench.found[other] is None
    assert not any(bench.memory.bytes)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(offset=[0, 7, 20, 31])
async def damage_is_no_entry(dut, offset):
    """An entry with a damaged byte is not found, or can't be kept; and that is reported."""
    bench = await Bench.create(dut)
    [key] = keys_of(0, 1)
    await bench.done(bench.change(key, entry(key)))
    bench.memory.damaged.add(BASE + offset)
    number = bench.ask(3, key)
    spoilt = bytearray(entry(key))
    spoilt[31] |= 0x80
    bench.oldest[key] = 0
    bench.views[key] += [None, bytes(spoilt)]
    await bench.done(number)
    assert bench.found[number] != entry(key)
    report = bench.faults[0]
    assert (report.code, report.engine) == (FaultCode.PARITY, HOME)
    assert BASE + offset - bench.width < report.address <= BASE + offset


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def damaged_sharers_are_all(dut):
    """Where it can't be read who shares an entry, all eight are told."""
    bench = await Bench.create(dut)
    [key] = keys_of(0, 1)
    await bench.done(bench.change(key, entry(key)))
    await bench.done(bench.ask(17, key))
    bench.memory.damaged.add(BASE + SIZE + 2)
    await bench.done(bench.change(key, entry(key, version=1)))
    assert [node for node, _ in bench.told] == [*range(16, 24)]
    bench.memory.damaged.add(BASE + SIZE + 1)
    await bench.done(bench.ask(9, key))
    bench.told.clear()
    await bench.done(bench.change(key, entry(key, version=2)))
    assert [node for node, _ in bench.told] == [*range(8, 16)]


@pytest.mark.parametrize("config", ["tiny", "ecp5-85k", "large"])
def test_home(simulate, config):
    simulate(Home, config=config)
