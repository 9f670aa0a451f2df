"""Look-ups find what commands before them put in, and nothing else, in the cycle after."""

import random
from collections import deque

import cocotb
import pytest
from amaranth.hdl import Value
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.atu.cache import Atu
from intarsia.bench import parameters, start
from intarsia.common.lookup import LookupResult, MapCommand, MapOperation
from intarsia.isa.bits import decode, encode
from intarsia.isa.fragment import FRAGMENT_FORMAT, atu_set

ASKERS = ("requester", "responder")
FIELDS = ("node", "base", "size", "version", "permissions")


class Map:
    """What the README says about which entries are kept."""

    def __init__(self, config):
        self.sets = [[None] * config.atu_ways for _ in range(config.atu_sets)]
        self.victims = [0] * config.atu_sets

    def place(self, key):
        """Number and ways of the set of `key`, and its way, if it is there."""
        data_id, fragment = key
        number = atu_set(data_id, fragment, len(self.sets))
        ways = self.sets[number]
        keys = [way and way[0] for way in ways]
        return number, ways, keys.index(key) if key in keys else None

    def apply(self, operation, entry):
        if operation is MapOperation.REMOVE_ALL:
            for ways in self.sets:
                ways[:] = [None] * len(ways)
            return
        key = entry["data_id"], entry["fragment"]
        number, ways, way = self.place(key)
        storable = entry["entry_format"] == FRAGMENT_FORMAT and not entry["reserved"]
        if operation is MapOperation.FILL and storable and not entry["permissions"]["reserved"]:
            if way is None and None in ways:
                way = ways.index(None)
            elif way is None:
                way = self.victims[number]
                self.victims[number] = (way + 1) % len(ways)
            ways[way] = key, {name: entry[name] for name in FIELDS}
        elif operation is not MapOperation.NONE and way is not None:
            ways[way] = None

    def look_up(self, key):
        _, ways, way = self.place(key)
        return None if way is None else ways[way][1]


class Port:
    """One stream into the cache, driven after rising edges."""

    def __init__(self, dut, port, pause):
        signals = Value.cast(port.payload), port.valid, port.ready
        self.payload, self.valid, self.ready = (dut[signal.name] for signal in signals)
        self.shape = port.payload.shape()
        self.pause = pause
        self.pending = deque()
        self.offered = None

    def drive(self):
        if self.offered is None and self.pending and random.random() >= self.pause:
            self.offered = self.pending.popleft()
            self.payload.value = encode(self.shape, self.offered)
        self.valid.value = self.offered is not None

    def accepted(self):
        """What is accepted in this cycle, if anything."""
        if self.offered is None or self.ready.value != 1:
            return None
        accepted, self.offered = self.offered, None
        return accepted


class Bench:
    def __init__(self, dut, *, pause=0.0):
        atu = Atu(**parameters())
        self.dut = dut
        self.map = Map(atu.config)
        self.config = atu.config
        self.command = Port(dut, atu.command, pause)
        self.asks = {name: Port(dut, getattr(atu, name).request, pause) for name in ASKERS}
        self.results = {
            name: (dut[port.valid.name], dut[Value.cast(port.payload).name])
            for name in ASKERS
            for port in [getattr(atu, name).result]
        }
        self.due = dict.fromkeys(ASKERS)
        self.hits = {name: [] for name in ASKERS}
        self.granted = []

    def send(self, operation, **entry):
        bits = encode(MapCommand, {"operation": operation, "entry": entry})
        self.command.pending.append(decode(MapCommand, bits))

    def fill(self, **entry):
        self.send(MapOperation.FILL, entry_format=FRAGMENT_FORMAT, **entry)

    def ask(self, name, *keys):
        """Queue look-ups of (data ID, fragment)."""
        names = ("data_id", "fragment")
        self.asks[name].pending.extend(dict(zip(names, key, strict=True)) for key in keys)

    async def run(self, cycles):
        """Compare each result, in its cycle, with what the map held when it was asked for."""
        for _ in range(cycles):
            for port in (self.command, *self.asks.values()):
                port.drive()
            await FallingEdge(self.dut.clk)
            for name, (valid, payload) in self.results.items():
                due = self.due[name]
                assert valid.value == (due is not None)
                if due is not None:
                    result = decode(LookupResult, payload.value.to_unsigned())
                    expected = self.map.look_up((due["data_id"], due["fragment"]))
                    found = {field: result[field] for field in FIELDS} if result["hit"] else None
                    assert found == expected
                    self.hits[name].append(found is not None)
            self.due = {name: port.accepted() for name, port in self.asks.items()}
            self.granted += [name for name, request in self.due.items() if request is not None]
            if (command := self.command.accepted()) is not None:
                assert not any(self.due.values()), "a look-up passes a command"
                self.map.apply(command["operation"], command["entry"])
            await RisingEdge(self.dut.clk)

    async def drain(self):
        while any([self.command.pending, *(port.pending for port in self.asks.values())]):
            await self.run(8)
        await self.run(16)


async def begin(dut, **kwargs):
    bench = Bench(dut, **kwargs)
    for port in (bench.command, *bench.asks.values()):
        port.valid.value = 0
    await start(dut)
    return bench


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
            entry_format=FRAGMENT_FORMAT if random.random() < 0.9 else 2,
            permissions=dict(
                read=random.randrange(2),
                write=random.randrange(2),
                accumulate=random.randrange(2),
                reserved=random.random() < 0.1,
            ),
            reserved=random.choice([0] * 9 + [1 << 63]),
            base=random.getrandbits(24),
            node=random.getrandbits(16),
            version=random.getrandbits(16),
            size=random.getrandbits(32),
            checksum=random.getrandbits(32),
        )
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
        bench.ask(name, *((number, 0) for number in range(20)))
        await bench.run(20)
        assert bench.granted == [name] * 20
    await bench.run(2)
    assert all(bench.hits["requester"][:50]) and all(bench.hits["responder"][:50])


@cocotb.test(timeout_time=200, timeout_unit="us")
async def replaces_in_turn(dut):
    """Same key first, then ways not in use, then the ways in turn; each set for itself."""
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
def test_atu(simulate, config):
    simulate(Atu, config=config)
