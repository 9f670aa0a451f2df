"""Units arrive whole and in order, however wide the memory is."""

import random

import cocotb
import pytest

from intarsia.bench import StreamSource, parameters, start
from intarsia.bench.memory import MemoryServer
from intarsia.isa.instruction import UNIT
from intarsia.isa.opcodes import UNITS_MAX
from intarsia.sequencer.parts import ProgramUnit
from intarsia.sequencer.reader import UnitReader
from tests.hw.sequencer.pins import Watcher

SIZE, BANKS = 4096, 4


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def reads(dut, pause):
    """Any number of units, at any address, the next request right behind the last one."""
    reader = UnitReader(**parameters())
    memory = MemoryServer(dut, size=SIZE, banks=BANKS, reads=[reader.port], pause=pause)
    memory.bytes[:] = random.randbytes(SIZE)
    request = StreamSource(dut, reader.request, pause=pause)
    units = Watcher(dut, "unit", ProgramUnit)
    await start(dut)
    expected = []
    for _ in range(40):
        count = random.randint(1, UNITS_MAX - 1)
        bank = random.randrange(BANKS) * SIZE // BANKS
        address = bank + random.randrange(SIZE // BANKS - count * UNIT)
        request.send({"address": address, "units": count, "context": 3})
        for index in range(count):
            place = address + index * UNIT
            content = int.from_bytes(memory.dump(place, UNIT), "little")
            expected.append({"index": index, "content": content, "damaged": 0})
    for unit in expected:
        assert await units.receive() == unit


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def tells_damage(dut):
    """Of the unit that has the damaged byte, and of no other."""
    reader = UnitReader(**parameters())
    memory = MemoryServer(dut, size=SIZE, banks=BANKS, reads=[reader.port])
    request = StreamSource(dut, reader.request)
    units = Watcher(dut, "unit", ProgramUnit)
    await start(dut)
    for place in range(3 * UNIT):
        memory.damaged = {place}
        request.send({"address": 0, "units": 3})
        for index in range(3):
            assert (await units.receive()).damaged == (place // UNIT == index)


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_reader(simulate, lanes):
    simulate(UnitReader, lanes=lanes)


def test_lanes_are_checked():
    with pytest.raises(ValueError, match="Lanes must divide a unit of 16 bytes, which 32 do not"):
        UnitReader(lanes=32)
