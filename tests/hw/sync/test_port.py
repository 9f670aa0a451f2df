"""A barrier opens when all members have arrived, in whatever order; and what is wrong is named."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles
from cocotb.utils import get_sim_time

from intarsia.isa.counters import Activity
from intarsia.isa.packet import PacketKind
from tests.hw.dma.packets import Packet
from tests.hw.sync.bench import (
    ALL,
    BOTH,
    FIRST,
    FORGETTING,
    NODES,
    PAIR,
    REST,
    SOME,
    begin,
    members,
)
from tests.hw.sync.cluster import Cluster
from tests.hw.sync.faults import (  # found by cocotb in this module
    an_undeclared_group_is_reported,
    contexts_do_not_share_a_group,
    declarations_are_checked,
    different_points_are_reported,
    more_arrivals_than_members_are_reported,
    strange_messages_are_reported,
)

__all__ = [
    "an_undeclared_group_is_reported",
    "contexts_do_not_share_a_group",
    "declarations_are_checked",
    "different_points_are_reported",
    "more_arrivals_than_members_are_reported",
    "strange_messages_are_reported",
]


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


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_port(simulate, config):
    simulate(Cluster, config=config, nodes=NODES)
