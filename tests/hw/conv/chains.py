"""What the engine hands on, instead of writing it."""

import cocotb
from cocotb.triggers import FallingEdge

from intarsia.bench import start
from tests.hw.conv.bench import Bench, change
from tests.hw.conv.cases import LAYERS, PAUSES
from tests.hw.conv.layers import random_layer

__all__ = [
    "drops_what_nobody_takes",
    "hands_on",
    "hands_on_void_vectors_after_damage",
    "says_who_delivers",
]


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(pause=PAUSES)
async def hands_on(dut, pause):
    """The output of chained jobs, in order, instead of writing it; other jobs come in between."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for _ in range(6):
        layer = random_layer(bench.config, bench.rng)
        work = bench.load(layer)
        chained = change(work, chained=1)
        expected = bench.expect(work)
        works = [chained, chained, work, chained] if bench.rng.random() < 0.5 else [chained, work]
        for each in works:
            bench.send(each)
        for each in works:
            if each.chained:
                await bench.check_chained(each)
        await bench.finish()
        assert not bench.faults
        assert bench.memory.bytes == expected, f"{layer}, seed {cocotb.RANDOM_SEED}"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def says_who_delivers(dut):
    """While a chained job is on its way out, and not while any other one is."""
    await start(dut)
    bench = Bench(dut)
    work = bench.load(LAYERS["corners"])
    seen = []

    async def watch():
        while True:
            await FallingEdge(dut.clk)
            state = dut.deliverer.value.to_unsigned() if dut.delivers.value == 1 else None
            seen.extend([state] if seen[-1:] != [state] else [])

    cocotb.start_soon(watch())
    for context, chained in enumerate((0, 1, 1, 0)):
        bench.send(change(work, chained=chained), context=context)
    for _ in "ab":
        await bench.check_chained(change(work, chained=1))
    await bench.finish()
    assert seen == [None, 1, None, 2, None]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def drops_what_nobody_takes(dut):
    """With `forsaken`, a chained job comes to its end, and nothing is handed on."""
    await start(dut)
    bench = Bench(dut)
    dut.forsaken.value = 1
    work = bench.load(LAYERS["blocks"])
    before = bytearray(bench.memory.bytes)
    bench.send(change(work, chained=1))
    await bench.finish()
    assert not bench.faults
    assert bench.memory.bytes == before


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(operand=["input", "weights", "records"])
async def hands_on_void_vectors_after_damage(dut, operand):
    """As many as without it, the last one marked, so that who takes them comes to an end."""
    await start(dut)
    bench = Bench(dut)
    work = change(bench.load(LAYERS["corners"]), chained=1)
    bench.memory.damaged.add(work[operand].offset)
    bench.send(work)
    vectors = [await bench.chain.receive() for _ in range(work.out_height * work.out_width)]
    await bench.finish()
    assert [vector.last for vector in vectors] == [0] * (len(vectors) - 1) + [1]
    assert vectors[-1].void
    assert len(bench.faults) == 1
