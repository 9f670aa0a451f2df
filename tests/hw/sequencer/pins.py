"""Streams that promise to be ready: what they bring has to be seen in the cycle it comes."""

import cocotb
from cocotb.queue import Queue
from cocotb.triggers import FallingEdge

from intarsia.isa.bits import decode

__all__ = ["Watcher"]


class Watcher:
    """Far end of the output stream `name`, which is always ready."""

    def __init__(self, dut, name, shape):
        self._valid = dut[f"{name}__valid"]
        self._payload = dut[f"{name}__payload"]
        self._shape = shape
        self._clk = dut.clk
        self._received = Queue()
        cocotb.start_soon(self._run())

    async def receive(self):
        """Next payload."""
        return await self._received.get()

    async def _run(self):
        while True:
            await FallingEdge(self._clk)
            if self._valid.value == 1:
                self._received.put_nowait(decode(self._shape, self._payload.value.to_unsigned()))
