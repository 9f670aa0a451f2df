"""Jobs of a context are done in order, and hold up none of another one."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles

from intarsia.bench import start
from intarsia.dma.remote import RemoteQueue
from intarsia.dma.transactions import IN_FLIGHT, JOBS
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import RemoteOp
from tests.hw.dma.remotes import FRAGMENTS, SIZE, Bench

#: Tensors of contexts 0 and 1.
SLOW, FAST = FRAGMENTS


def rows(count, row_bytes=16):
    """Rows of which each is a request of its own."""
    return dict(row_bytes=row_bytes, rows=count, remote_pitch=row_bytes + 4, local_pitch=row_bytes)


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(opcode=["READ", "WRITE", "ACCUMULATE"], slow=[1, IN_FLIGHT - 1])
async def overtakes(dut, opcode, slow):
    """What waits for a node that says nothing holds up no job of another context, however long."""
    await start(dut)
    bench = Bench(dut, delay=10)
    held = []

    def far(packet):
        if packet.destination != FRAGMENTS[SLOW]:
            return bench.answer(packet)
        return held.append(packet)

    bench.far = far
    bench.send(RemoteOp[opcode], SLOW, 0, 0, **rows(slow))
    for number in range(2 * JOBS):
        place = 2048 + 128 * number
        bench.send(RemoteOp[opcode], FAST, 200 * number, place, **rows(8 if slow == 1 else 4))
    await bench.engine.done(2 * JOBS)
    assert bench.engine.whose == [1] * 2 * JOBS
    assert len(held) == slow
    bench.reply.send(*map(bench.answer, held))
    await bench.finish(1)
    assert bench.engine.whose[-1] == 0


@cocotb.test(timeout_time=400, timeout_unit="us")
async def keeps_order(dut):
    """While a job waits, none that came later in its context is done, though all their bytes came;
    those of another context are.
    """
    await start(dut)
    bench = Bench(dut, delay=10)
    held = []
    bench.far = lambda packet: bench.answer(packet) if held else held.append(packet)
    for number in range(JOBS - 1):
        bench.send(RemoteOp.READ, SLOW, 200 * number, 128 * number, **rows(2))
    bench.send(RemoteOp.READ, FAST, 0, 2048, **rows(2))
    await ClockCycles(dut.clk, 300)
    assert bench.engine.whose == [1]
    bench.reply.send(bench.answer(held[0]))
    await bench.finish(JOBS)
    assert bench.engine.whose == [1] + [0] * (JOBS - 1)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def any_latency(dut, pause):
    """When a job is done, all of it is in its place, and all those before it in its context are
    done; some of other contexts, which came later, are done earlier.
    """
    await start(dut)
    bench = Bench(dut, pause=pause, delay=60)
    answer, room, jobs = bench.answer, 128, 60

    def far(packet):
        bench.delay = random.choice([0, 20, 60, 600])
        return answer(packet)

    bench.far = far
    sent, order = {0: [], 1: []}, []
    places = random.sample(range(bench.config.memory_bytes // room), jobs)
    # What is written is read by nobody.
    fresh = random.sample(range(1, SIZE // room), jobs // 3)
    for number, place in enumerate(places):
        context, opcode, offset = random.randrange(2), RemoteOp.READ, 0
        if number % 3 == 0:
            opcode, offset = RemoteOp.WRITE, room * fresh.pop()
        key = (SLOW, FAST)[context]
        count, row_bytes = random.choice([1, 2, 5]), random.randint(1, 20)
        bench.send(opcode, key, offset, place * room, **rows(count, row_bytes))
        here = slice(place * room, (place + 1) * room)
        sent[context].append((opcode, here, key, slice(offset, offset + room)))
        order.append(context)

    def check(context):
        opcode, here, key, there = sent[context].pop(0)
        if opcode is RemoteOp.READ:
            assert bench.memory.bytes[here] == bench.expected[here]
        else:
            store = bench.stores[key, FRAGMENTS[key]]
            assert store[there] == bench.expected_stores[key][there]

    bench.engine.when_done = check
    await bench.finish(jobs)
    assert bench.engine.whose != order


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(wait=list(range(6)))
async def fails_among_others(dut, wait):
    """A job that is refused is done in its turn, whatever those of the other context do."""
    await start(dut)
    bench = Bench(dut, delay=10)
    held = []
    bench.far = lambda packet: held.append(bench.answer(packet))
    good = rows(1, 8)
    for key, context in ((SLOW, 0), (None, 0), (FAST, 1), (None, 1), (SLOW, 0), (FAST, 1)):
        if key is None:
            bench.engine.send(RemoteOp.WRITE, dict(data_id=0) | good, context=context)
        else:
            bench.send(RemoteOp.WRITE, key, 0, 0, **good)
    await ClockCycles(dut.clk, 100)
    seen = 0
    while bench.engine.finished < 6:
        held[seen:] = reversed(held[seen:])
        for reply in held[seen:]:
            bench.reply.send(reply)
            seen += 1
            await ClockCycles(dut.clk, wait)
        await ClockCycles(dut.clk, 100)
    await bench.engine.done(6)
    assert sorted(bench.engine.whose) == [0] * 3 + [1] * 3
    codes = [fault["code"] for fault in bench.engine.faults.seen]
    assert codes == [FaultCode.OWNER] * 2
    assert sorted(fault["context"] for fault in bench.engine.faults.seen) == [0, 1]


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_jobs(simulate, config):
    simulate(RemoteQueue, config=config)
