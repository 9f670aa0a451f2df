"""A relay passes everything in order, at full speed, and its ends don't see each other."""

import itertools
import random

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from intarsia.bench import StreamSink, StreamSource, parameters, start
from intarsia.common.relay import Relay

COUNT = 300


@cocotb.test(timeout_time=100, timeout_unit="us")
@cocotb.parametrize(pause=[0.0, 0.5], refuse=[0.0, 0.5])
async def passes_all_in_order(dut, pause, refuse):
    """Whoever pauses."""
    relay = Relay(8)
    source = StreamSource(dut, relay.i, pause=pause)
    sink = StreamSink(dut, relay.o, pause=refuse)
    await start(dut)
    sent = [random.randrange(256) for _ in range(COUNT)]
    source.send(*sent)
    assert [await sink.receive() for _ in sent] == sent


@cocotb.test(timeout_time=50, timeout_unit="us")
async def takes_a_cycle_and_one_payload_per_cycle(dut):
    """Nothing is lost or late while nobody pauses; a single one passes every other payload."""
    single = parameters()["single"]
    await start(dut)
    dut.o__ready.value = 1
    for number in range(20):
        await RisingEdge(dut.clk)
        dut.i__valid.value = 1
        dut.i__payload.value = number
        await FallingEdge(dut.clk)
        assert dut.i__ready.value == (not single or number % 2 == 0)
        assert dut.o__valid.value == (number % 2 == 1 if single else number > 0)
        if dut.o__valid.value:
            assert int(dut.o__payload.value) == number - 1


@cocotb.test(timeout_time=50, timeout_unit="us")
async def ends_do_not_see_each_other(dut):
    """What changes at one end within a cycle changes nothing at the other one."""
    await start(dut)
    for _ in range(100):
        await RisingEdge(dut.clk)
        seen = set()
        for valid, ready in itertools.product((0, 1), repeat=2):
            dut.i__valid.value, dut.o__ready.value = valid, ready
            dut.i__payload.value = random.randrange(256)
            await Timer(1, "ns")
            seen.add((int(dut.i__ready.value), int(dut.o__valid.value), int(dut.o__payload.value)))
        assert len(seen) == 1
        dut.i__valid.value, dut.o__ready.value = random.randrange(2), random.randrange(2)


@pytest.mark.parametrize("single", [False, True], ids=["double", "single"])
def test_relay(simulate, single):
    simulate(Relay, shape=8, single=single)
