"""Bytes that are sent come, also where the clocks of the two ends differ."""

import random

import cocotb
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from cocotb.triggers import ClockCycles, RisingEdge

from intarsia.bench import StreamSource, parameters, start
from intarsia.board.uart import UartReceiver, UartTransmitter


class Line(wiring.Component):
    """Two ends of a line, which may hold different views of how long a bit is.

    The line can be `cut`: then it is low.
    """

    def __init__(self, *, sends, takes):
        self.sends, self.takes = sends, takes
        super().__init__({
            "i": In(stream.Signature(8)),
            "o": Out(stream.Signature(8, always_ready=True)),
            "line": Out(1),
            "cut": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.transmitter = transmitter = UartTransmitter(divisor=self.sends)
        m.submodules.receiver = receiver = UartReceiver(divisor=self.takes)
        connect(m, flipped(self.i), transmitter.i)
        connect(m, receiver.o, flipped(self.o))
        m.d.comb += [self.line.eq(transmitter.tx & ~self.cut), receiver.rx.eq(self.line)]
        return m


async def takes(dut, count):
    """The next `count` bytes that come."""
    found = []
    while len(found) < count:
        await RisingEdge(dut.clk)
        if dut.o__valid.value == 1:
            found.append(int(dut.o__payload.value))
    return found


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.9])
async def what_is_sent_comes(dut, pause):
    """Every byte, and nothing else."""
    line = Line(**parameters())
    source = StreamSource(dut, line.i, pause=pause)
    dut.cut.value = 0
    await start(dut)
    sent = [0x00, 0xFF, 0x55, 0xAA, *random.randbytes(40)]
    source.send(*sent)
    assert await takes(dut, len(sent)) == sent


@cocotb.test(timeout_time=100, timeout_unit="us")
async def bits_are_those_of_the_standard(dut):
    """Low, eight bits from the lowest up, high; each as long as the divisor says."""
    line = Line(**parameters())
    source = StreamSource(dut, line.i)
    dut.cut.value = 0
    await start(dut)
    source.send(0b1100_1010)
    while dut.line.value == 1:
        await RisingEdge(dut.clk)
    await ClockCycles(dut.clk, line.sends // 2)
    seen = []
    for _ in range(10):
        seen.append(int(dut.line.value))
        await ClockCycles(dut.clk, line.sends)
    assert seen == [0, 0, 1, 0, 1, 0, 0, 1, 1, 1]


@cocotb.test(timeout_time=100, timeout_unit="us")
async def what_has_no_stop_bit_is_dropped(dut):
    """A line that is cut says nothing, and works when it is mended."""
    line = Line(**parameters())
    source = StreamSource(dut, line.i)
    dut.cut.value = 1
    await start(dut)
    for _ in range(15 * line.takes):
        await RisingEdge(dut.clk)
        assert dut.o__valid.value == 0
    dut.cut.value = 0
    await ClockCycles(dut.clk, 12 * line.takes)
    source.send(0x42)
    assert await takes(dut, 1) == [0x42]


@pytest.mark.parametrize(("sends", "takes"), [(5, 5), (33, 32)], ids=["alike", "apart"])
def test_uart(simulate, sends, takes):
    simulate(Line, sends=sends, takes=takes)


@pytest.mark.parametrize("divisor", [3, 0, 4.5])
@pytest.mark.parametrize("end", [UartReceiver, UartTransmitter])
def test_divisors_rejected(end, divisor):
    with pytest.raises(ValueError, match="Divisor must be an integer of at least 4, not"):
        end(divisor=divisor)
