"""What jobs are about is named ahead of its look-ups, in their order, and once."""

import cocotb
import pytest
from cocotb.triggers import ClockCycles

from intarsia.bench import StreamSink, start
from intarsia.dma.lister import READ_AHEAD
from intarsia.dma.remote import RemoteQueue
from intarsia.dma.transactions import IN_FLIGHT
from intarsia.isa.address import data_id
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import RemoteOp
from tests.hw.dma.remotes import FRAGMENTS, OWNERS, Bench

PIECES = {(data_id(OWNERS[0], 100 + n // 3), n): 8 + n % 4 for n in range(40)}
KEYS = list(PIECES)
LINE = dict(rows=1, remote_pitch=0, local_pitch=0)


class Named(Bench):
    """Knows what was named."""

    def __init__(self, dut, *, pause=0.0, **more):
        super().__init__(dut, fragments=FRAGMENTS | PIECES, pause=pause, **more)
        self.named = []
        self.ahead = StreamSink(dut, RemoteQueue(config=self.config).ahead, pause=pause)
        cocotb.start_soon(self._listen())

    async def _listen(self):
        while True:
            name = await self.ahead.receive()
            self.named.append((name["data_id"], name["fragment"]))

    def gather(self, keys, listed, base):
        records = [(key, 0, 16 * n, 16) for n, key in enumerate(keys)]
        self.stitch(RemoteOp.GATHER, listed, base, records, **LINE)


@cocotb.test(timeout_time=200, timeout_unit="us")
async def lists_are_read_ahead(dut):
    """So many more fragments are named as are read before there is room for their requests."""
    await start(dut)
    bench = Named(dut)
    held = []
    bench.far = held.append
    bank = bench.config.bank_bytes
    bench.gather(KEYS, bank, 0)
    await ClockCycles(dut.clk, 400)
    assert len(held) == IN_FLIGHT
    # One more is read: the cutter has a record in its hands.
    assert bench.named == KEYS[: IN_FLIGHT + 1 + READ_AHEAD]
    bench.far = bench.answer
    bench.reply.send(*map(bench.answer, held))
    await bench.finish(1)
    assert bench.named == KEYS


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(pause=[0.0, 0.5])
async def nothing_is_named_twice(dut, pause):
    """Requests about one fragment that follow each other name it once."""
    await start(dut)
    bench = Named(dut, pause=pause, delay=30)
    bank = bench.config.bank_bytes
    rows = dict(row_bytes=100, rows=3, remote_pitch=200, local_pitch=100)
    bench.send(RemoteOp.READ, KEYS[0], 0, 0, context=0, **rows)
    bench.send(RemoteOp.WRITE, KEYS[1], 0, bank, context=0, **rows)
    bench.gather([*KEYS[2:6], KEYS[5], KEYS[2]], 2 * bank, 512)
    bench.send(RemoteOp.READ, KEYS[3], 0, 1024, context=0, **rows)
    await bench.finish(4)
    assert bench.named == [*KEYS[:6], KEYS[2], KEYS[3]]


@cocotb.test(timeout_time=200, timeout_unit="us")
async def lists_that_fail_are_left(dut):
    """Of a list that has failed, nothing is taken for a part of the next one."""
    await start(dut)
    bench = Named(dut, delay=10)
    bank = bench.config.bank_bytes
    bench.enter(KEYS[9], 50, size=4)
    bench.gather(KEYS[9:30], bank, 0)
    bench.expected[: 21 * 16] = bench.memory.bytes[: 21 * 16]
    bench.gather(KEYS[:6], 2 * bank, 512)
    await bench.engine.done(2)
    bench.check()
    bench.engine.check_faults(dict(code=FaultCode.BOUNDS))
    assert bench.named[-6:] == KEYS[:6]
    assert bench.named[:-6] == KEYS[9:][: len(bench.named) - 6]


@cocotb.test(timeout_time=200, timeout_unit="us")
async def what_is_not_ours_is_not_named(dut):
    """Tensors of other owners are refused, and never asked for."""
    await start(dut)
    bench = Named(dut, delay=10)
    bank = bench.config.bank_bytes
    _, foreign = FRAGMENTS
    bench.gather([foreign, KEYS[3]], bank, 0)
    bench.expected[:32] = bench.memory.bytes[:32]
    await bench.engine.done()
    bench.engine.send(
        RemoteOp.READ,
        dict(data_id=foreign[0], fragment=foreign[1], local=dict(offset=0), row_bytes=8, rows=1),
        context=0,
    )
    await bench.engine.done()
    bench.check()
    bench.engine.check_faults(*[dict(code=FaultCode.OWNER)] * 2)
    assert bench.named == [KEYS[3]]


@pytest.mark.parametrize("config", ["tiny", "ecp5-85k", "large"])
def test_scout(simulate, config):
    simulate(RemoteQueue, config=config)
