"""Nothing leaves a receiver that is not a good packet, and whatever is dropped is reported."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge

from intarsia.bench import StreamSink, parameters, start
from intarsia.isa.bits import decode
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.packet import MessageClass, PacketKind
from intarsia.link.geometry import CLASSES
from intarsia.link.receiver import Receiver
from intarsia.link.transmitter import Grant
from tests.hw.link.packets import essence, make, sealed


class Bench:
    def __init__(self, dut):
        self.dut = dut
        receiver = Receiver(**parameters())
        self.link_bytes = receiver.geometry.link_bytes
        self.geometry = receiver.geometry
        self.sinks = {name: StreamSink(dut, getattr(receiver, name)) for name in CLASSES}
        self.sequence = 0
        self.faults, self.grants = [], []
        self.freed = dict.fromkeys(CLASSES, 0)
        cocotb.start_soon(self.watch())

    async def watch(self):
        while True:
            await FallingEdge(self.dut.clk)
            if self.dut.fault__valid.value == 1:
                report = decode(FaultReport, self.dut.fault__payload.value.to_unsigned())
                assert (report["engine"], report["info"]) == (9, 0)
                self.faults.append(report["code"])
            if self.dut.grant__valid.value == 1:
                grant = decode(Grant, self.dut.grant__payload.value.to_unsigned())
                self.grants.append((grant["message_class"], grant["credits"]))
            for name in CLASSES:
                self.freed[name] += self.dut[f"freed_{name}"].value == 1

    def packet(self, kind=PacketKind.READ_REPLY, length=40, /, **fields):
        """A packet, next in sequence unless `fields` say something else."""
        beats = make(random, kind, length, self.link_bytes)
        sealed_ = sealed(beats, self.link_bytes, **{"sequence": self.sequence % 256} | fields)
        self.sequence += kind is not PacketKind.CREDIT
        return sealed_

    async def put(self, *packets):
        """Packets onto the link, the last one ends with this cycle."""
        for beat in (beat for beats in packets for beat in beats):
            await RisingEdge(self.dut.clk)
            self.dut.valid.value = 1
            self.dut.start.value = beat["first"]
            self.dut.data.value = beat["data"]
        await RisingEdge(self.dut.clk)
        self.dut.valid.value = 0

    async def expect(self, beats, name="reply"):
        received = [await self.sinks[name].receive() for _ in beats]
        assert essence(received, self.link_bytes) == essence(beats, self.link_bytes)

    async def quiet(self):
        await ClockCycles(self.dut.clk, 20)
        assert all(sink._received.empty() for sink in self.sinks.values())


async def begin(dut):
    dut.valid.value = 0
    await start(dut)
    return Bench(dut)


@cocotb.test(timeout_time=50, timeout_unit="us")
async def good_packets_pass(dut):
    """Back to back, each class to its own stream; room is given back beat by beat."""
    bench = await begin(dut)
    packets = {
        "reply": bench.packet(),
        "request": bench.packet(PacketKind.WRITE, 1024),
        "control": bench.packet(PacketKind.SYNC_ARRIVE, 0),
    }
    await bench.put(*packets.values())
    for name, beats in packets.items():
        await bench.expect(beats, name)
    await bench.quiet()
    assert bench.faults == []
    assert bench.freed == {name: len(beats) for name, beats in packets.items()}
    assert dut.acknowledge.value == 2


@cocotb.test(timeout_time=50, timeout_unit="us")
async def credits_are_passed_on(dut):
    """Of good packets of any kind; CREDIT has no place in the sequence."""
    bench = await begin(dut)
    carried = [(MessageClass.REQUEST, 5), (MessageClass.CONTROL, 63), (MessageClass.REPLY, 1)]
    kinds = PacketKind.CREDIT, PacketKind.WRITE_ACK, PacketKind.CREDIT
    for kind, (message_class, units) in zip(kinds, carried, strict=True):
        await bench.put(bench.packet(kind, 0, credit_class=message_class.value, credits=units))
    await bench.put(bench.packet(credits=0))
    await ClockCycles(dut.clk, 60)
    assert bench.grants == carried
    assert bench.faults == []


WRONG = {
    "sequence": {"sequence": 7},
    "format": {"link_format": 2},
    "kind": {"kind": 19},
    "class": {"kind": 8},
    "length": {"length": 1100},
}


@cocotb.test(timeout_time=50, timeout_unit="us")
@cocotb.parametrize(what=list(WRONG))
async def what_breaks_the_protocol_is_dropped(dut, what):
    """Its CRC is good; one field is not. Credits in it are worth nothing."""
    bench = await begin(dut)
    first = bench.packet()
    await bench.put(first)
    wrong = WRONG[what]
    length = wrong.get("length", 40)
    await bench.put(bench.packet(PacketKind.READ_REPLY, length, credits=9, **wrong))
    await bench.expect(first)
    await bench.quiet()
    assert bench.faults == [FaultCode.LINK_PROTOCOL]
    assert bench.grants == []
    assert dut.acknowledge.value == 0


@cocotb.test(timeout_time=50, timeout_unit="us")
async def what_follows_a_loss_is_out_of_sequence(dut):
    """A packet that never came is noticed by the next one."""
    bench = await begin(dut)
    bench.packet()
    await bench.put(bench.packet(), bench.packet())
    await bench.quiet()
    assert bench.faults == [FaultCode.LINK_PROTOCOL] * 2


@cocotb.test(timeout_time=50, timeout_unit="us")
async def sequence_numbers_wrap(dut):
    """Packet 256 is number 0 again."""
    bench = await begin(dut)
    packets = [bench.packet(PacketKind.WRITE_ACK, 0) for _ in range(260)]
    for beats in packets:
        await bench.put(beats)
        await bench.expect(beats)
    assert bench.faults == []


@cocotb.test(timeout_time=50, timeout_unit="us")
async def a_packet_cut_short_is_dropped(dut):
    """The next one, which begins too early, is good if it has the number of the first."""
    bench = await begin(dut)
    short = bench.packet()[:-1]
    bench.sequence = 0
    whole = bench.packet()
    await bench.put(short, whole)
    await bench.expect(whole)
    await bench.quiet()
    assert bench.faults == [FaultCode.LINK_PROTOCOL]


@cocotb.test(timeout_time=50, timeout_unit="us")
async def beats_of_no_packet_are_reported(dut):
    """Once, not per beat; the next packet is good."""
    bench = await begin(dut)
    strays = bench.packet()[1:]
    bench.sequence = 0
    whole = bench.packet()
    await bench.put(strays, whole)
    await bench.expect(whole)
    assert bench.faults == [FaultCode.LINK_PROTOCOL]


@cocotb.test(timeout_time=50, timeout_unit="us")
async def any_flipped_bit_is_found(dut):
    """Each bit of a packet in turn, the length's too: nothing comes out, and it is reported."""
    bench = await begin(dut)
    whole = bench.packet(PacketKind.READ_REPLY, 24)
    for bit in range(0, len(whole) * 8 * bench.link_bytes, 5):
        beat, place = divmod(bit, 8 * bench.link_bytes)
        damaged = [dict(item) for item in whole]
        damaged[beat]["data"] ^= 1 << place
        bench.faults.clear()
        await bench.put(damaged)
        # Where the length has grown, the receiver waits for more; the next packet ends that.
        await bench.put(bench.packet(PacketKind.CREDIT, 0))
        await ClockCycles(dut.clk, 2)
        assert len(bench.faults) == 1
        assert bench.faults[0] in (FaultCode.LINK_CRC, FaultCode.LINK_PROTOCOL)
    await bench.put(whole)
    await bench.expect(whole)
    await bench.quiet()


