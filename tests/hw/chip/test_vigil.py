"""An engine is awake while it is busy, and until it has come to rest."""

import cocotb
from cocotb.triggers import FallingEdge

from intarsia.bench import start
from intarsia.chip.vigil import LINGER, Vigil


async def awake_for(dut):
    """Cycles from now on in which it is awake, this one included."""
    cycles = 0
    await FallingEdge(dut.clk)
    while dut.awake.value == 1:
        cycles += 1
        await FallingEdge(dut.clk)
    return cycles


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def falls_asleep_when_nothing_moves(dut):
    """After a reset, and after each time that it was busy."""
    dut.busy.value = 0
    await start(dut)
    assert LINGER - 2 <= await awake_for(dut) <= LINGER
    for length in (1, 3, LINGER + 5):
        dut.busy.value = 1
        for _ in range(length):
            await FallingEdge(dut.clk)
            assert dut.awake.value == 1
        dut.busy.value = 0
        assert await awake_for(dut) == LINGER - 1


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def wakes_in_the_same_cycle(dut):
    """A job that is offered finds the engine awake."""
    dut.busy.value = 0
    await start(dut)
    await awake_for(dut)
    for busy in (1, 0, 0, 1, 0):
        dut.busy.value = busy
        await FallingEdge(dut.clk)
        assert dut.awake.value == 1


def test_vigil(simulate):
    simulate(Vigil)
