"""Nodes of a cluster, the groups that they sync in, and a switch between them."""

import random

import cocotb
from amaranth.hdl import Value
from cocotb.triggers import ClockCycles, Event, FallingEdge

from intarsia.bench import StreamSource, parameters, start
from intarsia.isa.bits import decode
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.packet import PacketKind, beats
from intarsia.sync.port import GROUPS
from tests.hw.dma.packets import PacketSink, PacketSource
from tests.hw.sync.cluster import Cluster

__all__ = [
    "ALL",
    "BOTH",
    "FIRST",
    "FORGETTING",
    "NODES",
    "PAIR",
    "REST",
    "SOME",
    "Bench",
    "begin",
    "members",
]

NODES = 4

ALL = {"group": 5, "coordinator": 1, "first": 0, "members": 4}
SOME = {"group": 63, "coordinator": 0, "first": 1, "members": 2}  # 0 only counts
PAIR = {"group": 6, "coordinator": 3, "first": 2, "members": 2}
REST = {"group": 7, "coordinator": 3, "first": 0, "members": 3, "absent": 0b0010}  # 1 has died


#: Contexts that run.
FIRST, BOTH = 0b01, 0b11

#: Cycles after a reset or a start in which nothing is taken in.
FORGETTING = GROUPS + 5


def members(group):
    present = [n for n in range(NODES) if not group.get("absent", 0) >> n & 1]
    start = present.index(group["first"])
    return present[start : start + group["members"]]


class Bench:
    """The cluster's nodes, and between them a switch that keeps the order of each sender only."""

    def __init__(self, dut, *, pause=0.0, delay=0):
        self.dut = dut
        self.cluster = Cluster(**parameters())
        link_bytes = self.cluster.config.link_bytes
        self.beats = beats(PacketKind.SYNC_ARRIVE, 0, link_bytes)
        self.delay = delay
        self.faults = []
        self.released = [Event() for _ in range(NODES)]
        self.dones = [[] for _ in range(NODES)]
        self.declares, self.syncs, self.inputs, self.outputs = (
            [
                make(dut, getattr(self.cluster, f"{name}{n}"), *rest, pause=pause)
                for n in range(NODES)
            ]
            for make, name, *rest in (
                (StreamSource, "declare"),
                (StreamSource, "sync"),
                (PacketSource, "take", link_bytes),
                (PacketSink, "send", link_bytes),
            )
        )
        for n in range(NODES):
            cocotb.start_soon(self.switch(n))
            cocotb.start_soon(self.watch(n))

    async def switch(self, node):
        while True:
            packet = await self.outputs[node].receive()
            assert packet.source == node != packet.destination
            if self.delay:
                await ClockCycles(self.dut.clk, random.randrange(1, self.delay))
            self.inputs[packet.destination].send(packet)

    async def watch(self, node):
        fault, done = (getattr(self.cluster, f"{name}{node}") for name in ("fault", "done"))
        while True:
            await FallingEdge(self.dut.clk)
            if self.dut[done.valid.name].value == 1:
                payload = self.dut[Value.cast(done.payload).name].value
                self.dones[node].append(payload.to_unsigned())
                self.released[node].set()
            if self.dut[fault.valid.name].value == 1:
                bits = self.dut[Value.cast(fault.payload).name].value.to_unsigned()
                report = decode(FaultReport, bits)
                assert report["code"] == FaultCode.SYNC
                assert report["engine"] == 10
                self.faults.append((node, report["info"], report["context"]))

    async def declare(self, *groups, nodes=range(NODES), context=0):
        """Declare `groups` at `nodes`. Programs arrive only after they have declared."""
        for group in groups:
            for node in nodes:
                self.declares[node].send({"group": group, "context": context})
        await ClockCycles(self.dut.clk, 40)

    def arrive(self, node, group, esp=0, context=0):
        number = group["group"]
        self.syncs[node].send({"group": number, "esp": esp, "context": context})

    async def opened(self, node, context):
        """Wait for a context's barrier to open."""
        while context not in self.dones[node]:
            self.released[node].clear()
            await self.released[node].wait()
        self.dones[node].remove(context)

    async def settle(self, cycles=300):
        await ClockCycles(self.dut.clk, cycles)

    def activity(self, node):
        return Activity(self.dut[f"activity{node}"].value.to_unsigned())


async def begin(dut, **options):
    for n in range(NODES):
        for name in ("declare", "sync", "take"):
            dut[f"{name}{n}__valid"].value = 0
        dut[f"running{n}"].value = BOTH
    await start(dut)
    await ClockCycles(dut.clk, FORGETTING)
    return Bench(dut, **options)
