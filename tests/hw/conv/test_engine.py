"""The engine does to memory what the model does, for any job, at any pace."""

import re
from dataclasses import replace

import cocotb
import numpy as np
import pytest
from amaranth.lib import data
from cocotb.triggers import FallingEdge

from intarsia.bench import MemoryServer, StreamSink, StreamSource, parameters, start
from intarsia.conv.engine import ConvEngine
from intarsia.isa.bits import decode, encode
from intarsia.isa.config import config
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import ConvOp, Stream
from intarsia.isa.kernel import WEIGHTS, ConvDescriptor
from intarsia.isa.numerics import Rounding
from intarsia.model.conv import chunks, convolve, weight_bytes
from tests.hw.conv.layers import Layer, packed, random_layer

PAUSES = [0.0, 0.5]

LAYERS = {
    "pixel": Layer(size=(1, 1), channels=3, out_channels=5),
    "dense": Layer(size=(1, 1), channels=70, out_channels=9, low=0),
    "dw_pixel": Layer(size=(1, 1), channels=9, out_channels=9, diagonal=True),
    "corners": Layer(
        size=(3, 3), channels=5, out_channels=4, kernel=(3, 3), before=(2, 2), after=(2, 2),
        zero_point=-7,
    ),
    "far_pads": Layer(
        size=(1, 1), channels=1, out_channels=1, kernel=(2, 2), before=(6, 6), after=(5, 5),
        zero_point=99,
    ),
    "wraps": Layer(
        size=(6, 5), channels=3, out_channels=2, kernel=(3, 3), before=(1, 1), after=(1, 1),
        bank=2,
    ),
    "tail": Layer(size=(4, 4), channels=3, out_channels=6, kernel=(2, 3)),
    "taps": Layer(
        size=(7, 7), channels=6, out_channels=7, kernel=(3, 3), dilation=(2, 2), group=(1, 5),
        before=(2, 2),
    ),
    "depthwise": Layer(
        size=(6, 6), channels=11, out_channels=11, kernel=(3, 3), before=(1, 1), after=(1, 1),
        diagonal=True, stride=(1, 2), zero_point=3,
    ),
    "blocks": Layer(size=(12, 17), channels=2, out_channels=6, kernel=(2, 2)),
    "one_chunk": Layer(size=(13, 16), channels=4, out_channels=9, stride=(1, 1)),
    "full_half": Layer(size=(8, 8), channels=4, out_channels=5),
    "two_halves": Layer(size=(16, 8), channels=5, out_channels=8),
    "tall": Layer(size=(200, 1), channels=1, out_channels=3, row_gap=3),
    "wide": Layer(size=(1, 200), channels=1, out_channels=3),
}  # fmt: skip

