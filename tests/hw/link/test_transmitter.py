"""Nothing leaves a transmitter without credits; all that leaves is kept until it has arrived."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge

from intarsia.isa.counters import Activity
from intarsia.isa.packet import CREDIT_UNIT, MessageClass, PacketKind
from intarsia.link.geometry import CLASSES
from intarsia.link.transmitter import Transmitter
from tests.hw.link.packets import essence, make
from tests.hw.link.sender import LIFE, LONGEST, OTHER, begin


@cocotb.test(timeout_time=50, timeout_unit="us")
@cocotb.parametrize(name=list(CLASSES))
async def waits_for_credits(dut, name):
    """Of its own class, for its longest packet; what has left has spent them."""
    bench = await begin(dut)
    sent = [bench.send(name) for _ in range(8)]
    for other in CLASSES:
        if other != name:
            await bench.grant(other, 512)
    demand = bench.geometry.demand(name)
    granted = -(-demand // CREDIT_UNIT) * CREDIT_UNIT
    await bench.grant(name, granted - CREDIT_UNIT)
    await ClockCycles(dut.clk, 400)
    assert bench.packets == []
    assert bench.activity[-1] is Activity.LINK
    await bench.grant(name, CREDIT_UNIT)
    await ClockCycles(dut.clk, 700)
    leave = (granted - demand) // len(sent[0]) + 1
    assert [essence(beats, bench.link_bytes) for _, beats in bench.packets] == [
        essence(beats, bench.link_bytes) for beats in sent[:leave]
    ]
    assert bench.activity[-1] is Activity.LINK


@cocotb.test(timeout_time=50, timeout_unit="us")
async def serves_the_last_class_first(dut):
    """Control, reply, forward, request: however long those behind wait."""
    bench = await begin(dut)
    for name in CLASSES:
        await bench.grant(name, 1000)
    bench.send("reply")
    await ClockCycles(dut.clk, 10)  # All others come while that is taken in.
    for name in reversed(CLASSES):
        for _ in range(3):
            bench.send(name, LONGEST[name][0], 0)
    await ClockCycles(dut.clk, 700)
    kinds = [header["kind"] for header, _ in bench.packets]
    assert kinds[1:] == [
        *[PacketKind.SYNC_ARRIVE] * 3,
        *[PacketKind.READ_REPLY] * 3,
        *[PacketKind.MAP_LOOKUP] * 3,
        *[PacketKind.WRITE] * 3,
    ]


@cocotb.test(timeout_time=50, timeout_unit="us")
async def returns_credits(dut):
    """In any packet; in one of their own where there are enough and nothing else is to be sent."""
    bench = await begin(dut)
    dut.due_class.value = MessageClass.REPLY.value
    dut.due_units.value = 21
    await bench.grant("request", 504)
    bench.send("request", PacketKind.READ, 16)
    await ClockCycles(dut.clk, 30)
    assert bench.credits == []
    dut.urgent.value = 1
    while dut.returned.value != 1:
        await FallingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.urgent.value = 0
    await ClockCycles(dut.clk, 30)
    headers = [header for header, _ in bench.packets + bench.credits]
    assert [header["kind"] for header in headers] == [PacketKind.READ, PacketKind.CREDIT]
    assert [header["sequence"] for header in headers] == [0, 1]
    for header in headers:
        assert (header["credit_class"], header["credits"]) == (MessageClass.REPLY, 21)
        assert (header["acknowledge"], header["epoch"]) == (0, LIFE)


@cocotb.test(timeout_time=50, timeout_unit="us")
async def a_life_begins_with_a_notice(dut):
    """HELLO while the link is not up, then ACK, or RETRY where something is missing."""
    bench = await begin(dut)
    dut.up.value = 0
    dut.expected.value = 99
    await ClockCycles(dut.clk, 20)
    dut.up.value = 1
    await bench.pulse("speak")
    await ClockCycles(dut.clk, 20)
    await bench.pulse("retry")
    await ClockCycles(dut.clk, 20)
    headers = [header for header, _ in bench.notices]
    assert [header["kind"] for header in headers] == [
        PacketKind.HELLO,
        PacketKind.ACK,
        PacketKind.RETRY,
    ]
    for header in headers:
        assert (header["acknowledge"], header["sequence"]) == (99, 0)
        assert (header["credits"], header["epoch"]) == (OTHER, LIFE)


@cocotb.test(timeout_time=50, timeout_unit="us")
async def acknowledges_what_arrives(dut):
    """At once where nothing else is sent; else after a long packet, or eight short ones."""
    bench = await begin(dut)
    await ClockCycles(dut.clk, 20)
    await bench.pulse("accepted")
    await ClockCycles(dut.clk, 20)
    assert len(bench.notices) == 2

    await bench.grant("reply", 2000)
    for _ in range(3):
        bench.send("reply", PacketKind.READ_REPLY, 1024)
    while dut.valid.value != 1:
        await FallingEdge(dut.clk)
    for _ in range(7):
        await bench.pulse("accepted")
    await ClockCycles(dut.clk, 1100 // bench.link_bytes)
    assert len(bench.notices) == 2
    await bench.pulse("accepted")
    await ClockCycles(dut.clk, 1100 // bench.link_bytes)
    assert len(bench.notices) == 3


@cocotb.test(timeout_time=100, timeout_unit="us")
async def keeps_what_has_not_arrived(dut):
    """And no more than its window; each packet is sent once, as long as nobody asks for more."""
    bench = await begin(dut)
    window = bench.geometry.window
    await bench.grant("reply", 504)
    for _ in range(window + 5):
        bench.send("reply", PacketKind.WRITE_ACK)
    await ClockCycles(dut.clk, 400)
    assert bench.sequences() == [*range(window)]
    assert dut.pending.value == 1
    assert await bench.notice(3)
    await ClockCycles(dut.clk, 100)
    assert bench.sequences() == [*range(window + 3)]
    assert not await bench.notice(3)
    assert await bench.notice(window + 3)
    await ClockCycles(dut.clk, 100)
    assert bench.sequences() == [*range(window + 5)]
    assert await bench.notice(window + 5)
    await ClockCycles(dut.clk, 3)
    assert dut.pending.value == 0
    assert await bench.notice(window + 5)


@cocotb.test(timeout_time=100, timeout_unit="us")
async def goes_back_when_asked(dut):
    """To the oldest that has not arrived, with a notice first; bytes and CRC are as before."""
    bench = await begin(dut)
    await bench.grant("reply", 504)
    for _ in range(6):
        bench.send("reply", PacketKind.READ_REPLY, random.randrange(1, 60))
    await ClockCycles(dut.clk, 300)
    assert bench.sequences() == [*range(6)]
    before = len(bench.notices)
    await bench.notice(2, again=True)
    await ClockCycles(dut.clk, 200)
    assert bench.sequences() == [*range(6), *range(2, 6)]
    assert bench.repeated == 4
    assert bench.packets[2:6] == bench.packets[6:]
    assert [header["sequence"] for header, _ in bench.notices[before:]] == [2]
    await bench.notice(6, again=True)
    await ClockCycles(dut.clk, 50)
    assert len(bench.packets) == 10


@cocotb.test(timeout_time=100, timeout_unit="us")
async def stops_repeating_what_has_arrived(dut):
    """An acknowledgement that comes while packets are repeated cuts that short."""
    bench = await begin(dut)
    await bench.grant("reply", 2000)
    for _ in range(4):
        bench.send("reply", PacketKind.READ_REPLY, 300)
    await ClockCycles(dut.clk, 600)
    await bench.notice(0, again=True)
    await ClockCycles(dut.clk, 20)
    await bench.notice(3)
    bench.send("reply", PacketKind.WRITE_ACK)
    await ClockCycles(dut.clk, 400)
    assert bench.sequences() == [0, 1, 2, 3, 0, 3, 4]
    assert bench.repeated == 2


@cocotb.test(timeout_time=200, timeout_unit="us")
async def numbers_and_places_wrap(dut):
    """Many more packets than there are numbers, and bytes than are kept, some of them repeated."""
    bench = await begin(dut)
    window = bench.geometry.window
    await bench.grant("reply", 504)
    sent = []
    for round_ in range(40):
        first = 8 * round_
        sent += [bench.send("reply", PacketKind.READ_REPLY, random.randrange(90)) for _ in range(8)]
        while len(bench.packets) < first + 8:
            await RisingEdge(dut.clk)
        if round_ % 3 == 0:
            await bench.notice(first + 5, again=True)
            await ClockCycles(dut.clk, 100)
            del bench.packets[first + 5 : first + 8]
        await bench.notice(first + 8)
        spent = sum(map(len, sent[first:]))
        await bench.grant("reply", -(-spent // CREDIT_UNIT) * CREDIT_UNIT)
    assert window < 8 * 40
    assert bench.sequences() == [n % 256 for n in range(8 * 40)]
    for (_, beats), expected in zip(bench.packets, sent, strict=True):
        assert essence(beats, bench.link_bytes) == essence(expected, bench.link_bytes)


@cocotb.test(timeout_time=50, timeout_unit="us")
async def drops_what_is_for_a_dead_link(dut):
    """Without credits, and says where it was to go; and what has lost its beginning, always."""
    bench = await begin(dut)
    dut.up.value = 0
    dut.dead.value = 1
    for name in CLASSES:
        bench.send(name)
        bench.send(name)
    await ClockCycles(dut.clk, 1700)
    assert bench.dropped == [5] * 2 * len(CLASSES)
    assert not any(source._pending for source in bench.sources.values())

    dut.up.value = 1
    dut.dead.value = 0
    tail = make(random, PacketKind.READ_REPLY, 50, bench.link_bytes)[1:]
    bench.sources["reply"].send(*tail)
    await bench.grant("reply", 504)
    whole = bench.send("reply", PacketKind.READ_REPLY, 50)
    await ClockCycles(dut.clk, 60)
    ((header, beats),) = bench.packets
    assert essence(beats, bench.link_bytes) == essence(whole, bench.link_bytes)
    assert header["sequence"] == 0
    assert len(bench.dropped) == 2 * len(CLASSES)


@pytest.mark.parametrize("link_bytes", [4, 16])
def test_transmitter(simulate, link_bytes):
    simulate(Transmitter, link_bytes=link_bytes)
