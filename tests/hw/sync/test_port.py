"""A barrier opens when all members have arrived, in whatever order; and what is wrong is named."""

import random

import cocotb
import pytest
from amaranth.hdl import Value
from cocotb.triggers import ClockCycles, Event, FallingEdge
from cocotb.utils import get_sim_time

from intarsia.bench import StreamSource, parameters, start
from intarsia.isa.bits import decode
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.packet import PacketKind, SyncPoint, beats
from intarsia.sync.port import GROUPS, MEMBERS_MAX
from tests.hw.dma.packets import Packet, PacketSink, PacketSource
from tests.hw.sync.cluster import Cluster

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


@cocotb.test(timeout_time=100, timeout_unit="us")
async def absent_nodes_are_left_out(dut):
    """Those that are there need not wait for them, and they hear nothing."""
    bench = await begin(dut)
    await bench.declare(REST, nodes=members(REST))
    for esp in range(3):
        for node in members(REST):
            assert bench.dones[node] == []
            bench.arrive(node, REST, esp=esp)
        for node in members(REST):
            await bench.opened(node, 0)
    await bench.settle()
    assert bench.dones == [[]] * NODES
    assert bench.faults == []  # node 1 would report a release that it does not wait for


@cocotb.test(timeout_time=500, timeout_unit="us")
@cocotb.parametrize(pause=[0.0, 0.5])
async def opens_when_all_have_arrived(dut, pause):
    """Two groups that share nodes, a context each, many rounds, at their own pace."""
    bench = await begin(dut, pause=pause, delay=30)
    rounds = 25
    arrived = {}

    async def visit(node, group, context):
        for n in range(rounds):
            await ClockCycles(dut.clk, random.choice([1, 5, 60]))
            here = arrived.setdefault((group["group"], n), set())
            here.add(node)
            bench.arrive(node, group, esp=1000 * context + n, context=context)
            await bench.opened(node, context)
            assert here == set(members(group))

    await bench.declare(ALL, SOME)
    visits = [
        cocotb.start_soon(visit(node, group, context))
        for context, group in enumerate((ALL, SOME))
        for node in members(group)
    ]
    for task in visits:
        await task
    await bench.settle()
    assert bench.faults == []
    assert bench.dones == [[]] * NODES
    assert len(arrived) == 2 * rounds


@cocotb.test(timeout_time=50, timeout_unit="us")
async def waits_for_the_last_one(dut):
    """Whoever it is; the others are at the barrier until then, non-members untouched."""
    bench = await begin(dut)
    await bench.declare(SOME)
    for last in members(SOME):
        for node in members(SOME):
            if node != last:
                bench.arrive(node, SOME)
        await bench.settle(80)
        assert bench.dones == [[]] * NODES
        assert [bench.activity(n) is Activity.BARRIER for n in range(NODES)] == [
            n in members(SOME) and n != last for n in range(NODES)
        ]
        bench.arrive(last, SOME)
        for node in members(SOME):
            await bench.opened(node, 0)
        await bench.settle(50)
        assert {bench.activity(n) for n in range(NODES)} == {Activity.IDLE}
    assert bench.faults == []


@cocotb.test(timeout_time=50, timeout_unit="us")
async def arrivals_count_before_the_declaration(dut):
    """The coordinator learns of its group when all are waiting already."""
    bench = await begin(dut)
    await bench.declare(SOME, nodes=members(SOME))
    for node in members(SOME):
        bench.arrive(node, SOME, esp=9)
    await bench.settle()
    assert bench.dones == [[]] * NODES
    await bench.declare(SOME, nodes=[SOME["coordinator"]])
    for node in members(SOME):
        await bench.opened(node, 0)
    assert bench.faults == []


@cocotb.test(timeout_time=50, timeout_unit="us")
async def groups_are_independent(dut):
    """A group that waits for ever holds up no other one, even with the same coordinator."""
    bench = await begin(dut)
    stuck = ALL | {"coordinator": PAIR["coordinator"]}
    await bench.declare(stuck, PAIR)
    for node in (0, 2, 3):
        bench.arrive(node, stuck, context=1)
    for esp in range(3):
        for node in members(PAIR):
            bench.arrive(node, PAIR, esp=esp, context=0)
        for node in members(PAIR):
            await bench.opened(node, 0)
    assert bench.dones == [[]] * NODES
    bench.arrive(1, stuck, context=0)
    for node in range(NODES):
        await bench.opened(node, int(node != 1))
    assert bench.faults == []


@cocotb.test(timeout_time=50, timeout_unit="us")
async def takes_in_while_sending_waits(dut):
    """A node that cannot send takes in whatever comes: control waits for nothing."""
    bench = await begin(dut)
    await bench.declare(SOME)
    coordinator = SOME["coordinator"]
    bench.outputs[coordinator]._stream._pause = 1.1
    for _ in range(8):
        for node in members(SOME):
            packet = Packet(
                PacketKind.SYNC_ARRIVE,
                destination=coordinator,
                source=node,
                extension=SOME["group"],
            )
            bench.inputs[coordinator].send(packet)
    await bench.settle(30 * bench.beats)
    assert dut[f"take{coordinator}__valid"].value == 0
    assert not bench.inputs[coordinator].beats._pending
    assert bench.activity(coordinator) is Activity.BUSY


@cocotb.test(timeout_time=50, timeout_unit="us")
async def a_chip_alone_needs_no_link(dut):
    """Its messages pass its own router; from arrival to release it takes two packets' time."""
    bench = await begin(dut)
    await bench.declare({"group": 0, "coordinator": 2, "first": 2, "members": 1})
    begin_time = get_sim_time("ns")
    bench.arrive(2, {"group": 0}, context=1)
    await bench.opened(2, 1)
    assert round((get_sim_time("ns") - begin_time) / 10) <= 2 * bench.beats + 8
    assert bench.faults == []


