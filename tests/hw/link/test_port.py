"""Packets come out of a link as they went in, each once and in order within their class."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge
from cocotb.utils import get_sim_time

from intarsia.bench import start
from intarsia.isa.packet import PacketKind
from intarsia.link.geometry import SHORT
from intarsia.link.port import LinkPort
from tests.hw.link.bench import KINDS, Bench
from tests.hw.link.pair import LinkPair


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def keeps_packets_whole_and_in_order(dut, pause):
    """All kinds and lengths, all classes at once, more than the buffers hold, both ways."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for end in ("near", "far"):
        for _ in range(40):
            bench.send_any(end)
    await bench.expect_all()
    assert bench.faults == []


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize((("length", "share"), [(1024, 0.97), (256, 0.9)]))
async def bulk_fills_the_link(dut, length, share):
    """Payload keeps the link busy, but for headers, and a notice per pulse of the timebase."""
    await start(dut)
    bench = Bench(dut)
    for _ in range(24):
        bench.send("near", "reply", PacketKind.READ_REPLY, length)
    for _ in range(8):
        await bench.expect("near", "reply")
    begin = get_sim_time("ns")
    for _ in range(16):
        await bench.expect("near", "reply")
    cycles = (get_sim_time("ns") - begin) / 10
    assert length * 16 / bench.link_bytes / cycles >= share


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def classes_pass_each_other(dut):
    """Requests that nobody takes hold up nothing else."""
    await start(dut)
    bench = Bench(dut)
    bench.sinks["near", "request"]._pause = 1.1
    for _ in range(12):
        bench.send("near", "request", PacketKind.WRITE, 1024)
    for name in ("forward", "reply", "control"):
        for _ in range(30):
            bench.send("near", name, KINDS[name][0], 0)
    for name in ("forward", "reply", "control"):
        for _ in range(30):
            await bench.expect("near", name)
    assert bench.faults == []


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def credits_go_round(dut):
    """Sinks so slow that buffers are full most of the time, for many times what they hold."""
    await start(dut)
    bench = Bench(dut)
    for name, count in (("control", 60), ("reply", 12), ("forward", 60), ("request", 8)):
        for _ in range(count):
            kind = KINDS[name][0]
            bench.send("near", name, kind, 0 if name in SHORT else 1024)
        bench.sinks["near", name]._pause = random.choice([0.3, 0.6, 0.8])
    await bench.expect_all()
    assert bench.faults == []


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def an_idle_link_only_says_that_it_is_there(dut):
    """One notice per pulse of the timebase and side, once credits are announced."""
    await start(dut)
    bench = Bench(dut)
    await ClockCycles(dut.clk, 512)
    starts = dict.fromkeys(("near", "far"), 0)
    for _ in range(3 * 1024):
        await FallingEdge(dut.clk)
        for end in starts:
            starts[end] += dut[f"{end}_valid"].value == 1 and dut[f"{end}_start"].value == 1
    assert starts == {"near": 3, "far": 3}
    assert bench.faults == []


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def sleep_costs_no_time(dut):
    """To and from the port that sleeps, a packet takes as long as the other way round."""
    await start(dut)
    bench = Bench(dut)
    took = {}
    for end in ("near", "far"):
        for name in KINDS:
            times = []
            for _ in range(4):  # Some meet a notice on their way.
                await ClockCycles(dut.clk, 200)
                begin = get_sim_time("ns")
                bench.send(end, name, KINDS[name][0], 0)
                await bench.expect(end, name)
                times.append(get_sim_time("ns") - begin)
            took[end, name] = min(times)
    # A source may notice a cycle later that it has something to send.
    for name in KINDS:
        assert abs(took["near", name] - took["far", name]) <= 10, name


@pytest.mark.parametrize(("link_bytes", "relays"), [(4, False), (4, True), (16, False)])
def test_port(simulate, link_bytes, relays):
    simulate(LinkPair, link_bytes=link_bytes, latency=32, timebase=1024, relays=relays)


@pytest.mark.parametrize("link_bytes", [0, 8, None])
def test_width_rejected(link_bytes):
    with pytest.raises(ValueError, match="Links are 4 or 16 bytes wide"):
        LinkPort(link_bytes=link_bytes, port=0)
