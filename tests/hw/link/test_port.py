"""Packets come out of a link as they went in, in order within their class, or not at all."""

import random

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge
from cocotb.utils import get_sim_time

from intarsia.bench import StreamSink, StreamSource, parameters, start
from intarsia.isa.faults import FaultCode
from intarsia.isa.packet import PacketKind
from intarsia.link.geometry import CLASSES
from intarsia.link.port import LinkPort
from tests.hw.link.packets import essence, make
from tests.hw.link.pair import LinkPair

KINDS = {
    "control": [PacketKind.SYNC_ARRIVE, PacketKind.SYNC_RELEASE],
    "reply": [PacketKind.READ_REPLY, PacketKind.WRITE_ACK, PacketKind.ERROR],
    "request": [PacketKind.READ, PacketKind.WRITE],
}


class Bench:
    def __init__(self, dut, *, pause=0.0):
        self.dut = dut
        pair = LinkPair(**parameters())
        self.link_bytes = pair.link_bytes
        self.sources = {
            n: StreamSource(dut, getattr(pair, f"send_{n}"), pause=pause) for n in CLASSES
        }
        self.sinks = {n: StreamSink(dut, getattr(pair, f"take_{n}"), pause=pause) for n in CLASSES}
        self.faults = []
        dut.noise.value = 0
        cocotb.start_soon(self.watch())

    async def watch(self):
        while True:
            await FallingEdge(self.dut.clk)
            if self.dut.fault__valid.value == 1:
                self.faults.append(self.dut.fault__payload.value.to_unsigned() & 0xFF)

    def send(self, name, kind, length):
        beats = make(random, kind, length, self.link_bytes)
        self.sources[name].send(*beats)
        return beats

    async def receive(self, name):
        beats = [await self.sinks[name].receive()]
        while not beats[-1]["last"]:
            beats.append(await self.sinks[name].receive())
        return beats

    async def expect(self, name, beats):
        received = await self.receive(name)
        assert essence(received, self.link_bytes) == essence(beats, self.link_bytes)


def length_of(kind):
    if kind in (PacketKind.READ, PacketKind.WRITE, PacketKind.READ_REPLY):
        return random.choice([1, 3, 4, 16, 17, 1023, 1024, random.randrange(1, 300)])
    return 0


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def keeps_packets_whole_and_in_order(dut, pause):
    """All kinds and lengths, three classes at once, more than the buffers hold."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    sent = {name: [] for name in CLASSES}
    for _ in range(40):
        name = random.choice(list(CLASSES))
        kind = random.choice(KINDS[name])
        sent[name].append(bench.send(name, kind, length_of(kind)))
    for name, packets in sent.items():
        for beats in packets:
            await bench.expect(name, beats)
    assert bench.faults == []


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def bulk_fills_the_link(dut):
    """Packets of 1,024 bytes keep the link busy, but for their headers."""
    await start(dut)
    bench = Bench(dut)
    packets = [bench.send("reply", PacketKind.READ_REPLY, 1024) for _ in range(12)]
    for beats in packets[:2]:
        await bench.expect("reply", beats)
    begin = get_sim_time("ns")
    for beats in packets[2:]:
        await bench.expect("reply", beats)
    cycles = (get_sim_time("ns") - begin) / 10
    assert 1024 * 10 / bench.link_bytes / cycles >= 0.97


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def classes_pass_each_other(dut):
    """Requests that nobody takes hold up neither replies nor control."""
    await start(dut)
    bench = Bench(dut)
    bench.sinks["request"]._pause = 1.1
    for _ in range(12):
        bench.send("request", PacketKind.WRITE, 1024)
    later = [(n, bench.send(n, KINDS[n][0], 0)) for n in ("reply", "control") for _ in range(30)]
    for name, beats in later:
        await bench.expect(name, beats)
    assert bench.faults == []


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def credits_go_round(dut):
    """Sinks so slow that buffers are full most of the time, for many times what they hold."""
    await start(dut)
    bench = Bench(dut)
    sent = {name: [] for name in CLASSES}
    for name, count in (("control", 60), ("reply", 12), ("request", 8)):
        for _ in range(count):
            kind = KINDS[name][0]
            sent[name].append(bench.send(name, kind, 0 if name == "control" else 1024))
        bench.sinks[name]._pause = random.choice([0.3, 0.6, 0.8])
    for name, packets in sent.items():
        for beats in packets:
            await bench.expect(name, beats)
    assert bench.faults == []


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def damage_is_dropped_and_reported(dut):
    """One flipped bit, anywhere in a packet: nothing of it comes out, and LINK_CRC is reported."""
    await start(dut)
    bench = Bench(dut)
    await bench.expect("reply", bench.send("reply", PacketKind.READ_REPLY, 64))
    bench.send("reply", PacketKind.READ_REPLY, 64)
    while dut.departs.value != 1:
        await FallingEdge(dut.clk)
    for _ in range(random.randrange(1, 64 // bench.link_bytes)):
        await RisingEdge(dut.clk)
    dut.noise.value = 1 << random.randrange(8 * bench.link_bytes)
    await RisingEdge(dut.clk)
    dut.noise.value = 0
    for _ in range(200):
        await RisingEdge(dut.clk)
    assert bench.faults == [FaultCode.LINK_CRC.value]
    assert bench.sinks["reply"]._received.empty()


@pytest.mark.parametrize("link_bytes", [4, 16])
def test_port(simulate, link_bytes):
    simulate(LinkPair, link_bytes=link_bytes, latency=32)


@pytest.mark.parametrize("link_bytes", [0, 8, None])
def test_width_rejected(link_bytes):
    with pytest.raises(ValueError, match="Links are 4 or 16 bytes wide"):
        LinkPort(link_bytes=link_bytes, port=0)
