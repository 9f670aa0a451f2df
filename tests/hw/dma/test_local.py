"""Copies and fills change the bytes of their rows, and no others."""

import random

import cocotb
import pytest

from intarsia.bench import MemoryServer, parameters, start
from intarsia.dma.local import LocalQueue
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import LocalOp, Stream
from intarsia.isa.transfer import LocalDescriptor
from tests.hw.dma.engines import EngineDriver

#: Cycles that a job takes besides those in which it reads.
OVERHEAD = 6

ROWS = {
    "vector": dict(row_bytes=16, rows=1),
    "byte": dict(row_bytes=1, rows=1),
    "long": dict(row_bytes=203, rows=1),
    "dense": dict(row_bytes=24, rows=7, source_pitch=24, destination_pitch=24),
    "spread": dict(row_bytes=9, rows=11, source_pitch=9, destination_pitch=31),
    "squeeze": dict(row_bytes=33, rows=5, source_pitch=50, destination_pitch=33),
    "bytes": dict(row_bytes=1, rows=40, source_pitch=3, destination_pitch=1),
    "repeat": dict(row_bytes=6, rows=8, source_pitch=0, destination_pitch=7),
}


class Bench:
    def __init__(self, dut, *, pause=0.0):
        queue = LocalQueue(**parameters())
        self.config = queue.config
        self.engine = EngineDriver(dut, queue.engine, pause=pause)
        self.memory = MemoryServer(
            dut,
            size=self.config.memory_bytes,
            banks=self.config.macro_banks,
            reads=[queue.read],
            writes=[queue.write],
            pause=pause,
        )
        self.memory.bytes[:] = random.randbytes(self.config.memory_bytes)
        self.expected = bytearray(self.memory.bytes)

    def place(self, *, bank):
        """Somewhere in a macro-bank, with room for a job after it."""
        return bank * self.config.bank_bytes + random.randrange(self.config.bank_bytes - 1024)

    def send(self, opcode, source, destination, **fields):
        """Send a job, and do it on the side."""
        operands = dict(source=dict(offset=source), destination=dict(offset=destination))
        self.engine.send(opcode, operands | fields)
        size = fields["row_bytes"]
        for row in range(fields["rows"]):
            first = source + row * fields.get("source_pitch", 0)
            content = self.expected[first : first + size]
            if opcode is LocalOp.FILL:
                content = bytes([fields.get("value", 0)]) * size
            to = destination + row * fields.get("destination_pitch", 0)
            self.expected[to : to + size] = content

    async def finish(self, jobs):
        await self.engine.done(jobs)
        assert self.memory.bytes == self.expected
        self.engine.check_faults()


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(rows=list(ROWS), pause=[0.0, 0.5])
async def moves_rows(dut, rows, pause):
    """Rows of any length, pitch and alignment are copied and filled; gaps stay as they were."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for _ in range(4):
        bench.send(LocalOp.COPY, bench.place(bank=0), bench.place(bank=1), **ROWS[rows])
        value = random.randrange(256)
        place = bench.place(bank=2)
        bench.send(LocalOp.FILL, place, place, value=value, **ROWS[rows])
    await bench.finish(8)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def moves_anything(dut, pause):
    """Random jobs, some of which read what the one before has written."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    place = bench.place(bank=0)
    for _ in range(60):
        opcode = random.choice(list(LocalOp))
        row_bytes = random.choice([1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 32, 33, 64])
        rows = random.randint(1, 512 // (row_bytes + 8))
        source, place = place, bench.place(bank=random.randrange(bench.config.macro_banks))
        if abs(source - place) < 1024:
            opcode = LocalOp.FILL
        pitches = [row_bytes + random.randrange(8) for _ in range(2)]
        bench.send(
            opcode,
            source,
            place,
            row_bytes=row_bytes,
            rows=rows,
            value=random.randrange(256),
            source_pitch=pitches[0],
            destination_pitch=pitches[1],
        )
    await bench.finish(60)


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(opcode=["COPY", "FILL"])
async def moves_a_vector_per_cycle(dut, opcode):
    """Within a row, and a short row per cycle; the activities account for every cycle."""
    await start(dut)
    bench = Bench(dut)
    lanes = bench.config.lanes
    for row_bytes, rows, vectors in ((20 * lanes + 1, 3, 63), (lanes - 1, 50, 50)):
        before = dict(bench.engine.cycles)
        pitches = dict(source_pitch=row_bytes, destination_pitch=row_bytes)
        bench.send(
            LocalOp[opcode],
            bench.place(bank=0),
            bench.place(bank=1),
            row_bytes=row_bytes,
            rows=rows,
            **pitches,
        )
        await bench.finish(1)
        spent = {kind: count - before[kind] for kind, count in bench.engine.cycles.items()}
        assert vectors <= spent.pop(Activity.BUSY) <= vectors + OVERHEAD
        assert spent.pop(Activity.MEMORY) <= OVERHEAD
        assert not any(count for kind, count in spent.items() if kind is not Activity.IDLE)


@cocotb.test(timeout_time=200, timeout_unit="us")
async def refuses_wrong_descriptors(dut):
    """A wrong field is reported by its word, moves nothing, and the next job is done."""
    await start(dut)
    bench = Bench(dut)
    good = dict(row_bytes=8, rows=2, source_pitch=8, destination_pitch=8)
    wrong = [
        ({"row_bytes": 0}, "row_bytes"),
        ({"rows": 0}, "rows"),
        ({"reserved": 1}, "reserved"),
        ({"reserved1": 128}, "reserved1"),
        ({"reserved2": 1}, "reserved2"),
        ({"reserved2": 1 << 71}, None),
    ]
    expected = []
    for change, field in wrong:
        operands = dict(source=dict(offset=64), destination=dict(offset=256))
        bench.engine.send(LocalOp.COPY, good | operands | change, context=1)
        layout = LocalDescriptor.as_shape()
        word = layout[field].offset // 32 if field else layout.size // 32 - 1
        expected.append(
            dict(code=FaultCode.DESCRIPTOR, info=word, context=1, engine=Stream.LOCAL.value)
        )
    await bench.engine.done(len(wrong))
    bench.engine.check_faults(*expected)

    bench.engine.job.send({"opcode": 99, "descriptor": good})
    await bench.engine.done()
    bench.engine.check_faults(dict(code=FaultCode.PROGRAM, info=0))
    bench.send(LocalOp.COPY, 64, bench.config.bank_bytes, **good)
    await bench.finish(1)


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(damaged=[0, 50, 102], pause=[0.0, 0.5])
async def stops_at_damage(dut, damaged, pause):
    """A vector with a parity error is reported once; neither it nor any after it is written."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    lanes = bench.config.lanes
    source, destination = bench.config.bank_bytes, 40
    good = damaged - damaged % lanes
    bench.memory.damaged |= {source + damaged, source + 102}
    operands = dict(source=dict(offset=source), destination=dict(offset=destination))
    bench.engine.send(LocalOp.COPY, operands | dict(row_bytes=103, rows=1), context=1)
    rows = dict(row_bytes=20, rows=2, source_pitch=20, destination_pitch=20)
    bench.expected[destination : destination + good] = bench.expected[source : source + good]
    bench.send(LocalOp.COPY, source + 110, 2 * source, **rows)
    await bench.engine.done(2)
    assert bench.memory.bytes == bench.expected
    bench.engine.check_faults(dict(code=FaultCode.PARITY, context=1, address=source + good))


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_local_queue(simulate, config):
    simulate(LocalQueue, config=config)
