"""What a buffer has room for is announced, once; but an eighth may wait for company."""

import random

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import parameters, start
from intarsia.isa.packet import CREDIT_UNIT
from intarsia.link.geometry import CLASSES
from intarsia.link.returns import Returns


class Bench:
    def __init__(self, dut):
        self.dut = dut
        self.geometry = Returns(**parameters()).geometry
        self.urgent = False
        self.announced = dict.fromkeys(CLASSES, 0)

    async def cycle(self, *, freed=(), often=0.0):
        """Beats of classes in `freed` leave; what was urgent is returned, and `often` the rest."""
        names = {message_class.value: name for name, message_class in CLASSES.items()}
        returned = self.urgent or random.random() < often
        await RisingEdge(self.dut.clk)
        self.dut.freed.value = sum(1 << n for n, name in enumerate(CLASSES) if name in freed)
        self.dut.returned.value = returned
        await FallingEdge(self.dut.clk)
        name = names[self.dut.message_class.value.to_unsigned()]
        units = self.dut.units.value.to_unsigned()
        assert returned or units == 0 or parameters()["relays"]
        self.announced[name] += units * CREDIT_UNIT * returned
        self.urgent = self.dut.urgent.value == 1

    async def new_life(self, held):
        """The link goes down, with so many beats in each buffer, and comes up."""
        self.dut.up.value = 0
        for name in CLASSES:
            self.dut[f"held_{name}"].value = held
        for _ in range(2):
            await self.cycle()
        assert not self.urgent
        self.dut.up.value = 1
        self.announced = dict.fromkeys(CLASSES, 0)


async def begin(dut):
    for name in ("up", "returned", "freed", *(f"held_{name}" for name in CLASSES)):
        dut[name].value = 0
    await start(dut)
    return Bench(dut)


@cocotb.test(timeout_time=100, timeout_unit="us")
async def announces_what_is_free_when_the_link_comes_up(dut):
    """In every life anew: all but what is still in the buffers."""
    bench = await begin(dut)
    for held in (0, 17, 48):
        await bench.new_life(held)
        for _ in range(200):
            await bench.cycle(often=0.3)
        assert not bench.urgent
        for name in CLASSES:
            free = bench.geometry.capacity(name) - held
            assert 0 <= free - bench.announced[name] < CREDIT_UNIT


@cocotb.test(timeout_time=100, timeout_unit="us")
async def returns_what_was_freed(dut):
    """Beat by beat; never more than there is room for, and all but less than an eighth."""
    bench = await begin(dut)
    await bench.new_life(0)
    freed = dict.fromkeys(CLASSES, 0)
    for number in range(3000):
        leaving = [
            name
            for name in CLASSES
            if freed[name] < bench.announced[name] and random.random() < 0.4 and number < 2900
        ]
        for name in leaving:
            freed[name] += 1
        await bench.cycle(freed=leaving)
        for name in CLASSES:
            capacity = bench.geometry.capacity(name)
            assert freed[name] <= bench.announced[name] <= freed[name] + capacity
    for name in CLASSES:
        capacity = bench.geometry.capacity(name)
        assert freed[name] > capacity
        assert 0 <= freed[name] + capacity - bench.announced[name] < capacity // 8


@cocotb.test(timeout_time=100, timeout_unit="us")
async def classes_take_turns(dut):
    """Among those that have most to return; so none of them waits for ever.

    With relays a return takes three cycles; then an eighth more may wait in four classes that are
    freed of a beat in every cycle, all of them.
    """
    bench = await begin(dut)
    await bench.new_life(0)
    for _ in range(200):
        await bench.cycle(often=1.0)
    for _ in range(400):
        await bench.cycle(freed=CLASSES)
    announced = {name: bench.announced[name] for name in CLASSES}
    eighths = 3 if parameters()["relays"] else 2
    for name in CLASSES:
        capacity = bench.geometry.capacity(name)
        assert announced[name] > capacity + 400 - eighths * capacity // 8


@pytest.mark.parametrize(("link_bytes", "relays"), [(4, False), (4, True), (16, False)])
def test_returns(simulate, link_bytes, relays):
    simulate(Returns, link_bytes=link_bytes, relays=relays)
