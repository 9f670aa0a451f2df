"""The engine with a memory, and what the model makes of it."""

import cocotb
import numpy as np
from amaranth.lib import data
from cocotb.triggers import FallingEdge

from intarsia.bench import MemoryServer, StreamSink, StreamSource, parameters
from intarsia.conv.engine import ConvEngine
from intarsia.isa.bits import decode, encode
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import ConvOp, Stream
from intarsia.isa.kernel import ConvDescriptor
from intarsia.model.conv import chunks, convolve

__all__ = ["Bench", "change", "damage", "fault"]


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
