"""Requests on a serial line become accesses to registers, and are answered, whatever comes."""

import random

import cocotb
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from cocotb.triggers import ClockCycles, FallingEdge, ReadOnly, RisingEdge

from intarsia.bench import StreamSink, StreamSource, start
from intarsia.board.bridge import Bridge
from intarsia.isa.bits import decode, encode
from intarsia.isa.registers import INTERRUPTS
from intarsia.isa.serial import SerialCommand, SerialReply, SerialRequest, SerialStatus
from intarsia.sequencer.axi import RegisterAccess, Target

PATIENCE = 50

#: Registers from here on are refused.
LIMIT = 0x800

READ, WRITE = SerialCommand.READ.value, SerialCommand.WRITE.value


class Bridged(wiring.Component):
    """A bridge, and the far end of its bus."""

    def __init__(self):
        super().__init__({
            "i": In(stream.Signature(8)),
            "o": Out(stream.Signature(8)),
            "irq": In(len(INTERRUPTS)),
            "access": Out(stream.Signature(RegisterAccess)),
            "value": In(32),
            "refused": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.bridge = bridge = Bridge(patience=PATIENCE)
        m.submodules.target = target = Target()
        connect(m, bridge=bridge.axil, target=target.bus)
        connect(m, bridge.o, flipped(self.o))
        connect(m, target.access, flipped(self.access))
        m.d.comb += [
            bridge.i.valid.eq(self.i.valid),
            bridge.i.p.eq(self.i.p),
            self.i.ready.eq(1),
            bridge.irq.eq(self.irq),
            target.value.eq(self.value),
            target.refused.eq(self.refused),
        ]
        return m


def checked(content):
    """With the byte that makes the sum a multiple of 256."""
    return [*content, -sum(content) & 0xFF]


class Bench:
    """A host on one side, registers on the other."""

    def __init__(self, dut, pause):
        component = Bridged()
        self.dut = dut
        self.words = {address: random.getrandbits(32) for address in range(0, LIMIT, 4)}
        self.writes = []
        self.source = StreamSource(dut, component.i, pause=pause)
        self.sink = StreamSink(dut, component.o, pause=pause)
        self.pause = pause
        dut.irq.value = 0
        cocotb.start_soon(self._serve())

    async def _serve(self):
        dut = self.dut
        shape = RegisterAccess.as_shape()
        while True:
            dut.access__ready.value = random.random() >= self.pause
            await FallingEdge(dut.clk)
            access = decode(shape, dut.access__payload.value.to_unsigned())
            dut.value.value = self.words.get(access["address"], 0)
            dut.refused.value = access["address"] >= LIMIT
            await ReadOnly()
            taken = dut.access__valid.value == 1 and dut.access__ready.value == 1
            if taken and access["write"] and access["address"] < LIMIT:
                self.words[access["address"]] = access["value"]
                self.writes.append(access["address"])
            await RisingEdge(dut.clk)

    def send(self, command, address, value=0):
        whole = encode(
            SerialRequest, {"command": command, "address": address, "value": value}
        ).to_bytes(8, "little")
        self.source.send(*checked(whole[:-1]))

    async def hear(self):
        """Status and value of what comes next."""
        content = [await self.sink.receive() for _ in range(SerialReply.as_shape().size // 8)]
        assert sum(content) % 256 == 0
        reply = decode(SerialReply, int.from_bytes(content, "little"))
        return reply["status"], reply["value"]

    async def ask(self, *request):
        self.send(*request)
        return await self.hear()


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def registers_are_written_and_read(dut, pause):
    """Each access is one transaction, answered once."""
    bench = Bench(dut, pause)
    await start(dut)
    model = dict(bench.words)
    for _ in range(40):
        address, value = random.randrange(0, LIMIT, 4), random.getrandbits(32)
        if random.randrange(2):
            model[address] = value
            assert await bench.ask(WRITE, address, value) == (SerialStatus.OKAY, 0)
        else:
            assert await bench.ask(READ, address) == (SerialStatus.OKAY, model[address])
    assert bench.words == model


@cocotb.test(timeout_time=100, timeout_unit="us")
async def what_the_chip_refuses_is_refused(dut):
    """And so is an address that the bus has no bits for."""
    bench = Bench(dut, 0.0)
    await start(dut)
    for address in (LIMIT, 0x1000, 0x8004):
        assert await bench.ask(READ, address) == (SerialStatus.REFUSED, 0)
        assert await bench.ask(WRITE, address, 1) == (SerialStatus.REFUSED, 0)
    assert not bench.writes


@cocotb.test(timeout_time=200, timeout_unit="us")
async def what_is_garbled_is_not_done(dut):
    """Any byte that is wrong is found; the next request is understood."""
    bench = Bench(dut, 0.0)
    await start(dut)
    good = checked([WRITE, 0x10, 0x00, 1, 2, 3, 4])
    for place in range(len(good)):
        wrong = list(good)
        wrong[place] ^= 1 << random.randrange(8)
        bench.source.send(*wrong)
        assert await bench.hear() == (SerialStatus.GARBLED, 0)
    bench.source.send(*checked([0x00] * 7))
    assert await bench.hear() == (SerialStatus.GARBLED, 0)
    assert not bench.writes
    assert await bench.ask(WRITE, 0x10, 5) == (SerialStatus.OKAY, 0)
    assert bench.writes == [0x10]


@cocotb.test(timeout_time=200, timeout_unit="us")
async def who_waits_begins_anew(dut):
    """A request that was cut off is forgotten after a pause, and not before."""
    bench = Bench(dut, 0.0)
    await start(dut)
    for count in (1, 7):
        bench.source.send(*[0xA5] * count)
        await ClockCycles(dut.clk, count + PATIENCE + 5)
        assert await bench.ask(READ, 0x20) == (SerialStatus.OKAY, bench.words[0x20])
    request = checked([READ, 0x20, 0x00, 0, 0, 0, 0])
    for byte in request:
        bench.source.send(byte)
        await ClockCycles(dut.clk, PATIENCE - 5)
    assert await bench.hear() == (SerialStatus.OKAY, bench.words[0x20])


@cocotb.test(timeout_time=200, timeout_unit="us")
async def interrupts_are_said(dut):
    """Once for each rise, with the lines; a request that comes meanwhile is answered after it."""
    bench = Bench(dut, 0.0)
    await start(dut)
    for lines in (0b01, 0b11, 0b10):
        dut.irq.value = lines
        if lines != 0b10:
            bench.send(READ, 0x30)
            assert await bench.hear() == (SerialStatus.INTERRUPT, lines)
        else:
            bench.send(READ, 0x30)
        assert await bench.hear() == (SerialStatus.OKAY, bench.words[0x30])
    await ClockCycles(dut.clk, 50)
    assert dut.o__valid.value == 0


def test_bridge(simulate):
    simulate(Bridged)


@pytest.mark.parametrize("patience", [0, -1, 2.5])
def test_patience_rejected(patience):
    with pytest.raises(ValueError, match="Patience must be a positive integer, not"):
        Bridge(patience=patience)
