"""Look-ups find what commands put in, in the cycle after; and what homes say, some time later."""

import random
from collections import deque
from typing import Any

import cocotb
import pytest
from amaranth.hdl import Value
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.atu.cache import PATIENCE, Atu
from intarsia.atu.port import Invalidated, Invalidation, MapAnswer, MapQuestion
from intarsia.bench import parameters, start
from intarsia.common.lookup import LookupResult, MapCommand, MapOperation
from intarsia.isa.bits import decode, encode
from intarsia.isa.fragment import FRAGMENT_FORMAT, atu_set

ASKERS = ("requester", "responder")
FIELDS = ("node", "replica", "base", "size", "version", "permissions")

#: The node that the ATU is in.
NODE = 3


def shown(entry):
    """What results say of an entry."""
    copied = entry["replica"] == NODE != entry["node"]
    base = entry["replica_base" if copied else "base"]
    return {name: entry[name] for name in FIELDS} | {"base": base & 0xFFFFFF}


class Map:
    """What the README says about which entries are kept."""

    def __init__(self, config):
        self.sets = [[None] * config.atu_ways for _ in range(config.atu_sets)]
        self.victim = 0

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
        _, ways, way = self.place(key)
        storable = entry["entry_format"] == FRAGMENT_FORMAT and not entry["reserved"]
        if operation is MapOperation.FILL and storable:
            if way is None and None in ways:
                way = ways.index(None)
            elif way is None:
                way = self.victim
                self.victim = (way + 1) % len(ways)
            ways[way] = key, shown(entry)
        elif operation is not MapOperation.NONE:
            self.drop(key)

    def drop(self, key):
        _, ways, way = self.place(key)
        if way is not None:
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


class Home:
    """Answers questions from `table`, late, in any order, or not at all."""

    def __init__(self, dut, atu, pause):
        self.dut = dut
        self.ready, self.valid = dut[atu.question.ready.name], dut[atu.question.valid.name]
        self.question = dut[Value.cast(atu.question.payload).name]
        self.answers = Port(dut, atu.answer, 0)
        self.table = {}
        self.delay = 0
        self.pause = pause
        self.silent = False
        self.asked, self.backups = [], []
        self.due = []

    def drive(self, now):
        self.ready.value = random.random() >= self.pause
        if not self.silent:
            for item in [item for item in self.due if item[0] <= now]:
                self.due.remove(item)
                self.answer(item[1])
        self.answers.drive()

    def known(self, key):
        """What results say when it was asked."""
        return shown(self.table[key]) if key in self.table else None

    def answer(self, question):
        """Answer as the table is now."""
        key = question["data_id"], question["fragment"]
        fields = self.table.get(key)
        names = dict(zip(("data_id", "fragment"), key, strict=True))
        entry = {} if fields is None else {**names, **fields, "entry_format": FRAGMENT_FORMAT}
        bits = encode(MapAnswer, {"number": question["number"], "entry": entry})
        self.answers.pending.append(decode(MapAnswer, bits))

    def look(self, now):
        """What happens in this cycle."""
        self.answers.accepted()
        if self.valid.value == 1 and self.ready.value == 1:
            question = decode(MapQuestion, self.question.value.to_unsigned())
            self.asked.append((question["data_id"], question["fragment"]))
            self.backups.append(question["backup"])
            self.due.append((now + random.randint(0, self.delay), question))


