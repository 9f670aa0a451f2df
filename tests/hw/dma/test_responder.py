"""Requests are answered from memory, or refused by name without moving a byte."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge
from cocotb.utils import get_sim_time

from intarsia.bench import MemoryServer, parameters, start
from intarsia.dma.responder import Responder
from intarsia.isa.address import LogicalAddress
from intarsia.isa.bits import decode, encode
from intarsia.isa.faults import RESPONDER, FaultCode, FaultReport
from intarsia.isa.packet import ErrorDetail, PacketKind, beats
from tests.hw.dma.engines import Watch
from tests.hw.dma.packets import MapServer, Packet, PacketSink, PacketSource

NODE, OTHER = 7, 3
DATA_ID, FRAGMENT, SIZE = 0x123_456789A, 0x5AA5, 2048

#: What is wrong with a request, or with the map; and why it is refused.
REFUSALS = {
    "unknown": (dict(data_id=DATA_ID + 1), {}, FaultCode.ATU_MISS),
    "fragment": (dict(fragment=FRAGMENT ^ 1), {}, FaultCode.ATU_MISS),
    "elsewhere": ({}, dict(node=NODE + 1), FaultCode.VERSION),
    "version": (dict(version=8), {}, FaultCode.VERSION),
    "forbidden": ({}, dict(permissions=dict(accumulate=1)), FaultCode.PERMISSION),
    "beyond": (dict(offset=SIZE), {}, FaultCode.BOUNDS),
    "end": (dict(offset=SIZE - 63), {}, FaultCode.BOUNDS),
    "overflow": (dict(offset=(1 << 24) - 1), {}, FaultCode.BOUNDS),
}


class Bench:
    def __init__(self, dut, *, pause=0.0):
        responder = Responder(**parameters())
        self.config = responder.config
        link_bytes = self.config.link_bytes
        self.dut = dut
        dut.node.value = NODE
        dut.fence__valid.value = 0
        self.request = PacketSource(dut, responder.request, link_bytes, pause=pause)
        self.reply = PacketSink(dut, responder.reply, link_bytes, pause=pause)
        self.map = MapServer(dut, responder.lookup, pause=pause)
        self.faults = Watch(dut, responder.fault)
        self.memory = MemoryServer(
            dut,
            size=self.config.memory_bytes,
            banks=self.config.macro_banks,
            reads=[responder.read],
            writes=[responder.write],
            pause=pause,
        )
        self.memory.bytes[:] = random.randbytes(self.config.memory_bytes)
        self.expected = bytearray(self.memory.bytes)
        self.base = self.config.bank_bytes + 77
        self.enter()
        self.transaction = random.getrandbits(16)

    def enter(self, **changes):
        """Put the fragment into the map."""
        self.map.entries[DATA_ID, FRAGMENT] = (
            dict(
                node=NODE,
                base=self.base,
                size=SIZE,
                version=9,
                permissions=dict(read=1, write=1),
            )
            | changes
        )

    def send(self, kind, offset, length, *, source=OTHER, **changes):
        """Send a request for the fragment. Returns the reply that a good one gets."""
        self.transaction = self.transaction + 1 & 0xFFFF
        address = dict(data_id=DATA_ID, fragment=FRAGMENT, offset=offset, version=9) | changes
        packet = Packet(
            kind,
            length=length,
            destination=NODE,
            source=source,
            transaction=self.transaction,
            extension=encode(LogicalAddress, address),
        )
        reply = Packet(
            PacketKind.WRITE_ACK, destination=source, source=NODE, transaction=self.transaction
        )
        if kind is PacketKind.WRITE:
            packet.payload = random.randbytes(length)
        else:
            reply.kind = PacketKind.READ_REPLY
            reply.length = length
        self.request.send(packet)
        first = self.base + offset
        if kind is PacketKind.WRITE:
            self.expected[first : first + length] = packet.payload
        else:
            reply.payload = bytes(self.expected[first : first + length])
        return reply

    async def expect(self, *replies):
        for reply in replies:
            assert await self.reply.receive() == reply
        assert self.memory.bytes == self.expected


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def answers(dut, pause):
    """Reads see the writes before them; any length and alignment; replies come in order."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    lengths = [1, 2, 3, 15, 16, 17, 1023, 1024, *(random.randint(1, 300) for _ in range(24))]
    random.shuffle(lengths)
    replies = []
    for number, length in enumerate(lengths):
        # A write must not meet the read before it: those two are not ordered.
        free = SIZE // 2 - length
        offset = random.choice([0, free, random.randint(0, free)]) + number % 2 * SIZE // 2
        for kind in (random.choice([PacketKind.WRITE, PacketKind.READ]), PacketKind.READ):
            replies.append(bench.send(kind, offset, length))
    await bench.expect(*replies)
    assert not bench.faults.seen


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(case=list(REFUSALS), kind=["READ", "WRITE"])
async def refuses(dut, case, kind):
    """An ERROR says why; nothing is written; what follows is answered.

    That something has moved is no fault.
    """
    await start(dut)
    bench = Bench(dut)
    request, entry, code = REFUSALS[case]
    bench.enter(**entry)
    kept = bytes(bench.expected)
    changes = dict(offset=64) | request
    reply = bench.send(PacketKind[kind], length=64, **changes)
    bench.expected[:] = kept
    address = dict(data_id=DATA_ID, fragment=FRAGMENT) | changes
    detail = {name: address[name] for name in ("data_id", "fragment", "offset")}
    reply.kind = PacketKind.ERROR
    reply.length = 0
    reply.payload = b""
    reply.extension = encode(ErrorDetail, detail | {"fault": code.value})
    await bench.expect(reply)
    fields = dict(engine=RESPONDER, node=NODE, data_id=address["data_id"])
    report = {"code": code, "info": address["fragment"]} | fields
    reports = (
        [] if code is FaultCode.VERSION else [decode(FaultReport, encode(FaultReport, report))]
    )
    assert bench.faults.seen == reports
    bench.enter()
    await bench.expect(bench.send(PacketKind.WRITE, 0, 64), bench.send(PacketKind.READ, 0, 64))
    assert bench.faults.seen == reports


