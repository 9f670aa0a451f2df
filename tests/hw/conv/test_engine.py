"""The engine does to memory what the model does, for any job, at any pace."""

import re
from dataclasses import replace

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge

from intarsia.bench import start
from intarsia.conv.engine import ConvEngine
from intarsia.isa.config import config
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode
from intarsia.isa.kernel import WEIGHTS
from intarsia.isa.numerics import Rounding
from intarsia.model.conv import weight_bytes
from tests.hw.conv.bench import Bench, change, damage, fault
from tests.hw.conv.cases import (
    LAYERS,
    PACKED,
    PAUSES,
    REFUSED,
    REFUSED_PACKING,
    REFUSED_WINDOWS,
    SLIDING,
    STRIPED,
)
from tests.hw.conv.chains import (  # found by cocotb in this module
    drops_what_nobody_takes,
    hands_on,
    hands_on_void_vectors_after_damage,
    says_who_delivers,
)
from tests.hw.conv.layers import Layer, packed, random_layer

__all__ = [
    "drops_what_nobody_takes",
    "hands_on",
    "hands_on_void_vectors_after_damage",
    "says_who_delivers",
]


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(layer=list(LAYERS), pause=PAUSES)
async def computes(dut, layer, pause):
    """What the model computes; not a byte more is written."""
    await start(dut)
    await Bench(dut, pause=pause).check(LAYERS[layer])


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(layer=list(SLIDING), pause=PAUSES)
async def slides(dut, layer, pause):
    """What the model computes, where there are line buffers; a refusal, where there are none."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    layer = replace(SLIDING[layer], sliding=True)
    if bench.config.line_pixels:
        await bench.check(layer)
        return
    work = bench.load(Layer(size=(3, 3), channels=2, out_channels=2, sliding=True))
    await bench.refuse(work, info=15)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(layer=list(PACKED), pause=PAUSES)
async def packs(dut, layer, pause):
    """What the model computes, in fewer passes; or a refusal, where vectors have one row."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    layer = packed(PACKED[layer], bench.config)
    assert layer is not None
    if bench.config.packs:
        await bench.check(layer)
        return
    await bench.refuse(bench.load(layer), info=15)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(layer=list(STRIPED), pause=PAUSES)
