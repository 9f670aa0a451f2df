"""Behaviours of sync ports that are told what can't be. Run by their test."""

import cocotb

from intarsia.isa.counters import Activity
from intarsia.isa.packet import PacketKind, SyncPoint
from intarsia.sync.port import MEMBERS_MAX
from tests.hw.dma.packets import Packet
from tests.hw.sync.bench import ALL, PAIR, SOME, begin


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
