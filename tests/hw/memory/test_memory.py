"""Any client reads what was written last, at any alignment, whoever else asks."""

import random
from typing import Any

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge

from intarsia.bench import parameters, start
from intarsia.common.ports import ReadRequest
from intarsia.isa.bits import encode
from intarsia.memory.memory import Memory

READERS, WRITERS = 3, 2


class Bench:
    """Ports are driven after rising edges and observed at falling ones, all in one loop."""

    def __init__(self, dut):
        config = parameters()["config"]
        self.dut = dut
        self.lanes = config.lanes
        self.size = config.memory_bytes
        self.bank = config.bank_bytes
        self.model = bytearray(self.size)
        self.waiting: list[Any] = [None] * READERS  # request offered
        self.writing: list[Any] = [None] * WRITERS
        self.flying: list[list[Any]] = [
            [] for _ in range(READERS)
        ]  # (cycle it is due, bytes, mask)
        self.cycle = 0
        self.granted = [0] * READERS
        self.written = [0] * WRITERS

    def port(self, kind, number, name):
        return getattr(self.dut, f"{kind}{number}__{name}")

    def places(self, address):
        """Addresses of a vector: it wraps around within its macro-bank."""
        start = address - address % self.bank
        return [start + (address - start + n) % self.bank for n in range(self.lanes)]

    async def run(self, cycles, read, write):
        """Ports that are free are offered what `read` and `write` return, if anything."""
        for _ in range(cycles):
            await RisingEdge(self.dut.clk)
            for n in range(READERS):
                self.waiting[n] = self.waiting[n] or read(n)
                self.port("read", n, "request__valid").value = self.waiting[n] is not None
                if self.waiting[n]:
                    address, mask = self.waiting[n]
                    self.port("read", n, "request__payload").value = address | mask << 24
            for n in range(WRITERS):
                self.writing[n] = self.writing[n] or write(n)
                self.port("write", n, "request__valid").value = self.writing[n] is not None
                if self.writing[n]:
                    address, mask, content = self.writing[n]
                    self.port("write", n, "request__payload").value = (
                        address | mask << 24 | int.from_bytes(content, "little") << 24 + self.lanes
                    )
            await FallingEdge(self.dut.clk)
            self.observe()
            self.cycle += 1

    def observe(self):
        for n in range(READERS):
            due = bool(self.flying[n]) and self.flying[n][0][0] == self.cycle
            assert self.port("read", n, "data__valid").value == due
            if due:
                _, content, mask = self.flying[n].pop(0)
                payload = self.port("read", n, "data__payload").value.to_unsigned()
                found = (payload & (1 << 8 * self.lanes) - 1).to_bytes(self.lanes, "little")
                assert payload >> 8 * self.lanes == 0, "reported as damaged"
                for lane in range(self.lanes):
                    assert not mask >> lane & 1 or found[lane] == content[lane]
            if self.waiting[n] and self.port("read", n, "request__ready").value == 1:
                address, mask = self.waiting[n]
                content = bytes(self.model[place] for place in self.places(address))
                self.flying[n].append((self.cycle + 2, content, mask))
                self.waiting[n] = None
                self.granted[n] += 1
        for n in range(WRITERS):
            if self.writing[n] and self.port("write", n, "request__ready").value == 1:
                address, mask, content = self.writing[n]
                for lane, place in enumerate(self.places(address)):
                    if mask >> lane & 1:
                        self.model[place] = content[lane]
                self.writing[n] = None
                self.written[n] += 1


async def begin(dut):
    """Reset with all ports quiet: the previous test left them as they were."""
    for port in [*(f"read{n}" for n in range(READERS)), *(f"write{n}" for n in range(WRITERS))]:
        getattr(dut, f"{port}__request__valid").value = 0
    await start(dut)
    return Bench(dut)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def keeps_what_is_written(dut):
    """Random vectors at random places, few enough to meet; a write is seen a cycle later."""
    bench = await begin(dut)
    spots = [random.randrange(bench.size) for _ in range(6)] + [0, bench.size - 1, bench.bank - 1]

    def address():
        return (random.choice(spots) + random.randrange(bench.lanes)) % bench.size

    def mask():
        return random.getrandbits(bench.lanes)

    # What was never written is unknown to the model of parity; so write it all first.
    for n, spot in enumerate(spots):
        todo = [(spot + k) % bench.size for k in (0, bench.lanes)]
        contents = [
            (place, (1 << bench.lanes) - 1, random.randbytes(bench.lanes)) for place in todo
        ]
        await bench.run(
            8, lambda _: None, lambda p, c=contents, n=n: c.pop() if c and p == n % 2 else None
        )
    await bench.run(
        3000,
        lambda _: (address(), mask()) if random.random() < 0.7 else None,
        lambda _: (
            (address(), mask(), random.randbytes(bench.lanes)) if random.random() < 0.4 else None
        ),
    )
    assert min(bench.granted + bench.written) > 500


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def one_vector_per_bank_and_cycle(dut):
    """Clients of different macro-banks do not slow each other down."""
    bench = await begin(dut)
    full = (1 << bench.lanes) - 1
    await bench.run(
        100,
        lambda n: (n * bench.bank + 3, 0),
        lambda n: (n * bench.bank + 64, full, bytes(bench.lanes)),
    )
    # With relays, all grants are client 0's at first; the others' take a cycle to get there.
    late = 100 - parameters()["config"].relays
    assert bench.granted == [100, late, late]
    assert bench.written == [100, late]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def shares_a_bank_fairly(dut):
    """Clients of one macro-bank are granted in turn."""
    bench = await begin(dut)
    await bench.run(99, lambda n: (16 * n, 0), lambda _: None)
    assert bench.granted == [33] * READERS


