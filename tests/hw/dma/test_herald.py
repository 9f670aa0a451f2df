"""What the job in front of the queue is about is named once, after what the queue names."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge

from intarsia.bench import StreamSink, StreamSource, start
from intarsia.common.ports import Job
from intarsia.dma.herald import Herald
from intarsia.isa.address import OWNER_BITS, data_id
from intarsia.isa.bits import encode
from intarsia.isa.instruction import RemoteOp
from intarsia.isa.transfer import RemoteDescriptor

CONTEXTS = 2
OWNERS = (5, 0xABC)


class Bench:
    """A herald, with somebody who takes what it names."""

    def __init__(self, dut, *, pause=0.0):
        herald = Herald(contexts=CONTEXTS)
        self.dut, self.named = dut, []
        self.names = StreamSource(dut, herald.names, pause=pause)
        self.ahead = StreamSink(dut, herald.ahead, pause=pause)
        dut.comes.value = 0
        dut.owners.value = sum(owner << OWNER_BITS * n for n, owner in enumerate(OWNERS))
        cocotb.start_soon(self._listen())

    async def _listen(self):
        while True:
            key = await self.ahead.receive()
            self.named.append((key["data_id"], key["fragment"]))

    async def job(self, opcode, key, cycles, context=0):
        """A job that waits for so many cycles."""
        descriptor = dict(data_id=key[0], fragment=key[1], row_bytes=16, rows=1)
        job = Job(RemoteDescriptor)
        fields = dict(opcode=opcode.value, context=context, descriptor=descriptor)
        await RisingEdge(self.dut.clk)
        self.dut.job.value = encode(job, fields)
        self.dut.comes.value = 1
        await ClockCycles(self.dut.clk, cycles)
        self.dut.comes.value = 0


def keys(count, owner=OWNERS[0]):
    return [(data_id(owner, 100 + n), n) for n in range(count)]


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(opcode=["READ", "WRITE", "ACCUMULATE"])
async def names_jobs_once(dut, opcode):
    """However long they wait; the same fragment again, if the next job is about it, too."""
    await start(dut)
    bench = Bench(dut)
    first, second = keys(2)
    for key, cycles in ((first, 3), (second, 40), (second, 3)):
        await bench.job(RemoteOp[opcode], key, cycles)
    await ClockCycles(dut.clk, 5)
    assert bench.named == [first, second, second]


@cocotb.test(timeout_time=200, timeout_unit="us")
async def names_before_the_job_may_start(dut):
    """Two cycles after it came."""
    await start(dut)
    bench = Bench(dut)
    [key] = keys(1)
    cocotb.start_soon(bench.job(RemoteOp.READ, key, 20))
    await ClockCycles(dut.clk, 3)
    await FallingEdge(dut.clk)
    assert bench.named == [key]


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(opcode=["GATHER", "SCATTER"])
async def leaves_lists_alone(dut, opcode):
    """They are named record by record, when they are read."""
    await start(dut)
    bench = Bench(dut)
    await bench.job(RemoteOp[opcode], keys(1)[0], 20)
    await ClockCycles(dut.clk, 5)
    assert not bench.named


@cocotb.test(timeout_time=200, timeout_unit="us")
async def leaves_other_owners_alone(dut):
    """Each context may name what is its owner's."""
    await start(dut)
    bench = Bench(dut)
    mine, yours = keys(1)[0], keys(1, OWNERS[1])[0]
    for context in (0, 1):
        for key in (mine, yours):
            await bench.job(RemoteOp.READ, key, 6, context)
    await ClockCycles(dut.clk, 5)
    assert bench.named == [mine, yours]


@cocotb.test(timeout_time=800, timeout_unit="us")
@cocotb.parametrize(pause=[0.0, 0.7])
async def loses_nothing_of_the_queue(dut, pause):
    """All that the queue names is passed on, in order; jobs that wait long enough are named too."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    queue, jobs = keys(60), keys(60, OWNERS[1])
    for key in queue:
        bench.names.send({"data_id": key[0], "fragment": key[1]})
    for key in jobs:
        await bench.job(RemoteOp.WRITE, key, 400 if key is jobs[0] else random.randint(40, 60), 1)
        await ClockCycles(dut.clk, random.randint(1, 4))
    await ClockCycles(dut.clk, 50)
    assert [key for key in bench.named if key in queue] == queue
    assert [key for key in bench.named if key in jobs] == jobs


@pytest.mark.parametrize("contexts", [CONTEXTS])
def test_herald(simulate, contexts):
    simulate(Herald, contexts=contexts)
