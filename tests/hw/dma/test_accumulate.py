"""Sums are added exactly once, to what is there, or refused by name."""

import random

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge, RisingEdge
from cocotb.utils import get_sim_time

from intarsia.bench import start
from intarsia.dma.performed import SOURCES
from intarsia.dma.responder import Responder
from intarsia.isa.address import LogicalAddress
from intarsia.isa.bits import decode, encode
from intarsia.isa.faults import FaultCode
from intarsia.isa.packet import ErrorDetail, PacketKind, TransactionNumber, beats
from intarsia.isa.registers import FenceWord
from tests.hw.dma.packets import Packet
from tests.hw.dma.test_responder import DATA_ID, FRAGMENT, NODE, OTHER, SIZE, Bench

PERMISSIONS = dict(read=1, write=1, accumulate=1)


class Sums(Bench):
    """Sends sums, under numbers that the test chooses."""

    def add(self, count, offset, length, *, source=OTHER, place=0, repeated=0, counts=None):
        """Send sums. Returns the acknowledgement.

        They are expected to be added if they count: by default, where they are not repeated.
        """
        number = dict(place=place, count=count & 0xFFF, repeated=repeated)
        number = encode(TransactionNumber, number)
        address = dict(data_id=DATA_ID, fragment=FRAGMENT, offset=offset, version=9)
        payload = random.randbytes(length)
        sums = Packet(PacketKind.ACCUMULATE, length, NODE, source, number, payload=payload)
        sums.extension = encode(LogicalAddress, address)
        self.request.send(sums)
        if counts or (counts is None and not repeated):
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
        await FallingEdge(self.dut.clk)
        while self.dut.fence__ready.value != 1:
            await FallingEdge(self.dut.clk)
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
    sources = [(source, place) for source in (OTHER, OTHER + 1, NODE) for place in (0, 5)]
    counts = {who: random.getrandbits(12) for who in sources}
    replies = []
    for length in [4, 8, 1024, *(words(4, 200) for _ in range(40))]:
        who = source, place = random.choice(sources)
        counts[who] += random.choice([1, 1, 2, 5, 2048])
        about = dict(source=source, place=place)
        replies.append(bench.add(counts[who], words(0, SIZE - length), length, **about))
        if random.random() < 0.4:
            offset = words(0, SIZE - length)
            replies.append(bench.add(counts[who], offset, length, **about, repeated=1))
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
async def knows_what_comes_again(dut):
    """By place and source; what says that it is repeated, but has never come, is added."""
    bench = await begin(dut)
    places = range(8)
    for count in (5, 6, 0xFFF, 0):
        order = random.sample(places, len(places))
        for place in order:
            await bench.expect(bench.add(count, 4 * place, 16, place=place))
        for place in order:
            again = bench.add(count, 64, 8, place=place, repeated=1)
            other = dict(source=OTHER + 1, place=place, repeated=1)
            first = bench.add(count, 64, 8, **other, counts=True)
            await bench.expect(again, first, bench.add(count, 64, 8, **other))
    # Not what was performed before that: it would be answered by now.
    await bench.expect(bench.add(0xFFF, 0, 16, repeated=1, counts=True))
    # Numbers come again, after long; what is sent for the first time is always added.
    await bench.expect(bench.add(0xFFF, 0, 16), bench.add(0xFFF, 0, 16, repeated=1))
    assert not bench.faults.seen


@cocotb.test(timeout_time=500, timeout_unit="us")
async def forgets_who_is_fenced(dut):
    """Whoever begins anew may use its numbers again; nobody else."""
    bench = await begin(dut)
    other = OTHER + 1
    for source in (OTHER, other):
        for place in range(8):
            await bench.expect(bench.add(1000, 0, 16, source=source, place=place))
    await bench.fence(OTHER)
    for place in range(8):
        about = dict(place=place, repeated=1)
        await bench.expect(bench.add(1000, 16, 16, **about, counts=True))
        await bench.expect(bench.add(1000, 0, 16, **about, source=other))
    # Nodes are told apart by their lower bits.
    await bench.expect(bench.add(1000, 0, 16, source=other + SOURCES, repeated=1))


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
        await bench.refused(bench.add(7, 0, 16, repeated=1), code)
    bench.enter(permissions=PERMISSIONS)
    for offset, length in ((2, 16), (0, 6), (1, 7)):
        await bench.refused(bench.add(7, offset, length, repeated=1), FaultCode.BOUNDS)
    await bench.expect(bench.add(7, 0, 16, repeated=1, counts=True))


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
