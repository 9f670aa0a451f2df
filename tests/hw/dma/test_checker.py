"""What has a checksum arrives as it was, or the host hears of it."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge

from intarsia.bench import start
from intarsia.dma.remote import RemoteQueue
from intarsia.driver.checksum import checksum
from intarsia.isa.faults import FaultCode
from intarsia.isa.fragment import CHECKED_MAX
from intarsia.isa.instruction import RemoteOp, Stream
from tests.hw.dma.remotes import FRAGMENTS, SIZE, Bench

KEY, OTHER = FRAGMENTS
HOLDER = FRAGMENTS[KEY]
REPLICA = 23

SIZES = [1, 4, 15, 16, 17, 100, 1000, CHECKED_MAX]


def check(bench, key, size, **changes):
    """Give a fragment a checksum, and all nodes what it is."""
    bench.expected_stores.setdefault(key, bytearray(random.randbytes(SIZE)))
    content = bytes(bench.expected_stores[key])
    bench.stores[key, HOLDER] = bytearray(content)
    known = dict(size=size, checked=1, checksum=checksum(content[:size]), source=HOLDER)
    bench.enter(key, **known | changes)


def spoil(bench, node, size, key=KEY):
    """Change a bit of what `node` has."""
    bench.stores[key, node][random.randrange(size)] ^= 1 << random.randrange(8)


def rows(size, count=1, pitch=0):
    return dict(row_bytes=size, rows=count, remote_pitch=size, local_pitch=size + pitch)


def fault(node):
    about = dict(code=FaultCode.CHECKSUM, engine=Stream.REMOTE.value, context=0, node=node)
    return about | dict(data_id=KEY[0], info=KEY[1])


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(size=SIZES, pause=[0.0, 0.5])
async def heals(dut, size, pause):
    """What is damaged on its way is asked for again: of the replica, or else in the same place."""
    await start(dut)
    bench = Bench(dut, pause=pause, delay=20)
    for replica in (REPLICA, None):
        check(bench, KEY, size, replica=replica)
        bench.requests.clear()
        bench.send(RemoteOp.READ, KEY, 0, 0, **rows(size))
        await bench.finish(1)
        assert bench.asked() == {HOLDER: 1}

        bench.requests.clear()
        good = bytes(bench.stores[KEY, HOLDER])
        spoil(bench, HOLDER, size)

        def far(packet, good=good, replica=replica):
            reply = bench.answer(packet)
            if replica is None:
                bench.stores[KEY, HOLDER][:] = good
            return reply

        bench.far = far
        bench.send(RemoteOp.READ, KEY, 0, 1024, **rows(size))
        await bench.engine.done()
        assert bench.memory.bytes == bench.expected
        assert bench.asked() == ({HOLDER: 2} if replica is None else {HOLDER: 1, REPLICA: 1})
        bench.far = bench.answer
    bench.engine.check_faults()


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(replica=[False, True])
async def names_what_is_wrong(dut, replica):
    """What nobody has as it was is reported, with the node that was asked last; others go on."""
    await start(dut)
    bench = Bench(dut, delay=20)
    check(bench, KEY, 100, replica=REPLICA if replica else None)
    last = REPLICA if replica else HOLDER
    for node in {HOLDER, last}:
        spoil(bench, node, 100)
    fields = dict(data_id=KEY[0], fragment=KEY[1], local=dict(offset=64))
    bench.engine.send(RemoteOp.READ, fields | rows(100))
    bench.send(RemoteOp.READ, OTHER, 0, 1024, **rows(100))
    await bench.engine.done(2)
    bench.engine.check_faults(fault(last))
    assert bench.memory.bytes[1024:] == bench.expected[1024:]
    assert bench.asked()[HOLDER] == (1 if replica else 2)


@cocotb.test(timeout_time=400, timeout_unit="us")
async def asks_who_is_alive(dut):
    """Where the replica is dead, or the holder, the other one is asked again."""
    await start(dut)
    bench = Bench(dut, delay=20)
    for dead, alive in ((REPLICA, HOLDER), (HOLDER, REPLICA)):
        check(bench, KEY, 64, replica=REPLICA)
        await bench.fence(dead)
        spoil(bench, alive, 64)
        bench.requests.clear()
        fields = dict(data_id=KEY[0], fragment=KEY[1], local=dict(offset=64))
        bench.engine.send(RemoteOp.READ, fields | rows(64))
        await bench.engine.done()
        bench.engine.check_faults(fault(alive))
        assert bench.asked() == {alive: 2}
        await bench.fence(dead, dead=0)


@cocotb.test(timeout_time=400, timeout_unit="us")
async def compares_wholes(dut):
    """Parts of fragments, what has no checksum, and what is written are not compared."""
    await start(dut)
    bench = Bench(dut, delay=20)
    cases = (
        (RemoteOp.READ, 0, 99, {}),
        (RemoteOp.READ, 1, 99, {}),
        (RemoteOp.READ, 0, 100, dict(checked=0)),
        (RemoteOp.READ, 0, 1100, dict(size=1100)),
        (RemoteOp.WRITE, 0, 100, {}),
    )
    for opcode, offset, size, changes in cases:
        check(bench, KEY, changes.pop("size", 100), checksum=7, **changes)
        bench.send(opcode, KEY, offset, 2048, **rows(size))
        await bench.finish(1)
    check(bench, KEY, 100, checksum=7)
    fields = dict(data_id=KEY[0], fragment=KEY[1], local=dict(offset=2048))
    bench.engine.send(RemoteOp.READ, fields | rows(100))
    await bench.engine.done()
    bench.engine.check_faults(fault(HOLDER))


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def gathers(dut, pause):
    """Lists of fragments with checksums, rows with gaps, among others; some replies are damaged."""
    await start(dut)
    bench = Bench(dut, pause=pause, delay=100)
    keys = [(KEY[0], 100 + n) for n in range(12)]
    sizes = [4 * random.randint(1, 40) for _ in keys]
    for n, (key, size) in enumerate(zip(keys, sizes, strict=True)):
        check(bench, key, size, node=40 + n % 3, replica=50 + n % 2)

    def far(packet):
        reply = bench.answer(packet)
        if packet.destination < 50 and random.random() < 0.3:
            reply.payload = bytes([reply.payload[0] ^ 1]) + reply.payload[1:]
        return reply

    bench.far = far
    pitch = dict(remote_pitch=0, local_pitch=0)
    records = [(key, 0, 160 * n, sizes[n]) for n, key in enumerate(keys)]
    for _ in range(3):
        bench.stitch(RemoteOp.GATHER, 8192, 0, records, rows=1, **pitch)
        for n, (key, size) in enumerate(zip(keys, sizes, strict=True)):
            spread = rows(size // 4, 4, pitch=1)
            bench.send(RemoteOp.READ, key, 0, 2048 + 170 * n, context=0, **spread)
    await bench.finish(3 * (1 + len(keys)))
    assert sum(bench.asked()[node] for node in (50, 51)) > 0


@cocotb.test(timeout_time=400, timeout_unit="us")
async def costs_no_cycle(dut):
    """A READ that is compared takes as long as one that is not, if it is as long as is compared."""
    await start(dut)
    bench = Bench(dut)
    await ClockCycles(dut.clk, 30)
    spent = []
    for checked in (0, 0, 1, 0, 1):
        check(bench, KEY, 256, checked=checked)
        bench.send(RemoteOp.READ, KEY, 0, 0, **rows(256))
        cycles = 0
        while dut.engine__done.value != 1:
            await FallingEdge(dut.clk)
            cycles += 1
        await bench.finish(1)
        await ClockCycles(dut.clk, 20)
        spent.append(cycles)
    assert len(set(spent[1:])) == 1, spent


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_checker(simulate, config):
    simulate(RemoteQueue, config=config)
