"""WRITE reaches all replicas, whoever dies and wherever they move."""

import cocotb
import pytest

from intarsia.bench import start
from intarsia.dma.remote import RemoteQueue
from intarsia.isa.instruction import RemoteOp
from tests.hw.dma.remotes import VERSION, Bench
from tests.hw.dma.test_sender import ALL, HOLDER, KEY, PULSE, REPLICA, dead, rows


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(opcode=ALL, pause=[0.0, 0.5])
async def writes_to_all(dut, opcode, pause):
    """WRITE goes to the node and then to its replica; READ and sums to the node alone."""
    await start(dut)
    bench = Bench(dut, pause=pause, delay=100)
    bench.enter(KEY, replica=REPLICA)
    bench.send(RemoteOp[opcode], KEY, 0, 64, **rows(20))
    await bench.engine.done()
    bench.check(*[REPLICA] * (opcode == "ACCUMULATE"))
    bench.engine.check_faults()
    assert bench.asked() == {HOLDER: 20} | ({REPLICA: 20} if opcode == "WRITE" else {})


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(lost=[HOLDER, REPLICA, "both"])
async def writes_to_those_alive(dut, lost):
    """Where one of two nodes dies, WRITE is done by the other; where both do, it is refused."""
    await start(dut)
    bench = Bench(dut, delay=30, pulse=PULSE)
    bench.enter(KEY, replica=REPLICA)
    gone = {HOLDER, REPLICA} if lost == "both" else {lost}

    def far(packet):
        if len(bench.requests) == 5:
            bench.silent = gone
        return bench.answer(packet)

    bench.far = far
    bench.send(RemoteOp.WRITE, KEY, 0, 64, **rows(20))
    await bench.engine.done()
    if lost == "both":
        bench.engine.check_faults(dead())
    else:
        bench.check(lost)
        bench.engine.check_faults()
        assert bench.asked()[HOLDER + REPLICA - lost] >= 20


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(count=[1, 20])
async def writes_all_of_what_moves(dut, count):
    """A fragment that moves between the two halves of a WRITE gets both at its new places."""
    await start(dut)
    bench = Bench(dut, delay=30, pulse=PULSE)
    bench.enter(KEY, replica=REPLICA)

    def far(packet):
        if len(bench.requests) == (2 if count == 1 else 12):
            # What was acknowledged is at the old places, and is copied; nothing else is.
            stale = dict(bench.map.entries[KEY])
            bench.enter(KEY, HOLDER if count == 1 else 50, replica=51, version=VERSION + 1)
            bench.map.cached[KEY] = stale
        return bench.answer(packet)

    bench.far = far
    bench.send(RemoteOp.WRITE, KEY, 0, 64, **rows(count))
    await bench.finish(1)


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_replicas(simulate, config):
    simulate(RemoteQueue, config=config)
