"""An ATU, its homes, and a model of what it keeps."""

import random
from collections import deque
from typing import Any

from amaranth.hdl import Value
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.atu.cache import Atu
from intarsia.atu.port import Invalidated, Invalidation, MapAnswer, MapQuestion
from intarsia.bench import parameters, start
from intarsia.common.lookup import LookupResult, MapCommand, MapOperation
from intarsia.isa.bits import decode, encode
from intarsia.isa.fragment import FRAGMENT_FORMAT
from tests.hw.atu.models import NODE, Map, shown, told

__all__ = ["ASKERS", "Bench", "begin"]

ASKERS = ("requester", "responder")


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
        self.ahead = Port(dut, atu.ahead, pause)
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

    def name_ahead(self, *keys):
        """Queue (data ID, fragment) that will be looked up soon."""
        names = ("data_id", "fragment")
        self.ahead.pending.extend(dict(zip(names, key, strict=True)) for key in keys)

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
            for port in (self.command, self.ahead, *self.asks.values()):
                port.drive()
            self.home.drive(self.now)
            self.orders.drive()
            await FallingEdge(self.dut.clk)
            self.home.look(self.now)
            self.ahead.accepted()
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
        found = told(result) if result["hit"] else None
        assert found in views, (key, found, views)
        self.found[name].append(found)
        self.hits[name].append(found is not None)
        self.due[name] = None

    async def drain(self):
        ports = (self.command, self.ahead, *self.asks.values())
        while any(port.pending for port in ports):
            await self.run(8)
        while any(self.due.values()):
            await self.run(8)
        await self.run(16)


async def begin(dut, **kwargs):
    bench = Bench(dut, **kwargs)
    ports = (bench.command, bench.home.answers, bench.orders.orders, bench.ahead)
    for port in (*ports, *bench.asks.values()):
        port.valid.value = 0
    dut.tick.value = 0
    dut.node.value = NODE
    await start(dut)
    return bench
