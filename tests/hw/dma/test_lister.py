"""GATHER and SCATTER do what their lists say, with all pieces in flight as far as there is room."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge

from intarsia.bench import start
from intarsia.dma.remote import RemoteQueue
from intarsia.dma.transactions import IN_FLIGHT
from intarsia.isa.address import data_id
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import RemoteOp, Stream
from intarsia.isa.packet import PacketKind, beats
from intarsia.isa.transfer import StitchDescriptor, StitchRecord
from tests.hw.dma.remotes import FRAGMENTS, OWNERS, SIZE, Bench

RECORD_BYTES = StitchRecord.as_shape().size // 8

#: Fragments of the first context, on four nodes.
PIECES = {(data_id(OWNERS[0], 100 + n), n): 8 + n % 4 for n in range(8)}

LINE = dict(rows=1, remote_pitch=0, local_pitch=0)


class Pieces(Bench):
    """Has more fragments."""

    def __init__(self, dut, **more):
        super().__init__(dut, fragments=FRAGMENTS | PIECES, **more)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(opcode=["GATHER", "SCATTER"], pause=[0.0, 0.5])
async def stitches_anything(dut, opcode, pause):
    """Lists of any pieces, of fragments of several nodes, dense or in rows, any number of them."""
    await start(dut)
    bench = Pieces(dut, pause=pause, delay=100)
    bank = bench.config.bank_bytes
    room = 128
    for turn in range(6):
        count = random.choice([1, 2, 7, 12])
        rows = random.randint(1, 4)
        sizes = [random.randint(1, 25) for _ in range(count)]
        pitch = random.choice([max(sizes), max(sizes) + 3])
        pitches = dict(rows=rows, remote_pitch=pitch, local_pitch=max(sizes) + random.randrange(4))
        offsets = random.sample(range(SIZE // room), count)
        places = random.sample(range(bank // room), count)
        records = [
            (random.choice(list(PIECES)), offset * room, place * room + random.randrange(4), size)
            for offset, place, size in zip(offsets, places, sizes, strict=True)
        ]
        # Anywhere, but for the macro-bank that is written.
        listed = random.randrange(3 * bank - count * RECORD_BYTES, 3 * bank)
        listed = max(listed // bank * bank, listed - RECORD_BYTES * count)
        bench.stitch(RemoteOp[opcode], listed, turn % 2 * bank, records, **pitches)
        await bench.finish(1)


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(pause=[0.0, 0.5])
async def stitches_among_others(dut, pause):
    """Lists between other jobs, all in flight."""
    await start(dut)
    bench = Pieces(dut, pause=pause, delay=200)
    bank = bench.config.bank_bytes
    keys = list(PIECES)
    for turn in range(5):
        records = [(key, 64 * turn, 64 * n, 48) for n, key in enumerate(keys)]
        opcode = RemoteOp.SCATTER if turn % 2 else RemoteOp.GATHER
        listed = 3 * bank + turn * RECORD_BYTES * len(keys)
        bench.stitch(opcode, listed, 512 * turn, records, **LINE)
        here, there = bank + 256 * turn, 1024 + 100 * turn
        rows = dict(row_bytes=20, rows=3, remote_pitch=20, local_pitch=21)
        bench.send(RemoteOp.WRITE, keys[turn], there, here, context=0, **rows)
    await bench.finish(10)


@cocotb.test(timeout_time=400, timeout_unit="us")
async def keeps_the_port_busy(dut):
    """Eight lists of 16 pieces of 512 B of four nodes, back to back: replies come all the time."""
    await start(dut)
    bench = Pieces(dut, delay=60)
    bank, width = bench.config.bank_bytes, bench.link_bytes
    keys = [*PIECES, *PIECES]
    size, lists = 512, 8
    for _ in range(lists):
        # The memory of small chips is too small for all: what lands at one place is the same.
        records = [(key, 0, (n * size) % bank, size) for n, key in enumerate(keys)]
        listed = bank - RECORD_BYTES * len(keys)
        bench.stitch(RemoteOp.GATHER, listed, 2 * bank, records, **LINE)
    busy = first = last = cycle = 0
    dut_valid, dut_ready = dut.reply__valid, dut.reply__ready
    while bench.engine.finished < lists:
        await FallingEdge(dut.clk)
        cycle += 1
        if dut_valid.value == 1 and dut_ready.value == 1:
            busy, first, last = busy + 1, first or cycle, cycle
    assert busy == lists * len(keys) * beats(PacketKind.READ_REPLY, size, width)
    assert busy >= 0.9 * (last - first + 1)
    bench.engine.check_faults()


#: What is wrong with a stitch of three records, the second of which is like the others; which fault
#: says so, and how many requests have been made by then.
WRONG = {
    "count": (dict(count=0), {}, dict(code=FaultCode.DESCRIPTOR, info=2), 0),
    "rows": (dict(rows=0), {}, dict(code=FaultCode.DESCRIPTOR, info=5), 0),
    "reserved": (dict(reserved=1 << 71), {}, dict(code=FaultCode.DESCRIPTOR, info=4), 0),
    "reserved3": (dict(reserved3=1), {}, dict(code=FaultCode.DESCRIPTOR, info=7), 0),
    "row_bytes": ({}, dict(row_bytes=0), dict(code=FaultCode.DESCRIPTOR, info=2), 1),
    "owner": (
        {},
        dict(data_id=data_id(OWNERS[1], 100)),
        dict(code=FaultCode.OWNER, data_id=data_id(OWNERS[1], 100)),
        1,
    ),
    "beyond": ({}, dict(offset=SIZE - 7), dict(code=FaultCode.BOUNDS, info=0), 1),
    "damaged": ({}, None, dict(code=FaultCode.PARITY), 1),
}


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(case=list(WRONG), opcode=["GATHER", "SCATTER"])
async def refuses(dut, case, opcode):
    """What is wrong with a list or a record is reported; what comes before it moves."""
    await start(dut)
    bench = Pieces(dut, delay=10)
    bank = bench.config.bank_bytes
    change, wrong, about, requests = WRONG[case]
    key = next(iter(PIECES))
    listed = bank
    bench.stitch(RemoteOp[opcode], listed, 0, [(key, 0, 0, 8)] * 3, **LINE)
    await bench.finish(1)
    bench.requests.clear()

    record = dict(data_id=key[0], fragment=key[1], offset=0, local=0, row_bytes=8)
    second = listed + RECORD_BYTES
    if wrong is None:
        bench.memory.damaged.add(second + RECORD_BYTES - 1)
        about = about | dict(address=second)
    else:
        bench.rewrite(second, StitchRecord, record | wrong)
    stitch = dict(local=dict(offset=0), records=dict(offset=listed), count=3) | LINE | change
    bench.engine.stitch(RemoteOp[opcode], stitch)
    bench.stitch(RemoteOp[opcode], 2 * bank, 64, [(key, 64, 0, 8)] * 3, **LINE)
    await bench.engine.done(2)
    bench.check()
    bench.engine.check_faults(dict(engine=Stream.REMOTE.value, context=0) | about)
    assert len(bench.requests) == requests + 3


@cocotb.test(timeout_time=200, timeout_unit="us")
async def fails_as_a_whole(dut):
    """Where one piece is refused, no further one is asked for."""
    await start(dut)
    bench = Pieces(dut, delay=10)
    bank = bench.config.bank_bytes
    key = next(iter(PIECES))
    bench.enter((data_id(OWNERS[0], 99), 0), 50, size=4)
    records = [(key, 0, 0, 8), ((data_id(OWNERS[0], 99), 0), 0, 0, 8)] + [(key, 0, 0, 8)] * 30
    bench.stitch(RemoteOp.GATHER, bank, 0, records, **LINE)
    bench.expected[:8] = bench.memory.bytes[:8]
    await bench.engine.done()
    bench.check()
    bench.engine.check_faults(dict(code=FaultCode.BOUNDS))
    assert len(bench.requests) == 1


@cocotb.test(timeout_time=200, timeout_unit="us")
async def has_all_pieces_in_flight(dut):
    """As many pieces of one list are asked for as there is room for."""
    await start(dut)
    bench = Pieces(dut)
    held = []
    bench.far = held.append
    records = [(key, 0, 16 * n, 16) for n, key in enumerate([*PIECES, *PIECES])]
    bench.stitch(RemoteOp.GATHER, bench.config.bank_bytes, 0, records, **LINE)
    await ClockCycles(dut.clk, 300)
    assert len(held) == IN_FLIGHT
    bench.far = bench.answer
    bench.reply.send(*map(bench.answer, reversed(held)))
    await bench.finish(1)


def test_record_is_compact():
    """Records of a list lie on whole vectors of any chip, if the list does."""
    assert StitchRecord.as_shape().size == 128
    assert StitchDescriptor.as_shape().size == 256


@pytest.mark.parametrize("config", ["tiny", "ecp5-85k", "large"])
def test_stitches(simulate, config):
    simulate(RemoteQueue, config=config)
