"""A chip does what its program says, and everything enters and leaves it as it should."""

from dataclasses import replace

import numpy as np
import pytest

from intarsia.cosim.fabric import Fabric
from intarsia.cosim.transport import SimulatedTransport
from intarsia.driver.device import Device
from intarsia.driver.errors import ChipFaultError, DriverError
from intarsia.isa.address import LogicalAddress, data_id
from intarsia.isa.bits import encode
from intarsia.isa.config import config
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.instruction import LocalOp, RemoteOp, Stream
from intarsia.isa.registers import IDENTITY, Register, config_word
from intarsia.isa.topology import HOST_NODE
from intarsia.isa.transfer import LocalDescriptor, RemoteDescriptor
from tests.hw.sequencer.programs import (
    Instruction,
    assemble,
    doorbell,
    end,
    loop,
    mask,
    nop,
    notify,
)

OWNER = 0x123
PROGRAM, RESULT = data_id(OWNER, 1), data_id(OWNER, 2)

#: Where things lie in the chip: program, and the two slots that it works on.
PROGRAM_BASE, SLOTS = 0x0100, {1: 0x1080, 2: 0x2203}
ROW, ROWS, PITCH = 13, 5, 16


def body(layout, **fields):
    return {"body": encode(layout, fields)}


COPY = body(
    LocalDescriptor,
    source={"slot": 1},
    destination={"slot": 2},
    row_bytes=ROW,
    rows=ROWS,
    source_pitch=PITCH,
    destination_pitch=ROW,
)
WRITE = body(
    RemoteDescriptor,
    local={"slot": 2},
    data_id=RESULT,
    offset=7,
    row_bytes=ROW,
    rows=ROWS,
    remote_pitch=ROW,
    local_pitch=ROW,
)
READ = body(
    RemoteDescriptor,
    local={"slot": 1},
    data_id=RESULT,
    offset=0x200,
    row_bytes=ROWS * PITCH,
    rows=1,
    remote_pitch=ROWS * PITCH,
    local_pitch=ROWS * PITCH,
)

#: Per ring: fetch rows, copy them without their gaps, send them back, notify.
ROUND = {
    Stream.CONTROL: [
        *loop([doorbell(patient=True, signal=mask(0)), notify(42, wait=mask(3))], 0),
    ],
    Stream.REMOTE: [
        *loop(
            [
                Instruction(RemoteOp.READ, wait=mask(0), signal=mask(1), layer=3, **READ),
                Instruction(RemoteOp.WRITE, wait=mask(2), signal=mask(3), layer=4, **WRITE),
            ],
            0,
        ),
    ],
    Stream.LOCAL: [
        *loop([Instruction(LocalOp.COPY, wait=mask(1), signal=mask(2), layer=5, **COPY)], 0),
    ],
    Stream.CONV: [nop(), end()],
}


@pytest.fixture(scope="module", params=[False, True], ids=["straight", "relays"])
def fabric(request):
    chip = replace(config("tiny"), relays=request.param)
    fabric = Fabric([chip], memory_bytes=1 << 16, host_bytes=1 << 16)
    yield fabric
    fabric.close()


@pytest.fixture
def chip(fabric):
    """The chip, its program in place, nothing running."""
    transport = SimulatedTransport(fabric)
    device = Device(transport, 0)
    device.write(Register.NODE, 0)
    device.remove_entries()
    program = assemble(ROUND)
    anyone = {"read": 1, "write": 1}
    entries = [
        dict(data_id=PROGRAM, node=0, base=PROGRAM_BASE, size=len(program)),
        dict(data_id=RESULT, node=HOST_NODE, base=0x800, size=0x400),
    ]
    for entry in entries:
        device.put_entry({"version": 1, "permissions": anyone, **entry})
    fabric.place(HOST_NODE, RESULT, 0, 0x800, 0x400, 1, 0b11)
    transport.store(HOST_NODE, 0, program)
    where = encode(LogicalAddress, {"data_id": PROGRAM, "version": 1}).to_bytes(12, "little")
    transport.transfer(write=True, node=0, logical_address=where, local=0, size=len(program))
    device.set_owner(1, OWNER)
    device.set_slot(1, 0, PROGRAM_BASE, len(program))
    for slot, base in SLOTS.items():
        device.set_slot(1, slot, base, ROWS * PITCH)
    yield device
    device.stop(1)
    fabric.run(5000)
    assert not device.running(1)
    device.write(Register.IRQ, 3)


def test_says_what_it_is(chip):
    assert chip.read(Register.ID) == IDENTITY
    assert chip.read(Register.CONFIG) == config_word(config("tiny"))


def test_refuses_what_it_must(chip):
    chip.start(1)
    with pytest.raises(DriverError):
        chip.start(1)
    with pytest.raises(DriverError):
        chip.write(Register.FAULT0, 0)


def test_fetches_copies_and_sends(chip, fabric):
    rng = np.random.default_rng(0)
    chip.start(1)
    fabric.run(2000)
    fabric.events(0)
    assert not fabric.interrupted()
    before = chip.counters()
    for _ in range(3):
        rows = rng.integers(0, 256, (ROWS, PITCH), dtype=np.uint8)
        fabric.store(HOST_NODE, 0xA00, rows.tobytes())
        chip.ring(1)
        fabric.run(10_000, until_interrupt=True)
        assert chip.acknowledge() == 42
        assert fabric.load(HOST_NODE, 0x807, ROW * ROWS) == rows[:, :ROW].tobytes()
    after = chip.counters()
    for bank in (CounterBank.REMOTE, CounterBank.LOCAL, CounterBank.LINK_TX, CounterBank.LINK_RX):
        assert after[bank][Activity.BUSY] > before[bank][Activity.BUSY], bank
    assert after[CounterBank.CONV] == before[CounterBank.CONV]
    events = fabric.events(0)
    began = [(stream, layer) for _, stream, _, layer, finished, _ in events if not finished]
    remote = [layer for stream, layer in began if stream == Stream.REMOTE.value]
    assert remote == [3, 4] * 3
    assert [layer for stream, layer in began if stream == Stream.LOCAL.value] == [5] * 3


def test_names_what_it_cannot_find(chip, fabric):
    chip.remove_entries()
    chip.start(1)
    chip.ring(1)
    fabric.run(10_000, until_interrupt=True)
    with pytest.raises(ChipFaultError, match="ATU_MISS"):
        chip.raise_fault()
    fabric.run(2000)
    assert not chip.running(1)


def test_waits_patiently(chip, fabric):
    chip.write(Register.WATCHDOG, 2)
    chip.start(1)
    fabric.run(20 * 1024)
    assert not fabric.interrupted()
    assert chip.running(1)
    chip.write(Register.WATCHDOG, 64)