@cocotb.test(timeout_time=50, timeout_unit="us")
async def different_points_are_reported(dut):
    """By the coordinator, and by the member that waits for another point; the barrier opens."""
    bench = await begin(dut)
    await bench.declare(PAIR)
    bench.arrive(2, PAIR, esp=4)
    await bench.settle()
    bench.arrive(3, PAIR, esp=5, context=1)
    await bench.opened(2, 0)
    await bench.opened(3, 1)
    assert bench.faults == [(3, PAIR["group"], 0), (2, PAIR["group"], 0)]


@cocotb.test(timeout_time=50, timeout_unit="us")
async def an_undeclared_group_is_reported(dut):
    """Its context does not wait, and sends nothing; nor does reset leave a group declared."""
    bench = await begin(dut)
    bench.arrive(0, {"group": 40}, context=1)
    bench.arrive(0, {"group": ALL["group"]})
    bench.arrive(0, {"group": 64 + ALL["group"]})
    await bench.settle(50)
    assert bench.faults == [(0, 40, 1), (0, ALL["group"], 0), (0, 64 + ALL["group"], 0)]
    assert bench.activity(0) is Activity.IDLE


@cocotb.test(timeout_time=50, timeout_unit="us")
async def declarations_are_checked(dut):
    """Numbers beyond the table, and groups of nobody or of too many."""
    bench = await begin(dut)
    wrong = [ALL | {"members": members} for members in (0, MEMBERS_MAX + 1, 0x101)]
    await bench.declare(ALL | {"group": 64}, *wrong, nodes=[0])
    bench.arrive(0, ALL)
    await bench.settle(50)
    assert sorted(bench.faults) == [(0, ALL["group"], 0)] * 4 + [(0, 64, 0)]


@cocotb.test(timeout_time=50, timeout_unit="us")
async def contexts_do_not_share_a_group(dut):
    """A second context of the chip is refused; the first one waits on."""
    bench = await begin(dut)
    await bench.declare(PAIR)
    bench.arrive(2, PAIR, context=0)
    bench.arrive(2, PAIR, context=1)
    await bench.settle(50)
    assert bench.faults == [(2, PAIR["group"], 1)]
    bench.arrive(3, PAIR)
    await bench.opened(2, 0)
    assert len(bench.faults) == 1


@cocotb.test(timeout_time=50, timeout_unit="us")
async def a_start_begins_anew(dut):
    """Whoever waited when all were stopped has not arrived yet; other contexts wait on."""
    bench = await begin(dut)
    await bench.declare(ALL, context=1)
    await bench.declare(PAIR)
    bench.arrive(2, PAIR)
    for node in (0, 2, 3):
        bench.arrive(node, ALL, esp=7, context=1)
    await bench.settle()
    for n in range(NODES):
        dut[f"running{n}"].value = FIRST
    await ClockCycles(dut.clk, 5)
    assert [bench.activity(n) is Activity.BARRIER for n in range(NODES)] == [
        n == 2 for n in range(4)
    ]
    for node in (ALL["coordinator"], 3, 2, 0):
        dut[f"running{node}"].value = BOTH
        await ClockCycles(dut.clk, FORGETTING)
        await bench.declare(ALL, nodes=[node], context=1)
        bench.arrive(node, ALL, esp=3, context=1)
        await bench.settle(100)
        assert bench.dones == [[]] * NODES or node == 0
    for node in members(ALL):
        await bench.opened(node, 1)
    bench.arrive(3, PAIR)
    for node in members(PAIR):
        await bench.opened(node, 0)
    assert bench.faults == []


@cocotb.test(timeout_time=50, timeout_unit="us")
async def a_start_forgets_no_arrival_before_a_declaration(dut):
    """It may come from a member that was started earlier."""
    bench = await begin(dut)
    coordinator = PAIR["coordinator"]
    dut[f"running{coordinator}"].value = 0
    await bench.declare(PAIR, nodes=[2])
    bench.arrive(2, PAIR)
    await bench.settle(50)
    dut[f"running{coordinator}"].value = BOTH
    await ClockCycles(dut.clk, FORGETTING)
    await bench.declare(PAIR, nodes=[coordinator])
    bench.arrive(coordinator, PAIR)
    for node in members(PAIR):
        await bench.opened(node, 0)
    assert bench.faults == []


STRANGE = {
    "nobody": (PacketKind.SYNC_RELEASE, ALL["group"]),
    "group": (PacketKind.SYNC_RELEASE, 64),
    "arrival": (PacketKind.SYNC_ARRIVE, 255),
}


@cocotb.test(timeout_time=50, timeout_unit="us")
@cocotb.parametrize(what=list(STRANGE))
async def strange_messages_are_reported(dut, what):
    """Releases that nobody waits for, and groups that cannot exist."""
    bench = await begin(dut)
    kind, group = STRANGE[what]
    packet = Packet(kind, destination=0, source=3)
    packet.extension = group << SyncPoint.as_shape()["group"].offset
    bench.inputs[0].send(packet)
    await bench.settle(50)
    assert bench.faults == [(0, group, 0)]


@cocotb.test(timeout_time=50, timeout_unit="us")
async def more_arrivals_than_members_are_reported(dut):
    """Where the declaration comes last, and nobody could know better before."""
    bench = await begin(dut)
    for node in (1, 2, 3):
        bench.inputs[0].send(
            Packet(PacketKind.SYNC_ARRIVE, destination=0, source=node, extension=SOME["group"])
        )
    await bench.settle(100)
    await bench.declare(SOME, nodes=[0])
    assert (0, SOME["group"], 0) in bench.faults


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_port(simulate, config):
    simulate(Cluster, config=config, nodes=NODES)
