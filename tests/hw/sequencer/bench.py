"""A sequencer with a memory, engines that take their time, a host and a sync port."""

import random
from collections import deque
from dataclasses import dataclass

import cocotb
from amaranth.hdl import Value
from cocotb.handle import (
    ArrayObject,
    HierarchyArrayObject,
    HierarchyObject,
    ValueObjectBase,
)
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import parameters, start
from intarsia.bench.memory import MemoryServer
from intarsia.common.ports import GroupRequest, SyncRequest
from intarsia.isa.bits import decode, encode
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultReport
from intarsia.isa.instruction import Stream
from intarsia.sequencer.parts import SlotWrite
from intarsia.sequencer.sequencer import DESCRIPTORS, Sequencer
from tests.hw.sequencer.programs import assemble

ENGINES = tuple(DESCRIPTORS)

__all__ = ["ENGINES", "Bench", "Event"]


@dataclass
class Event:
    """Something that the sequencer or an engine did, in the cycle `cycle`."""

    cycle: int
    kind: str
    stream: Stream = Stream.CONTROL
    context: int = 0
    value: object = None


def _field(bits, field):
    return bits >> field.offset & (1 << field.width) - 1


def _leaves(handle):
    """Signals and memory words below `handle`."""
    for child in handle:
        if isinstance(child, HierarchyObject | HierarchyArrayObject | ArrayObject):
            yield from _leaves(child)
        elif isinstance(child, ValueObjectBase):
            yield child


class MockEngine:
    """Accepts up to `depth` jobs, and does one at a time, in a random number of cycles.

    They are done in order; if its port is not ordered, those of each context are.
    """

    def __init__(self, dut, bench, stream, port):
        self.bench = bench
        self.stream = stream
        self.layout = port.job.payload.shape()
        self.names = {
            "payload": Value.cast(port.job.payload).name,
            "valid": port.job.valid.name,
            "ready": port.job.ready.name,
            "done": port.done.name,
            "activity": Value.cast(port.activity).name,
        }
        self.ordered = port.signature.ordered
        if not self.ordered:
            self.names["whose"] = port.whose.name
        self.pins = {key: dut[name] for key, name in self.names.items()}
        self.fault_valid = dut[port.fault.valid.name]
        self.fault_payload = dut[Value.cast(port.fault.payload).name]
        self.depth = 2
        self.longest = 12
        self.pause = 0.0
        self.frozen = False
        self.activity = Activity.BUSY
        self.jobs = deque()
        self.left = 0
        self.ready = False
        self.offered = False
        self.finishing = False
        self.next = 0

    def drive(self):
        """Pins of the cycle that begins."""
        if self.jobs and self.left == 0 and not self.frozen:
            self.left = random.randint(1, self.longest)
        if self.left:
            self.left -= 1
        self.finishing = bool(self.jobs) and self.left == 0 and not self.frozen
        self.ready = len(self.jobs) < self.depth and random.random() >= self.pause
        activity = self.activity if self.jobs else Activity.IDLE
        self.pins["done"].value = self.finishing
        if self.finishing and not self.ordered:
            self.next = self.jobs.index(random.choice(self.jobs))
            self.pins["whose"].value = self.jobs[self.next]
        self.pins["activity"].value = activity.value
        self.pins["ready"].value = self.ready

    def observe(self):
        """What happens in the cycle."""
        if self.finishing:
            context = self.jobs[self.next]
            del self.jobs[self.next]
            self.bench.record("done", self.stream, context)
        valid = self.pins["valid"].value == 1
        if valid and not self.offered:
            self.bench.record("offer", self.stream)
        self.offered = valid and not self.ready
        if self.ready and valid:
            bits = self.pins["payload"].value.to_unsigned()
            job = {name: _field(bits, field) for name, field in self.layout}
            value = job["opcode"], job["descriptor"]
            self.bench.record("job", self.stream, job["context"], value)
            self.jobs.append(job["context"])

    def fail(self, **report):
        """Report a fault in the next cycle."""
        self.bench.pulse(self.fault_valid, self.fault_payload, encode(FaultReport, report))