#: Depthwise, with line buffers.
SLIDING = {
    "whole_map": Layer(size=(3, 3), channels=5, out_channels=5, kernel=(3, 3)),
    "same": Layer(
        size=(6, 7), channels=16, out_channels=16, kernel=(3, 3), before=(1, 1), after=(1, 1),
        zero_point=-7,
    ),
    "halves": Layer(
        size=(13, 11), channels=37, out_channels=37, kernel=(3, 3), stride=(2, 2), after=(1, 1),
        zero_point=3, row_gap=2,
    ),
    "blocks": Layer(
        size=(24, 24), channels=19, out_channels=19, kernel=(3, 3), before=(1, 1), after=(1, 1),
        zero_point=99,
    ),
    "two_wide": Layer(
        size=(5, 2), channels=9, out_channels=9, kernel=(3, 3), before=(1, 1), after=(1, 1),
        zero_point=8,
    ),
    "all_pads": Layer(
        size=(2, 3), channels=3, out_channels=3, kernel=(3, 3), before=(2, 2), after=(2, 4),
        zero_point=-50,
    ),
    "sparse": Layer(size=(9, 9), channels=8, out_channels=8, kernel=(2, 3), stride=(4, 5)),
    "row": Layer(size=(1, 200), channels=4, out_channels=4, kernel=(1, 3), before=(0, 1)),
    "scale": Layer(size=(4, 70), channels=4, out_channels=4),
}  # fmt: skip
#: Windows of which vectors have several rows.
PACKED = {
    "three_bytes": Layer(
        size=(5, 6), channels=1, out_channels=3, kernel=(3, 3), before=(1, 1), after=(1, 1),
        zero_point=-7,
    ),
    "across": Layer(
        size=(7, 7), channels=3, out_channels=9, kernel=(3, 3), before=(1, 1), after=(1, 1),
        stride=(2, 2), zero_point=3,
    ),
    "tall": Layer(
        size=(12, 5), channels=1, out_channels=6, kernel=(10, 4), stride=(2, 2), before=(4, 1),
        after=(5, 1), zero_point=50,
    ),
    "apart": Layer(
        size=(9, 4), channels=5, out_channels=5, kernel=(3, 2), dilation=(3, 1), before=(2, 0),
        after=(3, 1), zero_point=-1,
    ),
    "wraps": Layer(
        size=(6, 5), channels=3, out_channels=2, kernel=(3, 3), before=(2, 2), after=(2, 2),
        bank=2,
    ),
    "seven": Layer(size=(9, 9), channels=3, out_channels=4, kernel=(7, 7), stride=(2, 2)),
    "blocks": Layer(size=(20, 20), channels=1, out_channels=5, kernel=(2, 2), zero_point=9),
}  # fmt: skip

#: With weights in pieces.
STRIPED = {
    "pixel": Layer(size=(1, 1), channels=3, out_channels=5),
    "dense": Layer(size=(1, 1), channels=70, out_channels=9, low=0),
    "one": Layer(size=(2, 3), channels=2, out_channels=1, kernel=(2, 2)),
    "whole": Layer(size=(3, 3), channels=9, out_channels=16, zero_point=-7),
    "blocks": Layer(size=(12, 17), channels=2, out_channels=6, kernel=(2, 2)),
}

#: Name of a field, value that it must not have, and word of the descriptor that it is in.
REFUSED = {
    "row_taps": ("row_taps", 0, 8),
    "x_taps": ("x_taps", 0, 8),
    "height": ("out_height", 0, 9),
    "width": ("out_width", 0, 9),
    "channels": ("out_channels", 0, 10),
    "run": ("run", 0, 10),
    "diagonal": ("diagonal", 1, 10),
    "rounding": ("rounding", 4, 15),
    "unknown": ("rounding", 15, 15),
    "reserved": ("reserved", 1 << 31, 7),
    "reserved1": ("reserved1", 0x40, 19),
}

#: The same, of SLIDING["same"]. Its pixels are of 16 bytes, 7 a row.
REFUSED_WINDOWS = {
    "both": ("diagonal", 1, 15),
    "run": ("run", 2, 10),
    "tall": ("row_taps", 4, 8),
    "wide": ("x_taps", 4, 8),
    "a_pixel": ("row_bytes", 16, 11),
    "long_row": ("row_bytes", 257 * 16, 11),
    "dilated": ("dilation_y", 2, 13),
    "cut": ("pad_top", 0xFF, 14),
    "far_above": ("pad_top", 3, 14),
    "no_pixel": ("tap_step", 0, 11),
    "far_left": ("pad_left", 33, 16),
}

#: The same, of PACKED["across"].
REFUSED_PACKING = {
    "diagonal": ("diagonal", 1, 10),
    "taps": ("x_taps", 2, 8),
    "long_run": ("run", 256 + 9, 10),
    "banks": ("tap_row_step", 1 << 16, 13),
}


def damage(work, name, value):
    """`work` with any value in a field."""
    field = ConvDescriptor.as_shape()[name]
    mask = (1 << field.width) - 1 << field.offset
    bits = work.as_bits() & ~mask | value << field.offset
    return data.Const(ConvDescriptor.as_shape(), bits)


def change(work, **fields):
    """`work` with other fields."""
    old = {name: work[name] for name, _ in ConvDescriptor.as_shape()}
    return decode(ConvDescriptor, encode(ConvDescriptor, old | fields))


