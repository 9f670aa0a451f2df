"""Sums are added exactly once, to what is there, or refused by name."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time

from intarsia.bench import start
from intarsia.dma.performed import SOURCES, WINDOW
from intarsia.dma.responder import Responder
from intarsia.isa.address import LogicalAddress
from intarsia.isa.bits import decode, encode
from intarsia.isa.faults import RESPONDER, FaultCode
from intarsia.isa.packet import ErrorDetail, PacketKind, beats
from intarsia.isa.registers import FenceWord
from tests.hw.dma.packets import Packet
from tests.hw.dma.test_responder import DATA_ID, FRAGMENT, NODE, OTHER, SIZE, Bench

PERMISSIONS = dict(read=1, write=1, accumulate=1)


class Sums(Bench):
    """Sends sums, under numbers that the test chooses."""

    def add(self, number, offset, length, *, source=OTHER, counts=True):
        """Send sums; they are expected to be added if they count. Returns the acknowledgement."""
        address = dict(data_id=DATA_ID, fragment=FRAGMENT, offset=offset, version=9)
        number &= 0xFFFF
        payload = random.randbytes(length)
        sums = Packet(PacketKind.ACCUMULATE, length, NODE, source, number, payload=payload)
        sums.extension = encode(LogicalAddress, address)
        self.request.send(sums)
        if counts:
            first = self.base + offset
            there = np.frombuffer(self.expected, "<i4", length // 4, first)
            total = there + np.frombuffer(payload, "<i4")
            self.expected[first : first + length] = total.astype("<i4").tobytes()
        return Packet(PacketKind.WRITE_ACK, 0, source, NODE, number)

    async def fence(self, node):
        """What `node` has sent before counts no more."""
        await RisingEdge(self.dut.clk)
        self.dut.fence__payload.value = encode(FenceWord, {"node": node})
        self.dut.fence__valid.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.fence__valid.value = 0

    async def replies(self, replies):
        """These come, in order."""
        for reply in replies:
            assert await self.reply.receive() == reply

    async def refused(self, reply, code):
        """The next reply is an ERROR instead of `reply`. Returns what it says."""
        got = await self.reply.receive()
        assert (got.kind, got.transaction) == (PacketKind.ERROR, reply.transaction)
        detail = decode(ErrorDetail, got.extension)
        assert (detail["fault"], detail["data_id"]) == (code.value, DATA_ID)
        return detail


async def begin(dut, *, pause=0.0):
    dut.fence__valid.value = 0
    await start(dut)
    bench = Sums(dut, pause=pause)
    bench.enter(permissions=PERMISSIONS)
    return bench


def words(low, high):
    """Some multiple of 4."""
    return 4 * random.randint(low // 4, high // 4)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def adds(dut, pause):
    """Any length and place, among reads and writes of the same bytes; repeated ones not again."""
    bench = await begin(dut, pause=pause)
    numbers = {source: random.getrandbits(16) for source in (OTHER, OTHER + 1, NODE)}
    replies = []
    for length in [4, 8, 1024, *(words(4, 200) for _ in range(40))]:
        source = random.choice(list(numbers))
        number = numbers[source] = numbers[source] + random.choice([1, 1, 2, 5]) & 0xFFFF
        replies.append(bench.add(number, words(0, SIZE - length), length, source=source))
        if random.random() < 0.4:
            offset = words(0, SIZE - length)
            replies.append(bench.add(number, offset, length, source=source, counts=False))
        if random.random() < 0.5:
            offset = random.randint(0, SIZE - 64)
            replies.append(bench.send(PacketKind.READ, offset, 64))
            # What is written must not meet what is still being read.
            await bench.replies(replies)
            replies = [bench.send(PacketKind.WRITE, offset, random.randint(1, 64))]
    await bench.replies(replies)
    assert bench.memory.bytes == bench.expected
    assert not bench.faults.seen


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def remembers_the_last_sixteen(dut):
    """In any order, across the end of numbers, for each source alone; older are refused."""
    bench = await begin(dut)
    for last in (5, random.getrandbits(16), 0x8000):
        await bench.fence(OTHER)
        await bench.fence(OTHER + 1)
        order = random.sample(range(WINDOW), WINDOW)
        await bench.expect(bench.add(last, 0, 16))
        other = bench.add(last + WINDOW // 2, 32, 16, source=OTHER + 1)
        await bench.expect(other)
        for back in order:
            await bench.expect(bench.add(last - back, 64, 8, counts=back != 0))
        for back in order:
            await bench.expect(bench.add(last - back, 64, 8, counts=False))
        old = bench.add(last - WINDOW, 0, 16, counts=False)
        await bench.refused(old, FaultCode.TRANSACTION)
        # It moves on; what it leaves behind is forgotten.
        await bench.expect(bench.add(last + 3, 0, 16))
        await bench.expect(bench.add(last + 3, 0, 16, counts=False))
        await bench.expect(bench.add(last + 2, 0, 16))
        await bench.expect(bench.add(last + 3 - WINDOW + 1, 0, 16, counts=False))
        await bench.refused(
            bench.add(last + 3 - WINDOW, 0, 16, counts=False), FaultCode.TRANSACTION
        )
        await bench.expect(bench.add(last + 300, 0, 16))
        await bench.expect(bench.add(last + 299, 0, 16))
    assert {fault["code"] for fault in bench.faults.seen} == {FaultCode.TRANSACTION}
    assert {fault["engine"] for fault in bench.faults.seen} == {RESPONDER}


@cocotb.test(timeout_time=500, timeout_unit="us")
async def forgets_who_is_fenced(dut):
    """Whoever begins anew may use its numbers again; nobody else."""
    bench = await begin(dut)
    for source in (OTHER, OTHER + 1):
        await bench.expect(bench.add(1000, 0, 16, source=source))
    await bench.fence(OTHER)
    await bench.expect(bench.add(1, 0, 16))
    await bench.expect(bench.add(1000, 0, 16, source=OTHER + 1, counts=False))
    await bench.expect(bench.add(1000, 16, 16))
    # Nodes are told apart by their lower bits.
    await bench.expect(bench.add(1000, 0, 16, source=OTHER + SOURCES, counts=False))


@cocotb.test(timeout_time=500, timeout_unit="us")
async def refuses(dut):
    """What is not allowed, or not aligned: nothing is added, and the number is not used up."""
    bench = await begin(dut)
    for case, code in (
        (dict(permissions=dict(read=1, write=1)), FaultCode.PERMISSION),
        (dict(version=8), FaultCode.VERSION),
        (dict(permissions=PERMISSIONS | dict(moving=1)), FaultCode.VERSION),
        (dict(node=NODE + 1, replica=NODE), FaultCode.VERSION),
        (dict(size=15), FaultCode.BOUNDS),
    ):
        bench.enter(permissions=PERMISSIONS)
        bench.enter(**dict(permissions=PERMISSIONS) | case)
        await bench.refused(bench.add(7, 0, 16, counts=False), code)
    bench.enter(permissions=PERMISSIONS)
    for offset, length in ((2, 16), (0, 6), (1, 7)):
        await bench.refused(bench.add(7, offset, length, counts=False), FaultCode.BOUNDS)
    await bench.expect(bench.add(7, 0, 16))


@cocotb.test(timeout_time=500, timeout_unit="us")
async def stops_at_damage(dut):
    """From the damaged vector on nothing is added; it is reported, and the answer is ERROR."""
    bench = await begin(dut)
    step = bench.config.link_bytes
    before = 3 * step
    bench.memory.damaged.add(bench.base + before + 1)
    kept = bytes(bench.expected)
    reply = bench.add(1, 0, 8 * step)
    end = bench.base + 8 * step
    bench.expected[bench.base + before : end] = kept[bench.base + before : end]
    detail = await bench.refused(reply, FaultCode.PARITY)
    assert (detail["fragment"], detail["offset"]) == (FRAGMENT, 0)
    [fault] = bench.faults.seen
    assert (fault["code"], fault["address"]) == (FaultCode.PARITY, bench.base + before)
    await bench.expect(bench.add(2, 16 * step, 4 * step), bench.send(PacketKind.READ, 0, step))


@cocotb.test(timeout_time=500, timeout_unit="us")
async def keeps_up(dut):
    """A beat per cycle, and few cycles from packet to packet."""
    bench = await begin(dut)
    packets = 5
    replies = [bench.add(n, 0, 1024) for n in range(packets)]
    assert await bench.reply.receive() == replies[0]
    begin_time = get_sim_time("ns")
    await bench.replies(replies[1:])
    cycles = (get_sim_time("ns") - begin_time) // 10
    length = beats(PacketKind.ACCUMULATE, 1024, bench.config.link_bytes)
    assert cycles <= (packets - 1) * (length + 10)
    assert bench.memory.bytes == bench.expected


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_accumulate(simulate, config):
    simulate(Responder, config=config)
