"""Nothing leaves a receiver that is not the next good packet; what is missing is asked for."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge

from intarsia.bench import StreamSink, parameters, start
from intarsia.isa.bits import decode
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.packet import NOTICES, MessageClass, PacketHeader, PacketKind
from intarsia.link.geometry import CLASSES
from intarsia.link.grant import Grant
from intarsia.link.receiver import Receiver
from tests.hw.link.packets import essence, make, sealed

#: Life of the other end.
LIFE = 6


class Bench:
    def __init__(self, dut):
        self.dut = dut
        receiver = Receiver(**parameters())
        self.link_bytes = receiver.geometry.link_bytes
        self.geometry = receiver.geometry
        self.sinks = {name: StreamSink(dut, getattr(receiver, name)) for name in CLASSES}
        self.sequence = 0
        self.faults, self.grants, self.notices = [], [], []
        self.retries = self.accepted = 0
        self.damaged = 0
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
            if self.dut.heard.value == 1:
                notice = decode(PacketHeader, self.dut.notice.value.to_unsigned())
                self.notices.append((notice, self.dut.same.value == 1))
            self.retries += self.dut.retry.value == 1
            self.accepted += self.dut.accepted.value == 1
            self.damaged += self.dut.damaged.value == 1
            for n, name in enumerate(CLASSES):
                self.freed[name] += self.dut.freed.value.to_unsigned() >> n & 1

    def held(self):
        return {name: self.dut[f"held_{name}"].value.to_unsigned() for name in CLASSES}

    def packet(self, kind=PacketKind.READ_REPLY, length=40, /, **fields):
        """A packet, next in sequence unless `fields` say something else."""
        beats = make(random, kind, length, self.link_bytes)
        sealed_ = sealed(
            beats, self.link_bytes, **{"sequence": self.sequence % 256, "epoch": LIFE} | fields
        )
        self.sequence += kind not in NOTICES
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

    async def pulse(self):
        await RisingEdge(self.dut.clk)
        self.dut.tick.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.tick.value = 0

    async def quiet(self):
        await ClockCycles(self.dut.clk, 20)
        assert all(sink._received.empty() for sink in self.sinks.values())


async def begin(dut):
    dut.valid.value = 0
    dut.tick.value = 0
    dut.up.value = 1
    dut.other.value = LIFE
    await start(dut)
    return Bench(dut)


@cocotb.test(timeout_time=50, timeout_unit="us")
async def good_packets_pass(dut):
    """Back to back, each class to its own stream; room is given back beat by beat."""
    bench = await begin(dut)
    packets = {
        "reply": bench.packet(),
        "request": bench.packet(PacketKind.WRITE, 1024),
        "forward": bench.packet(PacketKind.MAP_LOOKUP, 0),
        "control": bench.packet(PacketKind.SYNC_ARRIVE, 0),
    }
    await bench.put(*packets.values())
    for name, beats in packets.items():
        await bench.expect(beats, name)
    await bench.quiet()
    assert bench.faults == []
    assert bench.freed == {name: len(beats) for name, beats in packets.items()}
    assert bench.held() == dict.fromkeys(CLASSES, 0)
    assert (dut.expected.value, bench.accepted, bench.retries) == (4, 4, 0)
    assert bench.damaged == 0


@cocotb.test(timeout_time=50, timeout_unit="us")
async def credits_are_passed_on(dut):
    """Of good packets of any kind, once each; a notice has none."""
    bench = await begin(dut)
    carried = [(MessageClass.REQUEST, 5), (MessageClass.CONTROL, 63), (MessageClass.REPLY, 1)]
    kinds = PacketKind.CREDIT, PacketKind.WRITE_ACK, PacketKind.CREDIT
    for kind, (message_class, units) in zip(kinds, carried, strict=True):
        packet = bench.packet(kind, 0, credit_class=message_class.value, credits=units)
        await bench.put(packet, packet)
    await bench.put(bench.packet(credits=0), bench.packet(PacketKind.ACK, 0, credits=9))
    await ClockCycles(dut.clk, 60)
    assert bench.grants == carried
    assert bench.faults == []


WRONG = {
    "format": {"link_format": 1},
    "kind": {"kind": 23},
    "class": {"kind": 15},
    "length": {"length": 1100},
}


@cocotb.test(timeout_time=50, timeout_unit="us")
@cocotb.parametrize(what=list(WRONG))
async def what_breaks_the_protocol_is_reported(dut, what):
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
    assert dut.expected.value == 1


@cocotb.test(timeout_time=50, timeout_unit="us")
async def what_has_arrived_is_not_taken_again(dut):
    """It is dropped, and nobody is asked for anything."""
    bench = await begin(dut)
    packets = [bench.packet() for _ in range(3)]
    await bench.put(*packets, packets[1], packets[0], packets[2])
    for beats in packets:
        await bench.expect(beats)
    await bench.quiet()
    assert (bench.faults, bench.retries, bench.accepted) == ([], 0, 3)


@cocotb.test(timeout_time=50, timeout_unit="us")
async def what_is_missing_is_asked_for_once(dut):
    """Until it comes, or the other end begins to send again, or the timebase pulses."""
    bench = await begin(dut)
    missing, *behind = [bench.packet() for _ in range(3)]
    await bench.put(*behind, *behind)
    await ClockCycles(dut.clk, 3)
    assert bench.retries == 1
    await bench.pulse()
    await bench.put(*behind)
    await ClockCycles(dut.clk, 3)
    assert bench.retries == 2
    await bench.put(bench.packet(PacketKind.ACK, 0, sequence=0), *behind)
    await ClockCycles(dut.clk, 3)
    assert bench.retries == 3
    await bench.put(missing, behind[1])
    await ClockCycles(dut.clk, 3)
    assert bench.retries == 4
    await bench.put(*behind)
    for beats in (missing, *behind):
        await bench.expect(beats)
    await bench.quiet()
    assert (bench.faults, bench.retries, bench.accepted) == ([], 4, 3)


@cocotb.test(timeout_time=50, timeout_unit="us")
async def a_notice_tells_what_should_have_come(dut):
    """One that is ahead of what has arrived asks for it; one that is not, does not."""
    bench = await begin(dut)
    first = bench.packet()
    await bench.put(first, bench.packet(PacketKind.ACK, 0), bench.packet(PacketKind.RETRY, 0))
    await ClockCycles(dut.clk, 3)
    assert bench.retries == 0
    await bench.put(bench.packet(PacketKind.ACK, 0, sequence=2, acknowledge=77, credits=11))
    await ClockCycles(dut.clk, 3)
    assert bench.retries == 1
    assert [same for _, same in bench.notices] == [True] * 3
    notice, _ = bench.notices[-1]
    assert (notice["kind"], notice["acknowledge"]) == (PacketKind.ACK, 77)
    assert (notice["credits"], notice["epoch"]) == (11, LIFE)


@cocotb.test(timeout_time=50, timeout_unit="us")
async def other_lives_are_not_listened_to(dut):
    """Packets of another life, and all while the link is down, are dropped; notices are heard."""
    bench = await begin(dut)
    await bench.put(bench.packet(epoch=LIFE + 1), bench.packet(PacketKind.HELLO, 0, epoch=1))
    await ClockCycles(dut.clk, 3)
    dut.up.value = 0
    bench.sequence = 0
    damaged = bench.packet()
    damaged[1] = damaged[1] | {"data": 5}
    await bench.put(bench.packet(sequence=0), damaged, bench.packet(PacketKind.ACK, 0))
    await bench.quiet()
    assert [same for _, same in bench.notices] == [False] * 2
    assert (bench.faults, bench.retries, bench.accepted) == ([], 0, 0)
    dut.up.value = 1
    bench.sequence = 0
    whole = bench.packet()
    await bench.put(whole)
    await bench.expect(whole)


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
    assert (bench.faults, bench.retries, bench.damaged) == ([], 1, 1)


@cocotb.test(timeout_time=50, timeout_unit="us")
async def beats_of_no_packet_are_asked_for(dut):
    """Once, not per beat; the next packet is good."""
    bench = await begin(dut)
    strays = bench.packet()[1:]
    bench.sequence = 0
    whole = bench.packet()
    await bench.put(strays, whole)
    await bench.expect(whole)
    assert (bench.faults, bench.retries) == ([], 1)


@cocotb.test(timeout_time=50, timeout_unit="us")
async def any_flipped_bit_is_found(dut):
    """Each bit of a packet in turn, the length's too: nothing comes out, and it is asked for."""
    bench = await begin(dut)
    whole = bench.packet(PacketKind.READ_REPLY, 24)
    for bit in range(0, len(whole) * 8 * bench.link_bytes, 5):
        beat, place = divmod(bit, 8 * bench.link_bytes)
        damaged = [dict(item) for item in whole]
        damaged[beat]["data"] ^= 1 << place
        before = bench.retries
        await bench.put(damaged)
        # Where the length has grown, the receiver waits for more; the next packet ends that, and
        # says that what was asked for comes.
        await bench.put(bench.packet(PacketKind.ACK, 0, sequence=0))
        await ClockCycles(dut.clk, 2)
        assert bench.retries == before + 1
    assert set(bench.faults) <= {FaultCode.LINK_PROTOCOL}  # of a packet whose format was flipped
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