def fault(code, **fields):
    """A report of the engine."""
    fields = dict(code=code, engine=Stream.CONV.value) | fields
    return decode(FaultReport, encode(FaultReport, fields))


class Bench:
    """The engine with a memory, and the memory as the model would leave it."""

    def __init__(self, dut, *, pause=0.0):
        self.config = parameters()["config"]
        self.dut = dut
        engine = ConvEngine(config=self.config)
        self.job = StreamSource(dut, engine.engine.job, pause=pause)
        self.memory = MemoryServer(
            dut,
            size=self.config.memory_bytes,
            banks=self.config.macro_banks,
            reads=[engine.input_read, *engine.weight_reads],
            writes=[engine.output_write],
            pause=pause,
        )
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        self.chain = StreamSink(dut, engine.chain, pause=pause)
        self.dut.forsaken.value = 0
        self.sent = 0
        self.done = 0
        self.faults = []
        self.cycles = dict.fromkeys(Activity, 0)
        cocotb.start_soon(self._observe())

    async def _observe(self):
        engine = self.dut
        while True:
            await FallingEdge(engine.clk)
            self.cycles[Activity(engine.engine__activity.value.to_unsigned())] += 1
            if engine.engine__fault__valid.value == 1:
                bits = engine.engine__fault__payload.value.to_unsigned()
                self.faults.append((self.done, decode(FaultReport, bits)))
            self.done += int(engine.engine__done.value)

    def load(self, layer):
        """Put into memory what `layer` needs. Returns its work."""
        for address, content in layer.contents(self.config, self.rng).items():
            self.memory.load(address, content)
        return layer.descriptor(self.config)

    def send(self, work, *, context=0):
        """Give `work` to the engine."""
        self.job.send(dict(opcode=ConvOp.CONV.value, context=context, descriptor=work))
        self.sent += 1

    async def finish(self):
        """Wait until all is done; nothing may happen any more."""
        while self.done < self.sent:
            await FallingEdge(self.dut.clk)
        for _ in range(20):
            await FallingEdge(self.dut.clk)
        assert self.done == self.sent
        assert self.dut.engine__activity.value == Activity.IDLE.value

    def expect(self, *works):
        """Memory after `works`."""
        memory = bytearray(self.memory.bytes)
        for work in works:
            convolve(memory, work, self.config)
        return memory

    async def refuse(self, work, **report):
        """Have a descriptor refused, with a report of this, before anything is written."""
        before = bytearray(self.memory.bytes)
        self.send(work, context=report.get("context", 0))
        await self.finish()
        assert self.faults == [(0, fault(FaultCode.DESCRIPTOR, **report))]
        assert self.memory.bytes == before

    async def check(self, layer):
        """Execute a layer alone."""
        work = self.load(layer)
        expected = self.expect(work)
        busy = self.cycles[Activity.BUSY]
        self.send(work)
        await self.finish()
        assert not self.faults
        assert self.memory.bytes == expected, f"{layer}, seed {cocotb.RANDOM_SEED}"
        assert self.cycles[Activity.BUSY] - busy == self.passes(work)

    async def check_chained(self, work):
        """Take what `work` hands on, all that comes for it, and compare."""
        expected = convolve(bytearray(self.memory.bytes), work, self.config)
        assert expected is not None
        columns = self.config.columns
        for first in range(0, work.out_channels, columns):
            block = expected[:, first : first + columns]
            for number, pixel in enumerate(block):
                vector = await self.chain.receive()
                found = np.array(vector.bytes[: len(pixel)], np.uint8).view(np.int8)
                assert (found == pixel).all(), f"{number}, {first}; seed {cocotb.RANDOM_SEED}"
                final = number == len(block) - 1 and first + columns >= work.out_channels
                assert (vector.last, vector.void) == (final, 0)

    def passes(self, work):
        """Vectors that the array takes for `work`."""
        blocks = -(-work.out_channels // self.config.columns)
        return blocks * chunks(work, self.config) * work.out_height * work.out_width


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
