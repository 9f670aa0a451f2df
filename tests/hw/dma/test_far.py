"""How long it takes from a job to its last byte, where the fragment lies at the far end of a link.

The remote queue of one node, the responder of another, and all that lies between them: routers and
link ports. Maps and memories are those of the testbench.
"""

import random
from dataclasses import replace

import cocotb
import pytest
from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from cocotb.triggers import ClockCycles, FallingEdge

from intarsia.bench import MemoryServer, parameters, start
from intarsia.common.lookup import Lookup
from intarsia.common.ports import Engine, MemoryRead, MemoryWrite
from intarsia.dma.remote import RemoteQueue
from intarsia.dma.responder import Responder
from intarsia.isa.config import config
from intarsia.isa.instruction import RemoteOp
from intarsia.isa.transfer import RemoteDescriptor
from intarsia.link.geometry import CLASSES
from intarsia.link.port import LinkPort
from intarsia.link.router import Router
from tests.hw.dma.engines import EngineDriver
from tests.hw.dma.packets import MapServer

LARGE = replace(config("large"), memory_bytes=1 << 14)

NEAR, FAR = 3, 7
DATA_ID = 1 << 28 | 5
SIZE, BASE = 4096, 4096
ALL = dict(read=1, write=1, accumulate=1)

#: What a transfer of one beat takes besides two latencies of the link: request, look-up at both
#: ends, reply. Each further beat costs three: it is collected, crosses the link, and is written.
CYCLES = {RemoteOp.READ: 22, RemoteOp.WRITE: 25, RemoteOp.ACCUMULATE: 28}


class FarNode(wiring.Component):
    """Two nodes, and a link of `latency` cycles."""

    def __init__(self, *, latency):
        self.latency = latency
        lanes = LARGE.lanes
        super().__init__({
            "engine": Out(Engine(RemoteDescriptor, ordered=False)),
            **{f"{end}_lookup": Out(Lookup()) for end in ("near", "far")},
            **{f"{end}_read": Out(MemoryRead(lanes)) for end in ("near", "far")},
            **{f"{end}_write": Out(MemoryWrite(lanes)) for end in ("near", "far")},
            "timebase": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.remote = remote = RemoteQueue(config=LARGE)
        m.submodules.responder = responder = Responder(config=LARGE)
        blocks = {"near": remote, "far": responder}
        routers, ports = {}, {}
        for end, node in (("near", NEAR), ("far", FAR)):
            m.submodules[f"{end}_router"] = router = Router(link_bytes=LARGE.link_bytes, ports=2)
            m.submodules[f"{end}_port"] = port = LinkPort(link_bytes=LARGE.link_bytes, port=0)
            m.d.comb += [
                router.node.eq(node),
                blocks[end].node.eq(node),
                port.tick.eq(self.timebase),
            ]
            for name in CLASSES:
                send, take = f"send_{name}", f"take_{name}"
                wiring.connect(m, getattr(router, f"send0_{name}"), getattr(port, send))
                wiring.connect(m, getattr(port, take), getattr(router, f"take0_{name}"))
            for name in ("lookup", "read", "write"):
                outside = getattr(wiring.flipped(self), f"{end}_{name}")
                wiring.connect(m, getattr(blocks[end], name), outside)
            routers[end], ports[end] = router, port
        wiring.connect(m, remote.engine, wiring.flipped(self).engine)
        wiring.connect(m, remote.request, routers["near"].source_request)
        wiring.connect(m, routers["near"].sink_reply, remote.reply)
        wiring.connect(m, routers["far"].sink_request, responder.request)
        wiring.connect(m, responder.reply, routers["far"].source_reply)
        m.d.comb += remote.owners.eq(Const(1, len(remote.owners.as_value())))

        for end, other in (("near", "far"), ("far", "near")):
            tx, rx = ports[end].tx, ports[other].rx
            pins = Cat(tx.valid, tx.start, tx.data)
            for stage in range(self.latency):
                later = Signal(len(pins), name=f"{end}_stage{stage}")
                m.d.sync += later.eq(pins)
                pins = later
            m.d.comb += Cat(rx.valid, rx.start, rx.data).eq(pins)
        return m


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(opcode=["READ", "WRITE", "ACCUMULATE"])
async def takes_few_cycles(dut, opcode):
    """A short transfer takes two latencies and some cycles; a longer one, its beats, too."""
    opcode = RemoteOp[opcode]
    dut.timebase.value = 0
    await start(dut)
    both = FarNode(**parameters())
    engine = EngineDriver(dut, both.engine)
    memories = {}
    for end in ("near", "far"):
        entry = dict(node=FAR, replica=FAR, base=BASE, size=SIZE, version=9, permissions=ALL)
        MapServer(dut, getattr(both, f"{end}_lookup")).entries[DATA_ID, 0] = entry
        memories[end] = memory = MemoryServer(
            dut,
            size=LARGE.memory_bytes,
            banks=LARGE.macro_banks,
            reads=[getattr(both, f"{end}_read")],
            writes=[getattr(both, f"{end}_write")],
        )
        memory.bytes[:] = random.randbytes(LARGE.memory_bytes)
    # The ends get to know each other at the first pulses.
    for _ in range(4):
        dut.timebase.value = 1
        await ClockCycles(dut.clk, 1)
        dut.timebase.value = 0
        await ClockCycles(dut.clk, 4 * both.latency + 60)

    for beats in (1, 1, 4):
        size = beats * LARGE.link_bytes
        rows = dict(row_bytes=size, rows=1, remote_pitch=size, local_pitch=size)
        offset, local = 16 * random.randrange(16), 16 * random.randrange(16)
        fields = dict(data_id=DATA_ID, offset=offset, local=dict(offset=local))
        near, far = (bytes(memories[end].bytes) for end in ("near", "far"))
        there = slice(BASE + offset, BASE + offset + size)
        here = slice(local, local + size)
        engine.send(opcode, fields | rows)
        cycles = 0
        while dut.engine__job__valid.value != 1:
            await FallingEdge(dut.clk)
        while dut.engine__done.value != 1:
            await FallingEdge(dut.clk)
            cycles += 1
        await ClockCycles(dut.clk, 2)
        engine.check_faults()
        expected = 2 * both.latency + CYCLES[opcode] + 3 * (beats - 1)
        assert cycles == expected, f"{cycles} cycles rather than {expected}"
        if opcode is RemoteOp.READ:
            assert memories["near"].bytes[here] == far[there]
        elif opcode is RemoteOp.WRITE:
            assert memories["far"].bytes[there] == near[here]
        else:
            assert memories["far"].bytes[there] != far[there]
        await ClockCycles(dut.clk, 4 * both.latency + 40)


@pytest.mark.parametrize("latency", [1, 32])
def test_far(simulate, latency):
    simulate(FarNode, latency=latency)
