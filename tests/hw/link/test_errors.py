"""Whatever a link does to packets, they come out once and in order, or it is given up."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from cocotb.utils import get_sim_time

from intarsia.bench import parameters, start
from intarsia.isa.faults import FaultCode
from intarsia.isa.packet import LINK_PATIENCE, PacketKind
from intarsia.link.geometry import CLASSES
from tests.hw.link.bench import Bench
from tests.hw.link.packets import essence
from tests.hw.link.pair import ENDS, LinkPair

TIMEBASE = 256


async def disturb(dut, end, *, flips, drops):
    """Flip bits of beats that leave `end`, and drop beats, or whole packets, for ever."""
    width = len(dut[f"{end}_noise"])
    muted = False
    while True:
        await FallingEdge(dut.clk)
        begins = dut[f"{end}_valid"].value == 1 and dut[f"{end}_start"].value == 1
        if muted and begins:
            muted = False
        noise = 0
        if random.random() < flips:
            noise = 1 << random.randrange(width)
            if random.random() < 0.3:
                noise = random.getrandbits(width)
        dut[f"{end}_noise"].value = noise
        if begins and random.random() < drops:
            muted = True
        # A packet is dropped from its first beat on, and now and then only its first beats.
        dut[f"{end}_mute"].value = muted
        if muted and random.random() < 0.02:
            muted = False


@cocotb.test(timeout_time=3, timeout_unit="ms")
@cocotb.parametrize((
    ("flips", "drops", "pause"),
    [(0.001, 0.0, 0.0), (0.0, 0.05, 0.3), (0.001, 0.02, 0.5)],
))
async def all_come_once_and_in_order(dut, flips, drops, pause):
    """Both directions and all classes, with stalls at all of their ends."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for end in ENDS:
        cocotb.start_soon(disturb(dut, end, flips=flips, drops=drops))
        for _ in range(50):
            bench.send_any(end)
    await bench.expect_all()
    assert bench.faults == []


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def a_lonely_packet_is_not_forgotten(dut):
    """With nothing behind it, its loss is noticed by the next pulse of the timebase."""
    await start(dut)
    bench = Bench(dut)
    await ClockCycles(dut.clk, 200)
    for _ in range(5):
        bench.send("near", "control", PacketKind.SYNC_ARRIVE, 0)
        dut.near_mute.value = 1
        while dut.near_valid.value != 1:
            await FallingEdge(dut.clk)
        while dut.near_valid.value == 1:
            await FallingEdge(dut.clk)
        dut.near_mute.value = 0
        begin = get_sim_time("ns")
        await bench.expect("near", "control")
        assert get_sim_time("ns") - begin <= 10 * (TIMEBASE + 200)
    assert bench.faults == []


async def throughput(bench, count):
    """Cycles that `count` packets of 1,024 bytes take, once the link is filled."""
    for _ in range(count + 2):
        bench.send("near", "reply", PacketKind.READ_REPLY, 1024)
    for _ in range(2):
        await bench.expect("near", "reply")
    begin = get_sim_time("ns")
    for _ in range(count):
        await bench.expect("near", "reply")
    return (get_sim_time("ns") - begin) / 10


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def a_damaged_packet_costs_a_round_trip(dut):
    """What is sent again is what was under way; nothing waits for the timebase."""
    await start(dut)
    bench = Bench(dut)
    clean = await throughput(bench, 20)
    beats = bench.send("near", "reply", PacketKind.READ_REPLY, 1024)
    await bench.expect("near", "reply")

    async def damage():
        for _ in range(7 * len(beats)):
            await FallingEdge(dut.clk)
        dut.near_noise.value = 1
        await RisingEdge(dut.clk)
        dut.near_noise.value = 0

    cocotb.start_soon(damage())
    damaged = await throughput(bench, 20)
    # The packet, one that was behind it, and two latencies.
    assert 0 < damaged - clean <= 3 * len(beats) + 2 * 32 + 30
    # One packet in a thousand would cost less than 5 % of the time that a thousand take.
    assert damaged - clean <= 0.05 * 1000 * len(beats)


async def settle(bench, grace):
    """What comes out, by stream, until nothing has come for `grace` cycles."""
    got = {key: [] for key in bench.sinks}
    quiet = 0
    while quiet < grace:
        await RisingEdge(bench.dut.clk)
        quiet += 1
        for key, sink in bench.sinks.items():
            while not sink._received.empty():
                got[key].append(await sink.receive())
                quiet = 0
    bench.sent = {key: [] for key in bench.sent}
    return got


