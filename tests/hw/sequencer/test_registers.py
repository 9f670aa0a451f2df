"""Registers behave as their map says, towards somebody else's AXI4-Lite manager."""

import itertools
import random

import cocotb
import pytest
from amaranth.hdl import Value
from cocotb.triggers import FallingEdge, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from intarsia.bench import StreamSink, parameters, start
from intarsia.common.lookup import MapCommand, MapOperation
from intarsia.isa.bits import decode, encode
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.fragment import FragmentEntry
from intarsia.isa.registers import (
    IDENTITY,
    REGISTERS,
    WATCHDOG_RESET,
    Access,
    Register,
    config_word,
)
from intarsia.sequencer.registers import Registers

#: Bits that plain registers keep, of those that are written and read back.
WIDTHS = {
    Register.NODE: 16,
    Register.WATCHDOG: 16,
    Register.SLOT_BASE: 24,
    Register.OWNER_CONTEXT: 4,
    Register.COUNTER_INDEX: 7,
    **{Register[f"ENTRY{n}"]: 32 for n in range(8)},
}

STROBES = ("start", "stop", "ring", "slot", "route", "fence", "home")

OKAY, SLVERR = AxiResp.OKAY, AxiResp.SLVERR


class Bench:
    """An AXI4-Lite manager on one side; on the other, a list of what has been ordered."""

    def __init__(self, dut, *, pause=0.0):
        self.dut = dut
        self.component = Registers(**parameters())
        self.config = self.component.config
        self.orders = []
        self.manager = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "axil_"), dut.clk, dut.rst)
        self.random = random.Random(cocotb.RANDOM_SEED)
        if pause:
            channels = (self.manager.write_if, self.manager.read_if)
            for channel in itertools.chain.from_iterable(
                (vars(channel).get(name) for name in CHANNELS) for channel in channels
            ):
                if channel is not None:
                    channel.set_pause_generator(self._pauses(pause))
        for name in ("running", "faulted", "notify__valid", "fault__valid", "counter"):
            dut[name].value = 0
        dut.fence__ready.value = 1
        self.command = StreamSink(dut, self.component.command, pause=0.8)
        cocotb.start_soon(self._watch())

    def _pauses(self, pause):
        while True:
            yield self.random.random() < pause

    @classmethod
    async def create(cls, dut, **settings):
        bench = cls(dut, **settings)
        await start(dut)
        await RisingEdge(dut.clk)
        return bench

    async def _watch(self):
        while True:
            await FallingEdge(self.dut.clk)
            for name in STROBES:
                if self.dut[f"{name}__valid"].value == 1 and self.dut.rst.value == 0:
                    port = getattr(self.component, name)
                    bits = self.dut[Value.cast(port.payload).name].value.to_unsigned()
                    self.orders.append((name, decode(port.payload.shape(), bits)))

    async def write(self, register, value, expected=OKAY):
        address = getattr(register, "value", register)
        response = await self.manager.write(address, value.to_bytes(4, "little"))
        assert response.resp == expected, f"write of {register}"

    async def read(self, register, expected=OKAY):
        address = getattr(register, "value", register)
        response = await self.manager.read(address, 4)
        assert response.resp == expected, f"read of {register}"
        return int.from_bytes(response.data, "little")

    async def pulse(self, name, bits):
        self.dut[f"{name}__payload"].value = bits
        self.dut[f"{name}__valid"].value = 1
        await RisingEdge(self.dut.clk)
        self.dut[f"{name}__valid"].value = 0
        await RisingEdge(self.dut.clk)


