"""Packets cross a few pins whole and in order, though no clock crosses with them."""

import random

import cocotb
import pytest
from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge

from intarsia.bench import start
from intarsia.board.wire import PACE, WirePins, WireReceiver, WireTransmitter
from intarsia.link.geometry import Geometry
from intarsia.link.port import LinkPins

LINK_BYTES = 4
GEOMETRY = Geometry(LINK_BYTES)


class Wired(wiring.Component):
    """A link from one clock to another; `upset` inverts the strobe on its way."""

    def __init__(self, *, lanes):
        self.lanes = lanes
        super().__init__({
            "far_clk": In(1),
            "upset": In(1),
            "near": In(LinkPins(LINK_BYTES)),
            "far": Out(LinkPins(LINK_BYTES)),
        })

    def elaborate(self, platform):
        m = Module()
        m.domains.far = ClockDomain()
        m.d.comb += [ClockSignal("far").eq(self.far_clk), ResetSignal("far").eq(ResetSignal())]
        sizes = {"link_bytes": LINK_BYTES, "lanes": self.lanes}
        m.submodules.out = out = WireTransmitter(**sizes)
        m.submodules.into = into = DomainRenamer("far")(WireReceiver(**sizes))
        connect(m, flipped(self.near), out.link)
        connect(m, into.link, flipped(self.far))
        strobe = Signal()
        m.d.sync += strobe.eq(out.pins.strobe ^ self.upset)
        data = Signal.like(out.pins.data)
        m.d.sync += data.eq(out.pins.data)
        m.d.comb += [into.pins.strobe.eq(strobe), into.pins.data.eq(data)]
        return m


class Bench:
    """Sends packets, and collects those that come."""

    def __init__(self, dut):
        self.dut = dut
        self.came = []

    @classmethod
    async def create(cls, dut, far):
        bench = cls(dut)
        dut.upset.value = dut.near__valid.value = dut.near__start.value = 0
        Clock(dut.far_clk, far, unit="ps").start()
        await start(dut)
        await ClockCycles(dut.clk, 5)
        cocotb.start_soon(bench._collect())
        return bench

    async def send(self, *packets):
        """Beats of packets, one a cycle."""
        dut = self.dut
        for packet in packets:
            for n, beat in enumerate(packet):
                await RisingEdge(dut.clk)
                dut.near__valid.value, dut.near__start.value = 1, n == 0
                dut.near__data.value = beat
        await RisingEdge(dut.clk)
        dut.near__valid.value = 0

    async def _collect(self):
        dut = self.dut
        runs = False
        while True:
            await FallingEdge(dut.far_clk)
            if dut.far__valid.value == 1:
                if dut.far__start.value == 1:
                    self.came.append([])
                else:
                    assert runs, "a packet has no gap"
                self.came[-1].append(int(dut.far__data.value))
            runs = dut.far__valid.value == 1

    async def come(self, count):
        """Wait until `count` packets have come, and nothing more does."""
        while len(self.came) < count:
            await ClockCycles(self.dut.clk, 10)
        await ClockCycles(self.dut.clk, 12 * PACE)
        return self.came


def packet(beats):
    return [random.getrandbits(8 * LINK_BYTES) for _ in range(beats)]


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(far=[9_970, 10_000, 10_030])
async def packets_come_as_they_were_sent(dut, far):
    """Whole, in order, without a gap, whatever the clocks' difference."""
    bench = await Bench.create(dut, far)
    sent = [packet(beats) for beats in (1, 1, 2, 7, 1, 30, 3)]
    await bench.send(*sent[:4])
    await ClockCycles(dut.clk, 3_000)
    await bench.send(*sent[4:])
    assert await bench.come(len(sent)) == sent


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_longest_packet_fits(dut):
    """Into the buffers of both ends."""
    bench = await Bench.create(dut, 10_010)
    sent = [packet(GEOMETRY.longest), packet(2)]
    await bench.send(*sent)
    assert await bench.come(2) == sent


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def what_finds_no_room_is_dropped_whole(dut):
    """There is room for all that a port sends at once; of more, packets are lost, never parts."""
    bench = await Bench.create(dut, 10_000)
    sent = [packet(GEOMETRY.ring // 8) for _ in range(24)]
    await bench.send(*sent)
    await bench.come(8)
    while True:
        count = len(bench.came)
        await ClockCycles(dut.clk, GEOMETRY.ring // 8 * 40 * PACE)
        if len(bench.came) == count:
            break
    assert bench.came[:8] == sent[:8]
    assert 8 <= len(bench.came) < 24
    left = iter(sent)
    assert all(any(each == other for other in left) for each in bench.came)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def silence_sets_all_right(dut):
    """A strobe that changed once too often damages a packet, and none after it."""
    bench = await Bench.create(dut, 10_000)
    sent = [packet(3) for _ in range(4)]
    for n, each in enumerate(sent):
        await bench.send(each)
        if n == 1:
            await ClockCycles(dut.clk, 40)
            dut.upset.value = 1
        await ClockCycles(dut.clk, 1_000)
    came = bench.came
    assert came[0] == sent[0]
    assert sent[1] not in came
    assert came[-2:] == sent[2:]


@pytest.mark.parametrize("lanes", [4])
def test_wire(simulate, lanes):
    simulate(Wired, lanes=lanes)


@pytest.mark.parametrize("lanes", [0, 3, 32, "4"])
@pytest.mark.parametrize("end", [WireReceiver, WireTransmitter])
def test_lanes_rejected(end, lanes):
    with pytest.raises(ValueError, match="Lanes must be a part of 32 bits, not"):
        end(link_bytes=LINK_BYTES, lanes=lanes)


def test_pins_compare():
    assert WirePins(4) == WirePins(4)
    assert WirePins(4) != WirePins(8)
    assert repr(WirePins(4)) == "WirePins(4)"
