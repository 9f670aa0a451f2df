"""A convolution and what follows in its chain do to memory what the model of both does."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge

from intarsia.bench import MemoryServer, StreamSource, parameters, start
from intarsia.isa.bits import decode, encode
from intarsia.isa.counters import Activity
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import ConvOp
from intarsia.isa.kernel import ConvDescriptor
from intarsia.isa.numerics import Rounding
from intarsia.model.conv import convolve
from intarsia.model.vector import combine
from tests.hw.chip.pair import Pair
from tests.hw.conv.layers import Layer, random_layer
from tests.hw.vector.cases import Axis, Shape, addition, maximum, total, windows

PAUSES = [0.0, 0.5]

ROUNDINGS = [Rounding.FP32, Rounding.DOUBLE, Rounding.HALF_UP]

#: A layer whose array is always busy, whatever the drain does, and then one that drains all along.
LAYERS = {
    "array": Layer(size=(9, 9), channels=4, out_channels=8, kernel=(3, 3), before=(1, 1),
                   after=(1, 1)),
    "drain": Layer(size=(9, 9), channels=4, out_channels=8),
}  # fmt: skip


class Bench:
    """The engines with a memory, and a memory that the model works on."""

    def __init__(self, dut, *, pause=0.0):
        pair = Pair(**parameters())
        self.dut = dut
        self.config = pair.config
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        self.conv = StreamSource(dut, pair.conv.job, pause=pause)
        self.vector = StreamSource(dut, pair.vector.job, pause=pause)
        self.memory = MemoryServer(
            dut,
            size=self.config.memory_bytes,
            banks=self.config.macro_banks,
            reads=(pair.input_read, *pair.weight_reads, pair.a_read, pair.b_read),
            writes=(pair.conv_write, pair.vector_write),
            pause=pause,
        )
        self.memory.bytes[:] = self.rng.bytes(self.config.memory_bytes)
        dut.forsaken.value = 0
        self.expected = bytearray()
        self.done = dict(conv=0, vector=0)
        self.faults = []
        self.cycles = dict.fromkeys(Activity, 0)
        cocotb.start_soon(self._watch())

    def bank(self, number):
        """Address of the first byte of a macro-bank."""
        return number * self.config.bank_bytes

    def load(self, layer):
        """Put into memory what `layer` needs. Returns its work, chained."""
        for address, content in layer.contents(self.config, self.rng).items():
            self.memory.load(address, content)
        self.expected[:] = self.memory.bytes
        work = layer.descriptor(self.config)
        fields = {name: work[name] for name, _ in ConvDescriptor.as_shape()}
        return decode(ConvDescriptor, encode(ConvDescriptor, fields | dict(chained=1)))

    def follower(self, work, place):
        """Any instruction that takes what `work` hands on, with operands from `place` on."""
        shape = Shape(height=work.out_height, width=work.out_width, channels=work.out_channels)
        whole = Shape(channels=shape.channels, taps=(shape.height, shape.width))
        size = shape.height * shape.width * shape.channels
        match self.rng.integers(0, 6):
            case 0:
                opcode, fields = maximum(self, whole)
            case 1:
                opcode, fields = total(self, whole, Rounding.FP32)
            case 2 | 3 as kind:
                axes = self.axis(work.out_height), self.axis(work.out_width)
                if axes[0].open * axes[1].count > self.config.pool_entries:
                    axes = Axis(rows=work.out_height), Axis(rows=work.out_width, stride=15)
                fields = windows(*axes)
                counts = dict(height=fields["out_height"], width=fields["out_width"])
                few = Shape(**counts, channels=shape.channels)
                pool = maximum(self, few) if kind == 2 else total(self, few, Rounding.FP32)
                opcode, fields = pool[0], pool[1] | fields
            case _:
                opcode, fields = addition(self, shape, ROUNDINGS[self.rng.integers(0, 3)])
                fields |= dict(swapped=int(self.rng.integers(0, 2)))
        operands = dict(a=place, b=place, output=place + size)
        return opcode, fields | {name: dict(offset=at) for name, at in operands.items()}

    def axis(self, rows):
        """Windows of up to three rows or columns, no more than there are of these."""
        span, stride = (int(number) for number in self.rng.integers(1, 4, 2))
        before = int(self.rng.integers(0, span))
        return Axis(rows=rows, span=span, stride=stride, before=before, most=rows)

    def send(self, work, opcode, fields, contexts=(0, 0)):
        """Give both to their engines, and to the model."""
        fields = fields | dict(chained=1)
        of_conv, of_vector = contexts
        self.conv.send(dict(opcode=ConvOp.CONV.value, context=of_conv, descriptor=work))
        self.vector.send(dict(opcode=opcode.value, context=of_vector, descriptor=fields))
        chain = convolve(self.expected, work, self.config)
        combine(
            self.expected, opcode, decode(VectorDescriptor, encode(VectorDescriptor, fields)), chain
        )

    async def finish(self, jobs):
        """Wait until so many of both kinds are done."""
        while min(self.done.values()) < jobs:
            await FallingEdge(self.dut.clk)
        assert max(self.done.values()) == jobs

    async def _watch(self):
        dut = self.dut
        while True:
            await FallingEdge(dut.clk)
            self.cycles[Activity(dut.conv__activity.value.to_unsigned())] += 1
            for name in self.done:
                self.done[name] += int(dut[f"{name}__done"].value)
                if dut[f"{name}__fault__valid"].value == 1:
                    bits = dut[f"{name}__fault__payload"].value.to_unsigned()
                    self.faults.append(decode(FaultReport, bits))


@cocotb.test(timeout_time=8, timeout_unit="ms")
@cocotb.parametrize(pause=PAUSES)
async def computes_any_pair(dut, pause):
    """Random layers, each with several followers one upon another."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    jobs = 0
    for _ in range(12):
        layer = random_layer(bench.config, bench.rng)
        work = bench.load(layer)
        size = work.out_height * work.out_width * work.out_channels
        count = min(bench.config.bank_bytes // size // 2, 3)
        for number in range(count):
            place = work.output.offset + 2 * number * size
            bench.send(work, *bench.follower(work, place))
        jobs += count
        await bench.finish(jobs)
        assert not bench.faults
        assert bench.memory.bytes == bench.expected, f"{layer}, seed {cocotb.RANDOM_SEED}"


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(layer=list(LAYERS))
async def costs_no_time(dut, layer):
    """A sum is over soon after the convolution, which takes as long as it does alone."""
    await start(dut)
    bench = Bench(dut)
    work = bench.load(LAYERS[layer])
    alone = {name: work[name] for name, _ in ConvDescriptor.as_shape()} | dict(chained=0)
    bench.conv.send(dict(opcode=ConvOp.CONV.value, context=0, descriptor=alone))
    while not bench.done["conv"]:
        await FallingEdge(dut.clk)
    before = sum(bench.cycles.values())
    bench.done["vector"] = 1
    bench.expected[:] = bench.memory.bytes
    opcode, fields = addition(
        bench, Shape(height=work.out_height, width=work.out_width, channels=8), Rounding.FP32
    )
    place = work.output.offset
    fields |= dict(b=dict(offset=place), output=dict(offset=place + 8 * 81))
    bench.send(work, opcode, fields)
    await bench.finish(2)
    assert bench.memory.bytes == bench.expected
    assert sum(bench.cycles.values()) - before <= before + 50


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(culprit=["conv", "vector"], pause=PAUSES)
async def ends_together(dut, culprit, pause):
    """Damage on either side is reported once, by that side; the other one comes to its end."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    work = bench.load(LAYERS["array"])
    shape = Shape(height=work.out_height, width=work.out_width, channels=8)
    opcode, fields = addition(bench, shape, Rounding.FP32)
    place = work.output.offset
    fields |= dict(b=dict(offset=place), output=dict(offset=place + 8 * 81), swapped=1)
    address = work.weights.offset if culprit == "conv" else place + 100
    bench.memory.damaged.add(address)
    bench.send(work, opcode, fields, contexts=(1, 1))
    await bench.finish(1)
    [fault] = bench.faults
    assert (fault.code, fault.context) == (FaultCode.PARITY, 1)
    bench.memory.damaged.clear()
    bench.expected[:] = bench.memory.bytes
    bench.send(work, opcode, fields)
    await bench.finish(2)
    assert len(bench.faults) == 1
    assert bench.memory.bytes == bench.expected


@pytest.mark.parametrize("config", ["tiny"])
def test_chain(simulate, config):
    simulate(Pair, config=config)