def whole(beats, link_bytes, cuts):
    """Packets among `beats`, of which at most `cuts` may end too early."""
    found, part = [], []
    for beat in beats:
        if beat["first"] and part:
            part = []
            cuts -= 1
        assert part or beat["first"]
        part.append(beat)
        if beat["last"]:
            found.append(essence(part, link_bytes))
            part = []
    assert cuts >= bool(part)
    return found


@cocotb.test(timeout_time=3, timeout_unit="ms")
@cocotb.parametrize(moment=range(4))
async def a_reset_of_one_end_begins_a_new_life(dut, moment):
    """At any cycle: the rest comes out in order, none twice, and what is sent later comes whole."""
    await start(dut)
    bench = Bench(dut, pause=random.choice([0.0, 0.4]))
    for end in ENDS:
        cocotb.start_soon(disturb(dut, end, flips=0.001 * (moment % 2), drops=0.0))
        for _ in range(25):
            bench.send_any(end)
    for name in CLASSES:  # Those at the end that is reset would see offers withdrawn.
        bench.sinks["near", name]._pause = 0.0
    await ClockCycles(dut.clk, random.randrange(20, 1500))
    dut.far_reset.value = 1
    await ClockCycles(dut.clk, random.randrange(1, 5))
    dut.far_reset.value = 0

    # What the far end held is lost with it, and may be cut short. The near end's comes out whole.
    sent = {
        key: [essence(beats, bench.link_bytes) for beats in packets]
        for key, packets in bench.sent.items()
    }
    for (end, name), beats in (await settle(bench, 4000)).items():
        rest = iter(sent[end, name])
        found = whole(beats, bench.link_bytes, cuts=int(end == "near"))
        assert all(packet in rest for packet in found)
    for end in ENDS:
        for _ in range(10):
            bench.send_any(end)
    await bench.expect_all()
    assert {report["code"] for _, report in bench.faults} <= {FaultCode.LINK}


@cocotb.test(timeout_time=3, timeout_unit="ms")
@cocotb.parametrize(mute=[("near", "far"), ("near",), ("far",)])
async def a_dead_link_is_given_up(dut, mute):
    """Both ends say so, drop what they were to send, name where it was to go; and begin anew."""
    await start(dut)
    bench = Bench(dut)
    await ClockCycles(dut.clk, 300)
    for end in mute:
        dut[f"{end}_mute"].value = 1
    for end in ENDS:
        for _ in range(12):
            bench.send(end, "reply", PacketKind.READ_REPLY, 1024)
    for end in ENDS:
        bench.send(end, "control", PacketKind.SYNC_ARRIVE, 0)
    await ClockCycles(dut.clk, 3 * (LINK_PATIENCE + 2) * TIMEBASE)
    for end in ENDS:
        reports = [report for who, report in bench.faults if who == end]
        assert {report["code"] for report in reports} == {FaultCode.LINK}
        assert {report["info"] for report in reports} == {ENDS.index(end)}
        assert 5 in {report["node"] for report in reports}
        assert not any(bench.sources[end, name]._pending for name in CLASSES)

    for end in mute:
        dut[f"{end}_mute"].value = 0
    await settle(bench, 3 * TIMEBASE)
    bench.faults.clear()
    for end in ENDS:
        for _ in range(10):
            bench.send_any(end)
    await bench.expect_all()
    assert bench.faults == []


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def packets_that_never_get_through_end_a_link(dut):
    """Notices come through, both ways; so neither end is silent, and yet nothing arrives."""
    await start(dut)
    bench = Bench(dut)
    header_beats = LinkPair(**parameters()).header_beats

    async def damage():
        place = 0
        while True:
            await FallingEdge(dut.clk)
            place = 0 if dut.near_start.value == 1 else place + 1
            dut.near_noise.value = int(dut.near_valid.value == 1 and place >= header_beats)

    cocotb.start_soon(damage())
    bench.send("near", "reply", PacketKind.READ_REPLY, 64)
    await ClockCycles(dut.clk, (LINK_PATIENCE + 2) * TIMEBASE)
    assert [(end, report["code"]) for end, report in bench.faults] == [("near", FaultCode.LINK)]


@pytest.mark.parametrize("link_bytes", [4, 16])
def test_errors(simulate, link_bytes):
    simulate(LinkPair, link_bytes=link_bytes, latency=32, timebase=TIMEBASE)
