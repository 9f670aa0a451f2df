"""The engine does to memory what the model does, for any job, at any pace."""

import cocotb
import numpy as np
import pytest
from cocotb.triggers import FallingEdge

from intarsia.bench import MemoryServer, StreamSource, parameters, start
from intarsia.conv.engine import ConvEngine
from intarsia.isa.bits import decode, encode
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import ConvOp, Stream
from intarsia.isa.kernel import ConvDescriptor
from intarsia.isa.numerics import Rounding
from intarsia.model.conv import convolve
from tests.hw.conv.layers import Layer, random_layer

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
            reads=[engine.input_read, engine.weight_read],
            writes=[engine.output_write],
            pause=pause,
        )
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
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
            self.done += int(engine.engine__done.value)
            if engine.engine__fault__valid.value == 1:
                bits = engine.engine__fault__payload.value.to_unsigned()
                self.faults.append((self.done, decode(FaultReport, bits)))

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

    async def check(self, layer):
        """Execute a layer alone."""
        work = self.load(layer)
        expected = self.expect(work)
        self.send(work)
        await self.finish()
        assert not self.faults
        assert self.memory.bytes == expected, f"{layer}, seed {cocotb.RANDOM_SEED}"


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(layer=list(LAYERS), pause=PAUSES)
async def computes(dut, layer, pause):
    """What the model computes; not a byte more is written."""
    await start(dut)
    await Bench(dut, pause=pause).check(LAYERS[layer])


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(pause=PAUSES)
async def computes_any(dut, pause):
    """Random layers."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for _ in range(12):
        await bench.check(random_layer(bench.config, bench.rng))


@pytest.mark.parametrize("config", ["tiny"])
def test_engine(simulate, config):
    simulate(ConvEngine, config=config)
