"""What a buffer has room for is announced, once; but an eighth may wait for company."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge

from intarsia.bench import parameters, start
from intarsia.isa.packet import CREDIT_UNIT
from intarsia.link.geometry import CLASSES
from intarsia.link.returns import Returns


class Bench:
    def __init__(self, dut):
        self.dut = dut
        self.geometry = Returns(**parameters()).geometry
        self.announced = dict.fromkeys(CLASSES, 0)

    async def collect(self, cycles, every=3):
        """Take what is urgent, and what is not in one cycle of `every`."""
        names = {message_class.value: name for name, message_class in CLASSES.items()}
        for _ in range(cycles):
            await RisingEdge(self.dut.clk)
            self.dut.returned.value = 0
            await FallingEdge(self.dut.clk)
            if self.dut.urgent.value == 1 or random.randrange(every) == 0:
                name = names[self.dut.message_class.value.to_unsigned()]
                self.announced[name] += self.dut.units.value.to_unsigned() * CREDIT_UNIT
                self.dut.returned.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.returned.value = 0

    def move(self, name, which, position):
        self.dut[f"{which}_{name}"].value = position % (2 * self.geometry.capacity(name))


async def begin(dut):
    dut.up.value = 0
    dut.returned.value = 0
    bench = Bench(dut)
    for name in CLASSES:
        bench.move(name, "begin", 0)
        bench.move(name, "end", 0)
    await start(dut)
    return bench


@cocotb.test(timeout_time=100, timeout_unit="us")
async def announces_what_is_free_when_the_link_comes_up(dut):
    """In every life anew: all but what is still in the buffers."""
    bench = await begin(dut)
    for held in (0, 17, 64):
        dut.up.value = 0
        for name in CLASSES:
            bench.move(name, "begin", 50)
            bench.move(name, "end", 50 + held)
        await ClockCycles(dut.clk, 2)
        assert dut.urgent.value == 0
        dut.up.value = 1
        bench.announced = dict.fromkeys(CLASSES, 0)
        await bench.collect(300)
        assert dut.urgent.value == 0
        for name in CLASSES:
            free = bench.geometry.capacity(name) - held
            assert 0 <= free - bench.announced[name] < CREDIT_UNIT


@cocotb.test(timeout_time=100, timeout_unit="us")
async def returns_what_was_freed(dut):
    """Beat by beat; never more than there is room for, and all but less than an eighth."""
    bench = await begin(dut)
    dut.up.value = 1
    freed = dict.fromkeys(CLASSES, 0)
    for _ in range(300):
        await bench.collect(5, every=10**9)
        for name in CLASSES:
            capacity = bench.geometry.capacity(name)
            assert freed[name] <= bench.announced[name] <= freed[name] + capacity
            used = bench.announced[name] - freed[name]
            freed[name] += random.randrange(used + 1) if random.random() < 0.3 else 0
            bench.move(name, "begin", freed[name])
    await bench.collect(100, every=10**9)
    for name in CLASSES:
        capacity = bench.geometry.capacity(name)
        assert 0 <= freed[name] + capacity - bench.announced[name] < capacity // 8


@pytest.mark.parametrize("link_bytes", [4, 16])
def test_returns(simulate, link_bytes):
    simulate(Returns, link_bytes=link_bytes)
