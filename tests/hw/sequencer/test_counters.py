"""Every cycle is counted once, under the activity of its bank."""

import random

import cocotb
from cocotb.triggers import RisingEdge

from intarsia.bench import start
from intarsia.isa.counters import Activity, CounterBank, counter_index
from intarsia.sequencer.counters import Counters


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def counts(dut):
    """All banks at once, each doing something else."""
    for bank in CounterBank:
        dut[f"activity__{bank.value}"].value = 0
    await start(dut)
    counted = {}
    for _ in range(500):
        await RisingEdge(dut.clk)
        dut.index.value = random.randrange(128)
        for bank in CounterBank:
            activity = random.choice(list(Activity))
            dut[f"activity__{bank.value}"].value = activity.value
            index = counter_index(bank, activity)
            counted[index] = counted.get(index, 0) + 1
    await RisingEdge(dut.clk)
    for bank in CounterBank:
        dut[f"activity__{bank.value}"].value = 0
    for bank in CounterBank:
        for activity in Activity:
            index = counter_index(bank, activity)
            dut.index.value = index
            for _ in range(3):
                await RisingEdge(dut.clk)
            expected = 0 if activity is Activity.IDLE else counted[index]
            assert dut.value.value.to_unsigned() == expected


def test_counters(simulate):
    simulate(Counters)
