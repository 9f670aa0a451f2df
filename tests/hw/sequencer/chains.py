"""Chained instructions for the vector engine start when they are delivered to, and no earlier."""

import random

import cocotb

from intarsia.isa.instruction import Stream
from tests.hw.sequencer.bench import Bench
from tests.hw.sequencer.programs import end, mask, work

__all__ = [
    "chains_meet",
    "chains_wait_for_their_context",
    "nobody_waits_for_the_forsaken",
]

#: Where programs lie: a macro-bank for each context.
BASES = (0x0003, 0x1001)


def chained(bench, count, **fields):
    """A vector stream of chained instructions."""
    return [work(bench.rng, Stream.VECTOR, chained=True, **fields) for _ in range(count)]


async def prepare(bench):
    for context in (0, 1):
        await bench.set_slot(context, 1, 0x100, 1)


async def deliver(bench, context):
    """Have a chained job of `context` on its way out until its instruction is done."""
    done = len(bench.of("done", Stream.VECTOR, context))
    bench.dut.deliverer.value = context
    bench.dut.delivers.value = 1
    await bench.until("done", done + 1, stream=Stream.VECTOR, context=context)
    bench.dut.delivers.value = 0
    await bench.cycles(1 + bench.rng.randint(0, 9))


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def chains_meet(dut, pause):
    """Of two contexts, in any order in which the convolution engine has theirs."""
    bench = await Bench.create(dut, pause=pause)
    await prepare(bench)
    for context in (0, 1):
        await bench.run(context, {Stream.VECTOR: [*chained(bench, 12), end()]}, base=BASES[context])
    await bench.settle()
    assert not bench.of("job")
    order = random.Random(cocotb.RANDOM_SEED).sample([0, 1] * 12, 24)
    for number, context in enumerate(order, 1):
        await deliver(bench, context)
        assert [event.context for event in bench.of("job")] == order[:number]
        if bench.rng.random() < 0.5:
            await bench.settle()
            assert len(bench.of("job")) == number
    for context in (0, 1):
        await bench.finish(context)
    assert not bench.of("fault")
    assert dut.forsaken.value == 0


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def chains_wait_for_their_context(dut):
    """What is delivered before its instruction has its tokens is for that one all the same."""
    bench = await Bench.create(dut)
    await prepare(bench)
    own = {
        Stream.LOCAL: [work(bench.rng, Stream.LOCAL, signal=mask(3)), end()],
        Stream.VECTOR: [*chained(bench, 1, wait=mask(3)), end()],
    }
    bench.engines[Stream.LOCAL].frozen = True
    await bench.run(0, own, base=BASES[0])
    await bench.run(1, {Stream.VECTOR: [*chained(bench, 1), end()]}, base=BASES[1])
    await bench.settle()
    delivery = cocotb.start_soon(deliver(bench, 0))
    await bench.settle()
    assert not bench.of("job", Stream.VECTOR)
    bench.engines[Stream.LOCAL].frozen = False
    await delivery
    await deliver(bench, 1)
    assert [event.context for event in bench.of("job", Stream.VECTOR)] == [0, 1]


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def nobody_waits_for_the_forsaken(dut):
    """A job that is stopped, or has no counterpart: what it delivers is dropped, till it ends."""
    bench = await Bench.create(dut)
    await prepare(bench)
    program = {
        Stream.CONV: [work(bench.rng, Stream.CONV), end()],
        Stream.VECTOR: [*chained(bench, 1), end()],
    }
    bench.engines[Stream.CONV].frozen = True
    await bench.run(1, program, base=BASES[1])
    await bench.settle()
    await bench.strobe("stop", 1)
    assert dut.forsaken.value == 0
    dut.deliverer.value = 1
    dut.delivers.value = 1
    await bench.settle()
    assert dut.forsaken.value == 1
    assert not bench.of("job", Stream.VECTOR)
    dut.delivers.value = 0
    bench.engines[Stream.CONV].frozen = False
    await bench.finish(1)
    assert dut.forsaken.value == 0

    await bench.run(1, program, base=BASES[1])
    await bench.until("done", 2, stream=Stream.CONV)
    await deliver(bench, 1)
    await bench.finish(1)
    dut.delivers.value = 1
    await bench.cycles(4)
    assert dut.forsaken.value == 1
    assert len(bench.of("job", Stream.VECTOR)) == 1
