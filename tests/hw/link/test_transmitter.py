"""Nothing leaves a transmitter without credits, and all that leaves is numbered and checked."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge

from intarsia.bench import StreamSource, parameters, start
from intarsia.isa.bits import encode
from intarsia.isa.counters import Activity
from intarsia.isa.packet import CREDIT_UNIT, PacketKind
from intarsia.link.geometry import CLASSES
from intarsia.link.transmitter import Grant, Transmitter
from tests.hw.link.packets import essence, make, opened

#: A packet of each class that is as long as they come.
LONGEST = {
    "control": (PacketKind.SYNC_ARRIVE, 0),
    "reply": (PacketKind.READ_REPLY, 1024),
    "request": (PacketKind.WRITE, 1024),
}


class Bench:
    def __init__(self, dut):
        self.dut = dut
        transmitter = Transmitter(**parameters())
        self.geometry = transmitter.geometry
        self.link_bytes = self.geometry.link_bytes
        self.sources = {name: StreamSource(dut, getattr(transmitter, name)) for name in CLASSES}
        self.packets, self.credits = [], []
        self.activity = []
        cocotb.start_soon(self.watch())

    async def watch(self):
        """Collects packets; CREDIT packets apart."""
        beats = []
        while True:
            await FallingEdge(self.dut.clk)
            self.activity.append(Activity(self.dut.activity.value.to_unsigned()))
            if self.dut.valid.value != 1:
                # The beats of a packet follow each other without a gap.
                if beats:
                    self.take(beats)
                beats = []
                continue
            if self.dut.start.value == 1 and beats:
                self.take(beats)
                beats = []
            assert beats or self.dut.start.value == 1
            beats.append({"data": self.dut.data.value.to_unsigned(), "first": not beats})

    def take(self, beats):
        for beat in beats:
            beat["last"] = beat is beats[-1]
        header = opened(beats, self.link_bytes)
        credit = header["kind"] == PacketKind.CREDIT
        (self.credits if credit else self.packets).append((header, beats))

    def send(self, name, kind=None, length=0):
        beats = make(random, *((kind, length) if kind else LONGEST[name]), self.link_bytes)
        self.sources[name].send(*beats)
        return beats

    async def grant(self, name, beats):
        """Credits for so many beats."""
        while beats:
            units = min(beats // CREDIT_UNIT, 63)
            beats -= units * CREDIT_UNIT
            await RisingEdge(self.dut.clk)
            self.dut.grant__valid.value = 1
            self.dut.grant__payload.value = encode(
                Grant, {"message_class": CLASSES[name], "credits": units}
            )
        await RisingEdge(self.dut.clk)
        self.dut.grant__valid.value = 0

    def returned(self):
        """Beats of credit that headers have announced, by class."""
        sums = dict.fromkeys(CLASSES, 0)
        names = {message_class: name for name, message_class in CLASSES.items()}
        for header, _ in (*self.credits, *self.packets):
            sums[names[header["credit_class"]]] += header["credits"] * CREDIT_UNIT
        return sums


async def begin(dut):
    dut.grant__valid.value = 0
    dut.acknowledge.value = 0
    for name in CLASSES:
        dut[f"freed_{name}"].value = 0
    await start(dut)
    return Bench(dut)


@cocotb.test(timeout_time=50, timeout_unit="us")
async def announces_its_buffers_after_reset(dut):
    """CREDIT packets say what the receive buffers hold, and leave without credits."""
    bench = await begin(dut)
    await ClockCycles(dut.clk, 200)
    for name, beats in bench.returned().items():
        # An eighth is not worth a packet.
        capacity = bench.geometry.capacity(name)
        assert 0 <= capacity - beats < capacity // 8
    assert bench.packets == []
    assert bench.activity[-1] is Activity.IDLE


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
    """Control goes before reply, reply before request, however long the others wait."""
    bench = await begin(dut)
    order = ["request", "reply", "control"]
    for name in order:
        for _ in range(3):
            bench.send(name, LONGEST[name][0], 0)
    await ClockCycles(dut.clk, 50)
    for name in order:  # What waits may leave as soon as it has credits.
        await bench.grant(name, 504)
    await ClockCycles(dut.clk, 200)
    kinds = [header["kind"] for header, _ in bench.packets]
    assert len(kinds) == 9
    late = kinds[kinds.index(PacketKind.SYNC_ARRIVE) :]
    assert late[:3] == [PacketKind.SYNC_ARRIVE] * 3
    assert late[3:] == sorted(late[3:], key=lambda kind: kind.value, reverse=True)
    assert late[-1] == LONGEST["request"][0]


@cocotb.test(timeout_time=50, timeout_unit="us")
async def numbers_its_packets(dut):
    """CREDIT packets do not count; acknowledgements ride along."""
    bench = await begin(dut)
    dut.acknowledge.value = 77
    await bench.grant("reply", 504)
    for _ in range(3):
        bench.send("reply", PacketKind.WRITE_ACK)
        dut.freed_request.value = 1
        await ClockCycles(dut.clk, 100)
        dut.freed_request.value = 0
        await ClockCycles(dut.clk, 30)
    assert len(bench.credits) > 3
    assert [header["sequence"] for header, _ in bench.packets] == [0, 1, 2]
    assert {header["acknowledge"] for header, _ in bench.packets} == {77}


@cocotb.test(timeout_time=50, timeout_unit="us")
async def returns_what_was_freed(dut):
    """Beat by beat; all but an eighth of a buffer comes back without being asked for."""
    bench = await begin(dut)
    freed = dict.fromkeys(CLASSES, 0)
    for _ in range(2000):
        await RisingEdge(dut.clk)
        for name in CLASSES:
            now = random.random() < 0.3
            dut[f"freed_{name}"].value = now
            freed[name] += now
    await RisingEdge(dut.clk)
    for name in CLASSES:
        dut[f"freed_{name}"].value = 0
    await ClockCycles(dut.clk, 200)
    for name, beats in bench.returned().items():
        capacity = bench.geometry.capacity(name)
        assert 0 <= capacity + freed[name] - beats < capacity // 8


@pytest.mark.parametrize("link_bytes", [4, 16])
def test_transmitter(simulate, link_bytes):
    simulate(Transmitter, link_bytes=link_bytes)