@cocotb.test(timeout_time=200, timeout_unit="us")
async def refuses_lengths(dut):
    """No packet brings or asks for nothing, or for more than a packet carries."""
    await start(dut)
    bench = Bench(dut)
    for length in (0, 1025, 2047):
        bench.send(PacketKind.READ, 0, length)
        assert (await bench.reply.receive()).kind is PacketKind.ERROR
    bench.send(PacketKind.WRITE, 0, 0)
    assert (await bench.reply.receive()).kind is PacketKind.ERROR
    assert [fault["code"] for fault in bench.faults.seen] == [FaultCode.BOUNDS] * 4
    assert bench.memory.bytes == bench.expected


@cocotb.test(timeout_time=200, timeout_unit="us")
async def holder_needs_no_permission(dut):
    """Permissions are for other nodes; each of them is looked at alone."""
    await start(dut)
    bench = Bench(dut)
    bench.enter(permissions={})
    await bench.expect(
        bench.send(PacketKind.WRITE, 0, 40, source=NODE),
        bench.send(PacketKind.READ, 0, 40, source=NODE),
    )
    bench.enter(permissions=dict(read=1))
    await bench.expect(bench.send(PacketKind.READ, 0, 40))
    bench.enter(permissions=dict(write=1))
    await bench.expect(bench.send(PacketKind.WRITE, 0, 40))
    assert not bench.faults.seen


@cocotb.test(timeout_time=200, timeout_unit="us")
async def drops_what_is_no_request(dut):
    """Another kind of packet is reported, payload and all, and answered by nothing."""
    await start(dut)
    bench = Bench(dut)
    bench.request.send(Packet(PacketKind.READ_REPLY, length=40, payload=bytes(40)))
    await bench.expect(bench.send(PacketKind.READ, 0, 40))
    [fault] = bench.faults.seen
    assert (fault["code"], fault["engine"]) == (FaultCode.LINK_PROTOCOL, RESPONDER)


@cocotb.test(timeout_time=200, timeout_unit="us")
async def reports_damage(dut):
    """Bytes that can't be read are reported, with where they lie; later requests are answered."""
    await start(dut)
    bench = Bench(dut)
    step = bench.config.link_bytes
    bench.memory.damaged |= {bench.base + 3 * step + 1, bench.base + 200}
    await bench.expect(bench.send(PacketKind.READ, 0, 64))
    await ClockCycles(dut.clk, 2)  # a report may follow the last beat
    [fault] = bench.faults.seen
    report = dict(code=FaultCode.PARITY, engine=RESPONDER, address=bench.base + 3 * step)
    assert fault == decode(FaultReport, encode(FaultReport, report))
    await bench.expect(bench.send(PacketKind.READ, 64, 64))
    assert len(bench.faults.seen) == 1


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def quiet_when_nothing_found_moves(dut, pause):
    """From the result of a look-up to the last access of the memory, the responder is not quiet."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    responder = Responder(**parameters())
    found, quiet = dut[responder.lookup.result.valid.name], dut[responder.quiet.name]
    accesses = {PacketKind.READ: responder.read.request, PacketKind.WRITE: responder.write.request}
    for kind in random.choices(list(accesses), k=12):
        # Accesses of `kind` that one request of a single beat is good for.
        access = accesses[kind]
        valid, ready = dut[access.valid.name], dut[access.ready.name]
        reply = bench.send(kind, 0, bench.config.link_bytes)
        moving = moved = False
        for _ in range(400):
            await FallingEdge(dut.clk)
            moving |= found.value == 1
            assert not (moving and quiet.value == 1)
            if moving and valid.value == 1 and ready.value == 1:
                moved = True
                break
        assert moved
        await FallingEdge(dut.clk)
        assert quiet.value == 1
        await bench.expect(reply)
    # A refused request moves nothing.
    bench.send(PacketKind.READ, SIZE, 4)
    assert (await bench.reply.receive()).kind is PacketKind.ERROR
    assert quiet.value == 1


@cocotb.test(timeout_time=200, timeout_unit="us")
async def keeps_the_link_busy(dut):
    """Payload passes at a beat per cycle, both ways at once, with few cycles between packets."""
    await start(dut)
    bench = Bench(dut)
    link_bytes = bench.config.link_bytes
    packets = 6
    for kind, gap in ((PacketKind.READ, 1), (PacketKind.WRITE, 6)):
        replies = [bench.send(kind, 512 * (n % 2), 1024) for n in range(packets)]
        assert await bench.reply.receive() == replies[0]
        begin = get_sim_time("ns")
        await bench.expect(*replies[1:])
        cycles = (get_sim_time("ns") - begin) // 10
        carrier = PacketKind.READ_REPLY if kind is PacketKind.READ else kind
        assert cycles <= (packets - 1) * (beats(carrier, 1024, link_bytes) + gap)


@pytest.mark.parametrize("config", ["tiny", "ecp5-85k", "large"])
def test_responder(simulate, config):
    simulate(Responder, config=config)