class Orders:
    """Orders of a home to forget, and a responder that may have something under way."""

    def __init__(self, dut, atu, pause):
        self.dut, self.pause = dut, pause
        self.orders = Port(dut, atu.invalidation, pause)
        done = atu.invalidated
        self.ready, self.valid = dut[done.ready.name], dut[done.valid.name]
        self.report = dut[Value.cast(done.payload).name]
        self.quiet = True
        self.pending = None
        self.done = []

    def drive(self):
        self.orders.drive()
        self.ready.value = random.random() >= self.pause
        self.dut.quiet.value = self.quiet

    def look(self):
        """What happens in this cycle: an order that is accepted."""
        if self.valid.value == 1:
            report = decode(Invalidated, self.report.value.to_unsigned())
            assert self.pending == {name: report[name] for name in ("node", "number")}
            if self.ready.value == 1:
                self.done.append(report["number"])
                self.pending = None
        order = self.orders.accepted()
        if order is not None:
            assert self.pending is None, "accepted before the last one was acknowledged"
            self.pending = {name: order[name] for name in ("node", "number")}
        return order


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
        self.home = Home(dut, atu, pause)
        self.orders = Orders(dut, atu, pause)
        self.now = 0
        #: What each port waits for: its request, since when, and what the map has said since.
        self.due: dict[str, Any] = dict.fromkeys(ASKERS)
        self.found = {name: [] for name in ASKERS}
        self.hits = {name: [] for name in ASKERS}
        self.granted = []

    def send(self, operation, **entry):
        bits = encode(MapCommand, {"operation": operation, "entry": entry})
        self.command.pending.append(decode(MapCommand, bits))

    def fill(self, **entry):
        self.send(MapOperation.FILL, entry_format=FRAGMENT_FORMAT, **entry)

    def forget(self, key, number):
        """Queue an order to forget (data ID, fragment)."""
        order = dict(data_id=key[0], fragment=key[1], node=9, number=number)
        self.orders.orders.pending.append(decode(Invalidation, encode(Invalidation, order)))

    def ask(self, name, *keys):
        """Queue look-ups of (data ID, fragment)."""
        names = ("data_id", "fragment")
        self.asks[name].pending.extend(dict(zip(names, key, strict=True)) for key in keys)

    def ask_fresh(self, name, key):
        """Queue a look-up of (data ID, fragment) that no cache may answer."""
        request = dict(zip(("data_id", "fragment", "fresh"), (*key, 1), strict=True))
        self.asks[name].pending.append(request)

    def known(self, key):
        """What a look-up of `key` may bring now."""
        kept = self.map.look_up(key)
        return self.home.known(key) if kept is None else kept

    async def run(self, cycles):
        """Compare each result with what map or home have held since it was asked for.

        What the map holds by commands is there in the next cycle.
        """
        for _ in range(cycles):
            for port in (self.command, *self.asks.values()):
                port.drive()
            self.home.drive(self.now)
            self.orders.drive()
            await FallingEdge(self.dut.clk)
            self.home.look(self.now)
            for name, (valid, payload) in self.results.items():
                self.check(name, valid.value == 1, payload)
            for name, port in self.asks.items():
                if (request := port.accepted()) is not None:
                    assert self.due[name] is None, "accepted while it waits"
                    key = request["data_id"], request["fragment"]
                    at_once = self.map.look_up(key) is not None and not request.get("fresh")
                    if request.get("fresh"):
                        self.map.drop(key)
                    self.due[name] = key, at_once, self.now, [self.known(key)]
                    self.granted.append(name)
            changed = False
            if (order := self.orders.look()) is not None:
                self.map.drop((order["data_id"], order["fragment"]))
                changed = True
            if (command := self.command.accepted()) is not None:
                self.map.apply(command["operation"], command["entry"])
                changed = True
            if changed:
                assert not any(due and due[2] == self.now for due in self.due.values())
                for key, _, _, views in filter(None, self.due.values()):
                    views.append(self.known(key))
            self.now += 1
            await RisingEdge(self.dut.clk)

    def check(self, name, valid, payload):
        due = self.due[name]
        if not valid:
            assert due is None or not due[1], "a hit takes a cycle"
            return
        key, at_once, since, views = due
        assert not at_once or since == self.now - 1
        result = decode(LookupResult, payload.value.to_unsigned())
        found = {field: result[field] for field in FIELDS} if result["hit"] else None
        assert found in views, (key, found, views)
        self.found[name].append(found)
        self.hits[name].append(found is not None)
        self.due[name] = None

    async def drain(self):
        while any([self.command.pending, *(port.pending for port in self.asks.values())]):
            await self.run(8)
        while any(self.due.values()):
            await self.run(8)
        await self.run(16)


async def begin(dut, **kwargs):
    bench = Bench(dut, **kwargs)
    for port in (bench.command, bench.home.answers, bench.orders.orders, *bench.asks.values()):
        port.valid.value = 0
    dut.tick.value = 0
    dut.node.value = NODE
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
            entry_format=FRAGMENT_FORMAT if random.random() < 0.9 else 1,
            permissions=dict(
                read=random.randrange(2),
                write=random.randrange(2),
                accumulate=random.randrange(2),
                moving=random.randrange(2),
            ),
            reserved=random.choice([0] * 9 + [1 << 15]),
            base=random.getrandbits(24),
            node=random.choice([NODE, random.getrandbits(16)]),
            replica=random.choice([NODE, random.getrandbits(16)]),
            replica_base=random.getrandbits(24),
            version=random.getrandbits(16),
            size=random.getrandbits(32),
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


def entry():
    return {
        "node": random.getrandbits(16),
        "replica": random.choice([NODE, random.getrandbits(16)]),
        "base": random.getrandbits(24),
        "replica_base": random.getrandbits(24),
        "size": random.getrandbits(32),
        "version": random.getrandbits(16),
        "permissions": dict.fromkeys(("read", "write", "accumulate"), 1) | {"moving": 0},
    }


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
    """While one port waits for a home, the other one finds what is there, one each cycle."""
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
        await bench.run(51)
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


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_atu(simulate, config):
    simulate(Atu, config=config)