@cocotb.test(timeout_time=50, timeout_unit="us")
async def without_room_nothing_is_overwritten(dut):
    """Packets beyond the buffer are dropped and reported; those that lie there come out whole."""
    bench = await begin(dut)
    bench.sinks["request"]._pause = 1.1
    await ClockCycles(dut.clk, 2)
    room = bench.geometry.capacity("request")
    length = 1024
    packets = []
    while True:
        beats = bench.packet(PacketKind.WRITE, length)
        # One beat waits in the output register.
        if room + 1 < len(beats):
            break
        packets.append(beats)
        await bench.put(beats)
        room -= len(beats)
    await bench.put(beats)
    await bench.put(beats)
    await ClockCycles(dut.clk, 2)
    assert bench.faults == [FaultCode.LINK_PROTOCOL] * 2
    bench.sinks["request"]._pause = 0.0
    for beats in packets:
        await bench.expect(beats, "request")
    await bench.quiet()


@cocotb.test(timeout_time=50, timeout_unit="us")
async def accounts_for_its_cycles(dut):
    """BUSY while a beat comes in, else IDLE: the counters show how full the link is."""
    bench = await begin(dut)
    beats = bench.packet()
    cocotb.start_soon(bench.put(beats))
    busy = 0
    for _ in range(40):
        await FallingEdge(dut.clk)
        assert dut.activity.value in (Activity.IDLE.value, Activity.BUSY.value)
        busy += dut.activity.value == Activity.BUSY.value
    assert busy == len(beats)


@pytest.mark.parametrize("link_bytes", [4, 16])
def test_receiver(simulate, link_bytes):
    simulate(Receiver, link_bytes=link_bytes)
