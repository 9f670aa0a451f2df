"""An engine's port, as the sequencer sees it, and streams that nobody can refuse."""

import cocotb
from amaranth.hdl import Value
from cocotb.queue import Queue
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import StreamSource
from intarsia.isa.bits import decode, encode
from intarsia.isa.counters import Activity
from intarsia.isa.transfer import RemoteDescriptor, StitchDescriptor

__all__ = ["EngineDriver", "Watch"]


class Watch:
    """Collects the payloads of `port`, a stream that is always ready."""

    def __init__(self, dut, port):
        self._payload = dut[Value.cast(port.payload).name]
        self._valid = dut[port.valid.name]
        self._shape = port.payload.shape()
        self._clk = dut.clk
        self.seen = []
        cocotb.start_soon(self._run())

    async def _run(self):
        while True:
            await FallingEdge(self._clk)
            if self._valid.value == 1:
                self.seen.append(decode(self._shape, self._payload.value.to_unsigned()))
            await RisingEdge(self._clk)


class EngineDriver:
    """Gives jobs to `engine`, and waits for them to be done; `whose` they were, in that order.

    `when_done` is called with the context of each that is.
    """

    def __init__(self, dut, engine, *, pause=0.0):
        self.job = StreamSource(dut, engine.job, pause=pause)
        self.faults = Watch(dut, engine.fault)
        self.cycles = dict.fromkeys(Activity, 0)
        self.finished = 0
        self.whose = []
        self.when_done = lambda context: None
        self._done = Queue()
        self._dut = dut
        self._signals = dut[engine.done.name], dut[Value.cast(engine.activity).name]
        self._whose = dut[engine.done.name] if engine.signature.ordered else dut[engine.whose.name]
        cocotb.start_soon(self._run())

    async def _run(self):
        done, activity = self._signals
        while True:
            await FallingEdge(self._dut.clk)
            self.cycles[Activity(activity.value.to_unsigned())] += 1
            if done.value == 1:
                self.finished += 1
                self.whose.append(int(self._whose.value))
                self.when_done(self.whose[-1])
                self._done.put_nowait(None)
            await RisingEdge(self._dut.clk)

    def send(self, opcode, descriptor, context=0):
        """Queue a job."""
        self.job.send({"opcode": opcode.value, "context": context, "descriptor": descriptor})

    def stitch(self, opcode, descriptor, context=0):
        """Queue a job whose body is a `StitchDescriptor`."""
        body = decode(RemoteDescriptor, encode(StitchDescriptor, descriptor))
        self.job.send({"opcode": opcode.value, "context": context, "descriptor": body})

    async def done(self, jobs=1):
        """Wait until so many more jobs are done, and their last cycle is over."""
        for _ in range(jobs):
            await self._done.get()
        await RisingEdge(self._dut.clk)

    def check_faults(self, *expected):
        """Compare all faults since the last check."""
        seen = [
            {name: report[name] for name in wanted}
            for report, wanted in zip(self.faults.seen, expected, strict=True)
        ]
        assert seen == list(expected)
        self.faults.seen.clear()