async def access(dut, port, payload):
    """One request that nobody disputes, accepted in this cycle; with relays, it may be the next."""
    await RisingEdge(dut.clk)
    dut[f"{port}__request__valid"].value = 1
    dut[f"{port}__request__payload"].value = payload
    await FallingEdge(dut.clk)
    if parameters()["config"].relays and dut[f"{port}__request__ready"].value == 0:
        await FallingEdge(dut.clk)
    assert dut[f"{port}__request__ready"].value == 1
    await RisingEdge(dut.clk)
    dut[f"{port}__request__valid"].value = 0


async def read(bench, address, mask):
    """Bytes of a vector, and whether it is damaged."""
    dut, lanes = bench.dut, bench.lanes
    await access(dut, "read1", address | mask << 24)
    await RisingEdge(dut.clk)
    await FallingEdge(dut.clk)
    assert dut.read1__data__valid.value == 1
    payload = dut.read1__data__payload.value.to_unsigned()
    found = (payload & (1 << 8 * lanes) - 1).to_bytes(lanes, "little")
    return found, bool(payload >> 8 * lanes)


async def write(bench, address, mask, content):
    payload = address | mask << 24 | int.from_bytes(content, "little") << 24 + bench.lanes
    await access(bench.dut, "write0", payload)


@cocotb.test(timeout_time=100, timeout_unit="us")
async def reports_damaged_bytes(dut):
    """One flipped bit, in any lane, of data or parity; only to who asks for that byte."""
    bench = await begin(dut)
    full = (1 << bench.lanes) - 1
    for lane in range(bench.lanes):
        bank = random.randrange(bench.size // bench.bank)
        row = random.randrange(bench.bank // bench.lanes)
        address = bank * bench.bank + row * bench.lanes
        content = random.randbytes(bench.lanes)
        await write(bench, address, full, content)
        assert await read(bench, address, full) == (content, False)

        words = getattr(dut, f"bank{bank}").macro.lanes[lane].words
        words[row].value = words[row].value.to_unsigned() ^ 1 << random.randrange(9)
        assert (await read(bench, address, full))[1]
        assert (await read(bench, address, 1 << lane))[1]
        assert not (await read(bench, address, full & ~(1 << lane)))[1]
        await write(bench, address, 1 << lane, content)
        assert await read(bench, address, full) == (content, False)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def gathers_bytes_of_several_rows(dut):
    """Reader 0 gets each byte from as many steps further on as it says, round the macro-bank."""
    bench = await begin(dut)
    layout = ReadRequest(bench.lanes, spread=True)
    full = (1 << bench.lanes) - 1
    for _ in range(100):
        bank = random.randrange(bench.size // bench.bank) * bench.bank
        address = bank + random.randrange(bench.bank)
        far = [random.randrange(4) for _ in range(bench.lanes)]
        # As many rows as keep the four apart.
        apart = random.randrange(2, bench.bank // bench.lanes // 4) * bench.lanes
        expected = bytearray()
        contents = [random.randbytes(bench.lanes) for _ in range(4)]
        for step, content in enumerate(contents):
            place = bank + (address - bank + step * apart) % bench.bank
            await write(bench, place, full, content)
        for lane, step in enumerate(far):
            expected.append(contents[step][lane])
        request = dict(address=address, mask=full, far=far, apart=apart)
        await access(dut, "read0", encode(layout, request))
        await RisingEdge(dut.clk)
        await FallingEdge(dut.clk)
        assert dut.read0__data__valid.value == 1
        payload = dut.read0__data__payload.value.to_unsigned()
        assert payload == int.from_bytes(expected, "little")


@cocotb.test(timeout_time=10, timeout_unit="us")
async def content_survives_reset(dut):
    """Reset is for what the memory does, not for what it holds."""
    bench = await begin(dut)
    full = (1 << bench.lanes) - 1
    content = random.randbytes(bench.lanes)
    await write(bench, 5, full, content)
    dut.rst.value = 1
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    assert await read(bench, 5, full) == (content, False)


@pytest.mark.parametrize("relays", [False, True], ids=["straight", "relays"])
@pytest.mark.parametrize("size", ["tiny", "large"])
def test_memory(simulate, size, relays):
    chip = {"name": size, "relays": relays}
    simulate(Memory, config=chip, readers=READERS, writers=WRITERS, spread=1)


@pytest.mark.parametrize("count", [0, -1, 1.5])
def test_clients_rejected(count):
    with pytest.raises(TypeError, match="must be a positive integer"):
        Memory(config=None, readers=count, writers=1)
