"""The vector engine between a sequencer that sends jobs and a memory that answers."""

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import MemoryServer, StreamSource, parameters
from intarsia.isa.bits import decode, encode
from intarsia.isa.counters import Activity
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.isa.faults import FaultReport
from intarsia.isa.instruction import VectorOp
from intarsia.model.vector import combine
from intarsia.vector.engine import VectorEngine

__all__ = ["Bench"]


class Bench:
    """Keeps, beside the memory that the engine works on, one that the model works on."""

    def __init__(self, dut, *, pause=0.0):
        unit = VectorEngine(**parameters())
        self.dut = dut
        self.config = unit.config
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED)
        self.memory = MemoryServer(
            dut,
            size=self.config.memory_bytes,
            banks=self.config.macro_banks,
            reads=(unit.a_read, unit.b_read),
            writes=(unit.output_write,),
            pause=pause,
        )
        self.memory.bytes[:] = self.rng.bytes(self.config.memory_bytes)
        self.expected = bytearray(self.memory.bytes)
        self.jobs = StreamSource(dut, unit.engine.job, pause=pause)
        self.chain = StreamSource(dut, unit.chain, pause=pause)
        self.done = 0
        self.faults = []
        self.activities = []
        cocotb.start_soon(self._watch())

    def bank(self, number):
        """Address of the first byte of a macro-bank."""
        return number * self.config.bank_bytes

    def send(self, opcode, work, context=0):
        """Send a job that the model executes, too."""
        self.send_bad(opcode.value, work, context)
        combine(self.expected, opcode, decode(VectorDescriptor, encode(VectorDescriptor, work)))

    def send_chained(self, opcode, work, context=0, *, more=0, void=None):
        """Send a job that takes a random map, which comes as from the convolution engine.

        With `more` pixels than it takes, or, from vector `void` on, void; then it's the caller's
        business to say what comes of it.
        """
        height, width = "out_height", "out_width"
        if opcode is not VectorOp.ADD:
            height, width = "taps_y", "taps_x"
        pixels = work[height] * work[width] + more
        chain = self.rng.integers(-128, 128, (pixels, work["channels"])).astype(np.int8)
        fields = work | dict(chained=1)
        self.send_bad(opcode.value, fields, context)
        vectors = list(self._vectors(chain))
        for number, vector in enumerate(vectors):
            last = number == len(vectors) - 1
            late = void is not None and number >= void
            self.chain.send({"bytes": vector, "last": last, "void": late})
        if not more and void is None:
            descriptor = decode(VectorDescriptor, encode(VectorDescriptor, fields))
            combine(self.expected, opcode, descriptor, chain)

    def _vectors(self, chain):
        """Vectors in the order of the convolution engine, with any bytes beyond the channels."""
        lanes = self.config.lanes
        for first in range(0, chain.shape[1], lanes):
            for pixel in chain[:, first : first + lanes]:
                rest = self.rng.integers(0, 256, lanes - len(pixel))
                yield [*(pixel.view(np.uint8)).tolist(), *rest.tolist()]

    def send_bad(self, opcode, work, context=0):
        """Send a job that is not to have an effect."""
        self.jobs.send({"opcode": opcode, "context": context, "descriptor": work})

    async def finish(self, jobs):
        """Wait until as many jobs are done, and compare all of the memory."""
        while self.done < jobs:
            await RisingEdge(self.dut.clk)
        self.compare()

    def compare(self):
        found, expected = (
            np.frombuffer(memory, np.int8) for memory in (self.memory.bytes, self.expected)
        )
        wrong = np.flatnonzero(found != expected)
        assert not wrong.size, (
            f"{wrong.size} bytes differ; at {wrong[0]:#x}: {found[wrong[0]]}, "
            f"not {expected[wrong[0]]}; seed {cocotb.RANDOM_SEED}"
        )

    async def _watch(self):
        """Notes what the engine reports, in each cycle."""
        while True:
            await FallingEdge(self.dut.clk)
            self.activities.append(Activity(self.dut.engine__activity.value.to_unsigned()))
            if self.dut.engine__fault__valid.value == 1:
                bits = self.dut.engine__fault__payload.value.to_unsigned()
                self.faults.append(decode(FaultReport, bits))
            if self.dut.engine__done.value == 1:
                self.done += 1