class Bench:
    """Drives everything after rising edges, and observes it at falling ones, in one loop."""

    def __init__(self, dut, *, pause=0.0):
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.component = Sequencer(**parameters())
        self.config = self.component.config
        self.cycle = 0
        self.events = []
        self.pulses = []
        self.writing = False
        self.memory = MemoryServer(
            dut,
            size=self.config.memory_bytes,
            banks=self.config.macro_banks,
            reads=[self.component.port],
            pause=pause,
        )
        self.engines = {
            of: MockEngine(dut, self, of, getattr(self.component, of.name.lower()))
            for of in ENGINES
        }
        for engine in self.engines.values():
            engine.pause = pause
        for name in ("start", "stop", "ring", "slot", "sync_done"):
            dut[f"{name}__valid"].value = 0
        for n in range(self.component.faults):
            dut[f"fault{n}__valid"].value = 0
        for engine in self.engines.values():
            engine.fault_valid.value = 0
        dut.tick.value = 0
        dut.limit.value = 0
        dut.delivers.value = 0
        dut.sync__ready.value = 1
        dut.declare__ready.value = 1
        self.tick_every = 0

    @classmethod
    async def create(cls, dut, **settings):
        await start(dut)
        bench = cls(dut, **settings)
        cocotb.start_soon(bench._run())
        await bench.cycles(1)
        return bench

    # ---- Cycles

    async def cycles(self, count):
        for _ in range(count):
            await RisingEdge(self.dut.clk)

    async def _run(self):
        dut = self.dut
        pending = []
        while True:
            await RisingEdge(dut.clk)
            self.cycle += 1
            for valid in pending:
                valid.value = 0
            pending = []
            for valid, payload, bits in self.pulses:
                payload.value = bits
                valid.value = 1
                pending.append(valid)
            self.pulses = []
            dut.tick.value = bool(self.tick_every) and self.cycle % self.tick_every == 0
            for engine in self.engines.values():
                engine.drive()
            await FallingEdge(dut.clk)
            for engine in self.engines.values():
                engine.observe()
            self._observe()

    def _observe(self):
        dut = self.dut
        if dut.notify__valid.value == 1:
            self.record("notify", value=dut.notify__payload.value.to_unsigned())
        if dut.sync__valid.value == 1 and dut.sync__ready.value == 1:
            request = decode(SyncRequest, dut.sync__payload.value.to_unsigned())
            self.record("sync", context=request.context, value=(request.group, request.esp))
        if dut.declare__valid.value == 1 and dut.declare__ready.value == 1:
            group = decode(GroupRequest, dut.declare__payload.value.to_unsigned())
            self.record("declare", value=group)
        if dut.fault__valid.value == 1:
            report = decode(FaultReport, dut.fault__payload.value.to_unsigned())
            self.record("fault", context=report.context, value=report)
        started, done = dut.trace_start.value.to_unsigned(), dut.trace_done.value.to_unsigned()
        assert not started & done, "a stream starts and is done in one cycle"
        for of in Stream:
            for kind, mask in (("trace_start", started), ("trace_done", done)):
                if mask >> of.value & 1:
                    layer = dut[f"trace_layer__{of.value}"].value.to_unsigned()
                    context = dut[f"trace_context__{of.value}"].value.to_unsigned()
                    self.record(kind, of, context, layer)

    def record(self, kind, stream=Stream.CONTROL, context=0, value=None):
        self.events.append(Event(self.cycle, kind, stream, context, value))

    def of(self, kind, stream=None, context=None):
        """Events so far."""
        return [
            event
            for event in self.events
            if event.kind == kind
            and stream in (None, event.stream)
            and context in (None, event.context)
        ]

    async def until(self, kind, count=1, *, stream=None, context=None, limit=20_000):
        """Wait until there have been `count` events. Returns the last one."""
        for _ in range(limit):
            found = self.of(kind, stream, context)
            if len(found) >= count:
                return found[count - 1]
            await self.cycles(1)
        raise AssertionError(f"only {len(self.of(kind, stream, context))} of {count} x {kind}")

    # ---- Host

    def pulse(self, valid, payload, bits):
        self.pulses.append((valid, payload, bits))

    async def strobe(self, name, bits):
        """What the host writes; one thing at a time, whoever asks for it."""
        while self.writing:
            await self.cycles(1)
        self.writing = True
        self.pulse(self.dut[f"{name}__valid"], self.dut[f"{name}__payload"], bits)
        await self.cycles(2)
        self.writing = False

    async def set_slot(self, context, slot, base, size):
        entry = {"base": base, "size": size}
        bits = encode(SlotWrite, {"context": context, "slot": slot, "entry": entry})
        await self.strobe("slot", bits)

    async def load(self, context, program, *, base, **changes):
        """Put a program at `base`, and its slot."""
        content = assemble(program, **changes)
        self.memory.load(base, content)
        await self.set_slot(context, 0, base, len(content))

    async def run(self, context, program, *, base, **changes):
        await self.load(context, program, base=base, **changes)
        await self.strobe("start", context)

    async def ring(self, context):
        await self.strobe("ring", context)

    async def stop(self, context):
        await self.strobe("stop", context)
        await self.finish(context)

    async def settle(self):
        """Wait until nothing has happened for a while."""
        seen = -1
        while seen != len(self.events):
            seen = len(self.events)
            await self.cycles(400)

    def running(self):
        return self.dut.running.value.to_unsigned()

    def faulted(self):
        return self.dut.faulted.value.to_unsigned()

    def activity(self, of):
        return Activity(self.dut[f"activity__{of.value}"].value.to_unsigned())

    def state(self):
        """Values of everything in the design, but for the clock."""
        return {handle._path: handle.value for handle in _leaves(self.dut) if handle._name != "clk"}

    async def finish(self, context, limit=20_000):
        """Wait until the context runs no more."""
        for _ in range(limit):
            if not self.running() >> context & 1:
                return
            await self.cycles(1)
        raise AssertionError(f"context {context} still runs")