CHANNELS = ("aw_channel", "w_channel", "b_channel", "ar_channel", "r_channel")


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.7])
async def keeps_what_is_written(dut, pause):
    """Plain registers, written and read in random order, several transactions at once."""
    bench = await Bench.create(dut, pause=pause)
    kept = dict.fromkeys(WIDTHS, 0) | {Register.WATCHDOG: WATCHDOG_RESET}
    for _ in range(12):
        chosen = bench.random.sample(list(WIDTHS), 5)
        values = {register: bench.random.getrandbits(32) for register in chosen}
        for task in [cocotb.start_soon(bench.write(*item)) for item in values.items()]:
            await task
        for register, value in values.items():
            kept[register] = value & (1 << WIDTHS[register]) - 1
        reads = {register: cocotb.start_soon(bench.read(register)) for register in kept}
        for register, task in reads.items():
            assert await task == kept[register], register
    assert dut.node.value.to_unsigned() == kept[Register.NODE]
    assert dut.limit.value.to_unsigned() == kept[Register.WATCHDOG]
    assert not bench.orders


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def refuses(dut):
    """Whatever isn't in the map, and less than whole words."""
    bench = await Bench.create(dut)
    known = {register.value for register in Register}
    for address in [*range(0, 0x120, 4), 0x200, 0xFFC]:
        if address not in known:
            assert await bench.read(address, SLVERR) == 0
            await bench.write(address, 1, SLVERR)
    for register, info in REGISTERS.items():
        await bench.read(register, SLVERR if info.access is Access.WO else OKAY)
        if info.access is Access.RO:
            await bench.write(register, 0xFFFF_FFFF, SLVERR)
    assert await bench.read(Register.ID) == IDENTITY
    assert await bench.read(Register.CONFIG) == config_word(bench.config)
    await bench.write(Register.NODE, 0x1234)
    for offset in range(4):
        response = await bench.manager.write(Register.NODE.value + offset, b"\xff")
        assert response.resp == SLVERR
    assert await bench.read(Register.NODE) == 0x1234
    assert not bench.orders


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def gives_orders(dut):
    """START, STOP, DOORBELL, slots, owners, routes: once each, and only what can be."""
    bench = await Bench.create(dut)
    contexts, slots = bench.config.contexts, bench.config.slots
    dut.running.value = 1 << 1
    for name in ("start", "stop", "ring"):
        register = Register["DOORBELL" if name == "ring" else name.upper()]
        for context in range(contexts):
            running = name == "start" and context == 1
            await bench.write(register, context, SLVERR if running else OKAY)
            assert bench.orders == ([] if running else [(name, context)])
            bench.orders.clear()
        for context in (contexts, 16, 1 << 31):
            await bench.write(register, context, SLVERR)
    for slot, context in ((0, 0), (slots - 1, contexts - 1)):
        await bench.write(Register.SLOT_INDEX, context << 8 | slot)
        await bench.write(Register.SLOT_BASE, 0xABCDE)
        await bench.write(Register.SLOT_SIZE, 0x12345)
        [(name, order)] = bench.orders
        assert name == "slot" and (order.context, order.slot) == (context, slot)
        assert (order.entry.base, order.entry.size) == (0xABCDE, 0x12345)
        bench.orders.clear()
    for slot, context in ((slots, 0), (0, contexts)):
        await bench.write(Register.SLOT_INDEX, context << 8 | slot)
        await bench.write(Register.SLOT_SIZE, 1, SLVERR)
    await bench.write(Register.ROUTE, 3 << 16 | 0xBEEF)
    [(_, route)] = bench.orders
    assert (route.node, route.port) == (0xBEEF, 3)
    bench.orders.clear()
    await bench.write(Register.FENCE, 1 << 16 | 0xBEEF)
    [(name, fence)] = bench.orders
    assert name == "fence" and (fence.node, fence.dead) == (0xBEEF, 1)
    bench.orders.clear()
    await bench.write(Register.HOME, 0xBEEF << 16 | 0b1101)
    [(name, home)] = bench.orders
    assert name == "home" and (home.node, home.backup, home.index) == (0xBEEF, 1, 5)
    for name, register in (("home_base", Register.HOME_BASE), ("home_size", Register.HOME_SIZE)):
        value = bench.random.getrandbits(24)
        await bench.write(register, 0xFF << 24 | value)
        assert dut[name].value.to_unsigned() == value
    owners = [bench.random.getrandbits(12) for _ in range(contexts)]
    for context, owner in enumerate(owners):
        await bench.write(Register.OWNER_CONTEXT, context)
        await bench.write(Register.OWNER, owner)
    found = dut.owners.value.to_unsigned()
    assert [found >> 12 * n & 0xFFF for n in range(contexts)] == owners
    await bench.write(Register.OWNER_CONTEXT, contexts)
    await bench.write(Register.OWNER, 0xFFF, SLVERR)
    assert dut.owners.value.to_unsigned() == found


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def fills_the_map(dut):
    """Entries go out once the ATU takes them, and only then is the write complete."""
    bench = await Bench.create(dut)
    for operation in (MapOperation.FILL, MapOperation.REMOVE, MapOperation.REMOVE_ALL):
        bits = bench.random.getrandbits(256)
        for n in range(8):
            await bench.write(Register[f"ENTRY{n}"], bits >> 32 * n & 0xFFFF_FFFF)
        await bench.write(Register.ENTRY_COMMIT, operation.value)
        command = {"operation": operation, "entry": decode(FragmentEntry, bits)}
        received = await bench.command.receive()
        assert encode(MapCommand, received) == bits << 2 | operation.value, command
    for value in (0, 4, 5):
        await bench.write(Register.ENTRY_COMMIT, value, SLVERR)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def keeps_the_first_fault(dut):
    """Faults that come later are lost; one that comes while the first is cleared is not."""
    bench = await Bench.create(dut)

    async def found():
        words = [await bench.read(Register[f"FAULT{n}"]) for n in range(4)]
        return sum(word << 32 * n for n, word in enumerate(words))

    reports = [
        encode(FaultReport, {"code": FaultCode.PARITY, "info": n, "data_id": 1 << 39})
        for n in range(3)
    ]
    assert await found() == 0 and dut.irq.value == 0
    await bench.pulse("fault", reports[0])
    await bench.pulse("fault", reports[1])
    assert dut.irq.value == 2
    assert await found() == reports[0]
    assert await bench.read(Register.IRQ) == 2
    await bench.write(Register.IRQ, 1)
    assert await bench.read(Register.IRQ) == 2
    await bench.write(Register.IRQ, 2)
    assert await bench.read(Register.IRQ) == 0
    assert await found() == 0 and dut.irq.value == 0

    # Clearing takes no fault away that it was not meant for.
    await bench.pulse("fault", reports[0])
    dut.fault__payload.value = reports[2]
    dut.fault__valid.value = 1
    await bench.write(Register.IRQ, 2)
    dut.fault__valid.value = 0
    assert await found() == reports[2]
    assert await bench.read(Register.IRQ) == 2


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def shows_what_happens(dut):
    """NOTIFY, STATUS and COUNTER."""
    bench = await Bench.create(dut)
    await bench.pulse("notify", 77)
    await bench.pulse("notify", 78)
    assert dut.irq.value == 1
    assert await bench.read(Register.NOTIFY) == 78
    assert await bench.read(Register.IRQ) == 1
    await bench.write(Register.IRQ, 3)
    assert dut.irq.value == 0
    assert await bench.read(Register.NOTIFY) == 78

    # The next ring takes the notification back, and leaves a fault alone.
    await bench.pulse("notify", 79)
    await bench.pulse("fault", 0)
    assert dut.irq.value == 3
    await bench.write(Register.DOORBELL, 1 << 31, SLVERR)
    assert dut.irq.value == 3
    await bench.write(Register.DOORBELL, 0)
    assert dut.irq.value == 2
    dut.running.value = 0b10
    dut.faulted.value = 0b01
    assert await bench.read(Register.STATUS) == 0b01 << 16 | 0b10
    dut.counter.value = 0xCAFEF00D
    await bench.write(Register.COUNTER_INDEX, 0x2A)
    assert dut.counter_index.value.to_unsigned() == 0x2A
    assert await bench.read(Register.COUNTER) == 0xCAFEF00D


@pytest.mark.parametrize("config", ["tiny"])
def test_registers(simulate, config):
    simulate(Registers, config=config)
