"""Two clients of one memory port get what they would get alone."""

import random

import cocotb
import pytest
from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import MemoryServer, StreamSource, start
from intarsia.common.ports import MemoryRead, MemoryWrite
from intarsia.common.share import ReadShare, WriteShare

LANES = 4
SIZE = 256
CLIENTS = ("first", "second")


class Shared(wiring.Component):
    """A read share and a write share."""

    def __init__(self, *, parked=False):
        self.parked = parked
        super().__init__({
            **{f"{name}_read": In(MemoryRead(LANES)) for name in CLIENTS},
            **{f"{name}_write": In(MemoryWrite(LANES)) for name in CLIENTS},
            "read": Out(MemoryRead(LANES)),
            "write": Out(MemoryWrite(LANES)),
        })

    def elaborate(self, platform):
        m = Module()
        for kind, form in (("read", ReadShare), ("write", WriteShare)):
            m.submodules[kind] = share = form(lanes=LANES, parked=self.parked)
            connect(m, share.port, flipped(getattr(self, kind)))
            for name in CLIENTS:
                connect(m, flipped(getattr(self, f"{name}_{kind}")), getattr(share, name))
        return m


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def both_are_served(dut, pause):
    """Random reads and writes of both; each reads its own, in order."""
    shared = Shared()
    memory = MemoryServer(
        dut, size=SIZE, banks=1, reads=[shared.read], writes=[shared.write], pause=pause
    )
    memory.bytes[:] = content = bytearray(random.randbytes(SIZE))
    reads = {n: StreamSource(dut, getattr(shared, f"{n}_read").request, pause=0.3) for n in CLIENTS}
    writes = {
        n: StreamSource(dut, getattr(shared, f"{n}_write").request, pause=0.3) for n in CLIENTS
    }
    await start(dut)
    asked = {name: [] for name in CLIENTS}
    came = {name: [] for name in CLIENTS}
    for number in range(100):
        name = random.choice(CLIENTS)
        place = LANES * random.randrange(SIZE // LANES // 2)
        asked[name].append(bytes(content[place : place + LANES]))
        reads[name].send({"address": place, "mask": 15, "context": 0})
        place, name = SIZE // 2 + number, random.choice(CLIENTS)
        content[place] = random.randrange(256)
        writes[name].send({"address": place, "mask": 1, "bytes": [content[place], 0, 0, 0]})
    for _ in range(1500):
        await FallingEdge(dut.clk)
        for name in CLIENTS:
            port = getattr(shared, f"{name}_read").data
            if dut[port.valid.name].value == 1:
                bits = dut[Value.cast(port.payload).name].value.to_unsigned()
                came[name].append((bits & (1 << 8 * LANES) - 1).to_bytes(LANES, "little"))
        await RisingEdge(dut.clk)
    assert came == asked
    assert memory.bytes == content


@pytest.mark.parametrize("parked", [False, True], ids=["first", "turns"])
def test_share(simulate, parked):
    simulate(Shared, parked=parked)
