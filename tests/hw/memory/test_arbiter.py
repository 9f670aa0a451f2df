"""One request is granted per cycle, and nobody waits for more than everybody else once."""

import random

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import parameters, start
from intarsia.memory.arbiter import RoundRobin


@cocotb.test(timeout_time=50, timeout_unit="us")
async def grants_one_of_those_who_ask(dut):
    """Exactly one, if there is any; each after at most all others.

    If grants are parked, there is one always, and he who has it may not ask for one cycle.
    """
    clients = parameters()["clients"]
    parked = parameters()["parked"]
    await start(dut)
    waiting = [0] * clients
    for _ in range(2000):
        await RisingEdge(dut.clk)
        asking = [n for n in range(clients) if waiting[n] or random.random() < 0.4]
        dut.requests.value = sum(1 << n for n in asking)
        await FallingEdge(dut.clk)
        grants = int(dut.grants.value)
        granted = [n for n in range(clients) if grants >> n & 1]
        if not parked:
            assert len(granted) == bool(asking)
            assert set(granted) <= set(asking)
        for n in asking:
            waiting[n] = 0 if n in granted else waiting[n] + 1
            assert waiting[n] < clients + parked


@cocotb.test(timeout_time=50, timeout_unit="us")
async def parks(dut):
    """The grant goes to who asks in the next cycle, and stays there when nobody does."""
    clients = parameters()["clients"]
    dut.requests.value = 0
    await start(dut)
    holder = 0
    for _ in range(500 * parameters()["parked"]):
        await RisingEdge(dut.clk)
        who = random.randrange(clients + 1)  # The last one is nobody.
        dut.requests.value = 1 << who if who < clients else 0
        await FallingEdge(dut.clk)
        assert int(dut.grants.value) == 1 << holder
        holder = who if who < clients else holder


@pytest.mark.parametrize("clients", [1, 9])
@pytest.mark.parametrize("parked", [False, True], ids=["", "parked"])
def test_arbiter(simulate, parked, clients):
    simulate(RoundRobin, clients=clients, parked=parked)


@pytest.mark.parametrize("clients", [0, -1, 1.5])
def test_clients_rejected(clients):
    with pytest.raises(TypeError, match="Clients must be a positive integer"):
        RoundRobin(clients=clients)