async def stripes(dut, layer, pause):
    """What the model computes, of weights in pieces; a refusal, where there is one weight port."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    layer = replace(STRIPED[layer], striped=True)
    if bench.config.weight_ports > 1:
        await bench.check(layer)
        return
    await bench.refuse(bench.load(layer), info=15)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def refuses_pieces(dut):
    """Of weights that are one vector per chunk."""
    await start(dut)
    bench = Bench(dut)
    if bench.config.weight_ports == 1:
        return
    work = bench.load(LAYERS["dw_pixel"])
    await bench.refuse(damage(work, "striped", 1), context=2, info=15)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def takes_a_row_of_weights_a_cycle(dut):
    """Where there is one pixel, a pass takes as long as the longest of its pieces."""
    await start(dut)
    bench = Bench(dut)
    ports, columns = bench.config.weight_ports, bench.config.columns
    if ports == 1:
        return
    layer = Layer(size=(1, 1), channels=12 * columns, out_channels=4 * columns, striped=True)
    await bench.check(layer)
    cycles = sum(bench.cycles.values()) - bench.cycles[Activity.IDLE]
    a_pass = max(2, columns // ports)
    records = 4 * columns * 16 // columns
    assert cycles <= 4 * 12 * a_pass + records + 48


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(number=range(4))
async def reports_damaged_pieces(dut, number):
    """Of whichever piece."""
    await start(dut)
    bench = Bench(dut)
    if bench.config.weight_ports <= number or bench.config.weight_ports == 1:
        return
    work = bench.load(replace(STRIPED["dense"], striped=True))
    before = bytearray(bench.memory.bytes)
    address = work[WEIGHTS[number]].offset
    bench.memory.damaged.add(address)
    bench.send(work, context=1)
    await bench.finish()
    assert bench.faults == [(0, fault(FaultCode.PARITY, context=1, address=address))]
    assert bench.memory.bytes == before


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(field=list(REFUSED_PACKING))
async def refuses_packing(dut, field):
    """What does not go with several rows in a vector."""
    await start(dut)
    bench = Bench(dut)
    if not bench.config.packs:
        return
    work = bench.load(packed(PACKED["across"], bench.config))
    name, value, word = REFUSED_PACKING[field]
    await bench.refuse(damage(work, name, value), context=2, info=word)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def slides_a_pixel_a_cycle(dut):
    """A map takes as many cycles as it has pixels, and a row and some."""
    await start(dut)
    bench = Bench(dut)
    if not bench.config.line_pixels:
        return
    layer = replace(SLIDING["same"], size=(12, 12), channels=64, out_channels=64, sliding=True)
    await bench.check(layer)
    cycles = sum(bench.cycles.values()) - bench.cycles[Activity.IDLE]
    assert cycles <= 4 * (13 * 12 + 1 + 9) + 32


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(field=list(REFUSED_WINDOWS))
async def refuses_windows(dut, field):
    """What does not go with line buffers."""
    await start(dut)
    bench = Bench(dut)
    if not bench.config.line_pixels:
        return
    work = bench.load(replace(SLIDING["same"], sliding=True))
    name, value, word = REFUSED_WINDOWS[field]
    await bench.refuse(damage(work, name, value), context=2, info=word)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(rounding=[mode.name for mode in Rounding])
async def rounds(dut, rounding):
    """Every rounding mode, with a zero point and a clamp."""
    await start(dut)
    bench = Bench(dut)
    layer = random_layer(
        bench.config, bench.rng, rounding=Rounding[rounding], out_zero_point=-5, low=-100, high=90
    )
    await bench.check(layer)


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(pause=PAUSES)
async def computes_any(dut, pause):
    """Random layers."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for _ in range(20):
        await bench.check(random_layer(bench.config, bench.rng))


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(pause=PAUSES)
async def keeps_jobs_apart(dut, pause):
    """Jobs that follow one another at once, and overlap inside."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for _ in range(6):
        layer = random_layer(bench.config, bench.rng, size=(5, 5), out_gap=0)
        work = bench.load(layer)
        used = work.out_height * work.out_row_step
        works = [
            change(
                work,
                output={"offset": work.output.offset + n * used},
                diagonal=work.diagonal,
                zero_point=int(bench.rng.integers(-128, 128)),
                out_zero_point=int(bench.rng.integers(-128, 128)),
                out_channels=int(bench.rng.integers(1, work.out_channels + 1)),
                out_height=int(bench.rng.integers(1, work.out_height + 1)),
            )
            for n in range(bench.config.bank_bytes // used)[:4]
        ]
        expected = bench.expect(*works)
        for work in works:
            bench.send(work)
        await bench.finish()
        assert not bench.faults
        assert bench.memory.bytes == expected, f"{layer}, seed {cocotb.RANDOM_SEED}"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def done_means_written(dut):
    """A job may read what the one before has written, as soon as that one is done."""
    await start(dut)
    bench = Bench(dut)
    layer = Layer(size=(5, 5), channels=6, out_channels=6, kernel=(3, 3), before=(1, 1),
                  after=(1, 1))  # fmt: skip
    work = bench.load(layer)
    following = change(work, input=work.output, output=work.input)
    expected = bench.expect(work, following)
    bench.send(work)
    while not bench.done:
        await FallingEdge(dut.clk)
    bench.send(following)
    await bench.finish()
    assert bench.memory.bytes == expected


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(field=list(REFUSED))
async def refuses(dut, field):
    """Fields that are zero, reserved, or unknown; what comes before and after is not concerned."""
    await start(dut)
    bench = Bench(dut)
    work = bench.load(LAYERS["corners"])
    expected = bench.expect(work)
    name, value, word = REFUSED[field]
    bench.send(work, context=1)
    bench.send(damage(work, name, value), context=2)
    bench.send(work, context=3)
    await bench.finish()
    assert bench.faults == [
        (1, fault(FaultCode.DESCRIPTOR, context=2, info=word)),
    ]
    assert bench.memory.bytes == expected


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(operand=["input", "weights", "records"], pause=PAUSES)
async def reports_damage(dut, operand, pause):
    """Once per job, before it is done; the next job, which doesn't read there, is not concerned."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    layer = Layer(size=(6, 6), channels=8, out_channels=9, kernel=(2, 2), bank=1)
    work = bench.load(layer)
    # A channel less, and a row less, leave out the last bytes of all operands.
    less = change(work, out_channels=8, out_height=work.out_height - 1)
    used = {
        "input": 6 * 6 * 8 - 2 * 8,
        "weights": weight_bytes(work, bench.config) - 2,
        "records": work.out_channels * 16 - 12,
    }
    address = work[operand].offset + used[operand]
    bench.memory.damaged.add(address)
    expected = bench.expect(less)
    bench.send(work, context=1)
    bench.send(work, context=0)
    bench.send(less, context=1)
    await bench.finish()
    (first, report), (second, again) = bench.faults
    assert first == 0
    assert second <= 1
    assert 0 <= address - report.address < bench.config.lanes
    assert report == fault(FaultCode.PARITY, context=1, address=report.address)
    assert again == fault(FaultCode.PARITY, context=0, address=report.address)
    written, right = (
        np.frombuffer(memory, np.int8, less.out_height * less.out_row_step, less.output.offset)
        for memory in (bytes(bench.memory.bytes), expected)
    )
    pixels = (-1, less.out_pixel_step)
    assert (written.reshape(pixels) == right.reshape(pixels))[:, : less.out_channels].all()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def writes_nothing_damaged(dut):
    """Results that depend on a damaged vector don't reach the memory."""
    await start(dut)
    bench = Bench(dut)
    work = bench.load(LAYERS["corners"])
    before = bytearray(bench.memory.bytes)
    bench.memory.damaged.add(work.weights.offset)
    bench.send(work)
    await bench.finish()
    assert len(bench.faults) == 1
    assert bench.memory.bytes == before


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def keeps_the_array_busy(dut):
    """At least 85 % of the time, with as many input channels as lanes."""
    await start(dut)
    bench = Bench(dut)
    lanes = bench.config.lanes
    size = bench.config.lanes if bench.config.requant_lanes == lanes else 8
    layer = Layer(
        size=(size, size), channels=lanes, out_channels=lanes, kernel=(3, 3), before=(1, 1),
        after=(1, 1),
    )  # fmt: skip
    work = bench.load(layer)
    expected = bench.expect(work)
    for _ in range(3):
        bench.send(work)
    await bench.finish()
    assert bench.memory.bytes == expected
    cycles = sum(bench.cycles.values()) - bench.cycles[Activity.IDLE]
    assert bench.cycles[Activity.BUSY] == 3 * bench.passes(work)
    assert bench.cycles[Activity.BUSY] >= 0.85 * cycles


@pytest.mark.parametrize("config", ["tiny"])
def test_engine(simulate, config):
    simulate(ConvEngine, config=config)


@pytest.mark.parametrize("ports", [2, 4])
def test_engine_with_weight_ports(simulate, ports):
    simulate(ConvEngine, config={"name": "tiny", "weight_ports": ports})


@pytest.mark.slow
@pytest.mark.parametrize("config", ["ecp5-85k", "large"])
def test_larger_engine(simulate, config):
    simulate(ConvEngine, config=config)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (dict(columns=8), "Columns must be as many as the 4 lanes, not 8"),
        (dict(accumulators=60), "Accumulators must be a power of two, not 60"),
        (dict(requant_lanes=3), "Requantizer lanes must divide 4 columns, not be 3"),
        (dict(lanes=32, columns=32), "Lanes must divide 16, not be 32"),
        (dict(weight_ports=3), "Weight ports must be one of (1, 2, 4), not 3"),
    ],
)
def test_sizes_rejected(sizes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ConvEngine(config=replace(config("tiny"), **sizes))
