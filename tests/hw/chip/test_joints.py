"""What leads from block to block takes a cycle with relays, and none without."""

from dataclasses import replace

import cocotb
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, flipped
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import parameters, start
from intarsia.chip.joints import Joints
from intarsia.common.lookup import Lookup
from intarsia.common.ports import PacketBeat
from intarsia.isa.config import config
from intarsia.isa.faults import FaultReport

REPORT = stream.Signature(FaultReport, always_ready=True)


class Jointed(wiring.Component):
    """A joint of packets, one of reports, and one of look-ups."""

    def __init__(self, *, relays):
        self.config = replace(config("tiny"), relays=relays)
        packet = stream.Signature(PacketBeat(self.config.link_bytes))
        super().__init__({
            "sent": In(packet),
            "taken": Out(packet),
            "said": In(REPORT),
            "heard": Out(REPORT),
            "asks": In(Lookup()),
            "answers": Out(Lookup()),
            "ticks": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        joints = Joints(self.config)
        joints.packets(m, "packets", flipped(self.sent), flipped(self.taken))
        joints.tell(m, flipped(self.said), flipped(self.heard))
        joints.look_up(m, "client", flipped(self.asks), flipped(self.answers))
        m.d.sync += self.ticks.eq(~self.ticks)  # There is a clock, whatever is between blocks.
        return m


#: What is driven, where it arrives, and the payload that goes along.
PAIRS = {
    "sent__valid": "taken__valid",
    "said__valid": "heard__valid",
    "asks__request__valid": "answers__request__valid",
    "answers__result__valid": "asks__result__valid",
}


@cocotb.test(timeout_time=10, timeout_unit="us")
async def takes_as_long_as_it_should(dut):
    """A pulse at one end is a pulse at the other one, at once or a cycle later."""
    relays = parameters()["relays"]
    dut.taken__ready.value = dut.answers__request__ready.value = 1
    for name in PAIRS:
        dut[name].value = 0
    await start(dut)
    for name, other in PAIRS.items():
        await RisingEdge(dut.clk)
        dut[name].value = 1
        seen = []
        for _ in range(3):
            await FallingEdge(dut.clk)
            seen.append(int(dut[other].value))
            await RisingEdge(dut.clk)
            dut[name].value = 0
        assert seen == ([0, 1, 0] if relays else [1, 0, 0]), name


@pytest.mark.parametrize("relays", [False, True], ids=["straight", "relays"])
def test_joints(simulate, relays):
    simulate(Jointed, relays=relays)
