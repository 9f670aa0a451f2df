"""Transfers bring and take exactly the bytes of their rows, whatever the far side does."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from cocotb.utils import get_sim_time

from intarsia.bench import parameters, start
from intarsia.dma.remote import RemoteQueue
from intarsia.isa.address import PAYLOAD_MAX
from intarsia.isa.counters import Activity
from intarsia.isa.instruction import RemoteOp
from intarsia.isa.packet import PacketKind, beats
from tests.hw.dma.remotes import FRAGMENTS, SIZE, Bench, extent, opened

ROWS = {
    "line": dict(row_bytes=100, rows=1, remote_pitch=100, local_pitch=100),
    "byte": dict(row_bytes=1, rows=1, remote_pitch=1, local_pitch=1),
    "packet": dict(row_bytes=1024, rows=1, remote_pitch=0, local_pitch=0),
    "cut": dict(row_bytes=2500, rows=1, remote_pitch=2500, local_pitch=2500),
    "dense": dict(row_bytes=16, rows=150, remote_pitch=16, local_pitch=21),
    "odd": dict(row_bytes=7, rows=300, remote_pitch=7, local_pitch=11),
    "bytes": dict(row_bytes=1, rows=90, remote_pitch=1, local_pitch=3),
    "both": dict(row_bytes=30, rows=100, remote_pitch=30, local_pitch=30),
    "spread": dict(row_bytes=33, rows=20, remote_pitch=100, local_pitch=40),
    "long": dict(row_bytes=1030, rows=2, remote_pitch=1100, local_pitch=1031),
    "repeat": dict(row_bytes=20, rows=4, remote_pitch=0, local_pitch=20),
    "overlap": dict(row_bytes=20, rows=4, remote_pitch=5, local_pitch=24),
    "halves": dict(row_bytes=700, rows=3, remote_pitch=700, local_pitch=701, grain=1),
    "grains": dict(row_bytes=300, rows=2, remote_pitch=301, local_pitch=300, grain=3),
}

#: A job that nothing is wrong with.
GOOD = dict(row_bytes=8, rows=2, remote_pitch=8, local_pitch=8)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(rows=list(ROWS), pause=[0.0, 0.5])
async def moves_rows(dut, rows, pause):
    """READ, WRITE and sums of any rows; requests are as few as can be, and each is looked up."""
    await start(dut)
    bench = Bench(dut, pause=pause, delay=40)
    fields = ROWS[rows]
    size, count = fields["row_bytes"], fields["rows"]
    dense = fields["remote_pitch"] == size
    most = PAYLOAD_MAX >> fields.get("grain", 0)
    requests = -(-size * count // most) if dense else count * -(-size // most)
    bank = bench.config.bank_bytes
    opcodes = [RemoteOp.READ, RemoteOp.WRITE]
    offset = SIZE - extent(size, count, fields["remote_pitch"])
    if (size | offset | fields["remote_pitch"]) % 4 == 0:
        opcodes.append(RemoteOp.ACCUMULATE)
    if fields["remote_pitch"] < size and count > 1:
        opcodes = [RemoteOp.READ]  # writes that meet are not ordered
    for number, opcode in enumerate(opcodes):
        # As far to the end of a macro-bank, and of the fragment, as can be.
        key = list(FRAGMENTS)[number % 2]
        local = (number + 1) * bank - extent(size, count, fields["local_pitch"])
        bench.requests.clear()
        bench.send(opcode, key, offset, local, **fields)
        await bench.finish(1)
        assert len(bench.requests) == requests
        assert max(packet.length for packet in bench.requests) <= most
    assert bench.map.asked == requests * len(opcodes)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def moves_anything(dut, pause):
    """Random jobs of two contexts, many in flight, answered in any order."""
    await start(dut)
    bench = Bench(dut, pause=pause, delay=300)
    bank = bench.config.bank_bytes
    keys = list(FRAGMENTS)
    jobs = 40
    # Jobs in flight are not ordered: at each end, each has a place of its own.
    room = 128
    places = random.sample(range(2 * bank // room), jobs)
    offsets = random.sample(range(SIZE // room), jobs)
    for place, offset in zip(places, offsets, strict=True):
        opcode = random.choice([RemoteOp.READ, RemoteOp.WRITE, RemoteOp.ACCUMULATE])
        unit = 4 if opcode is RemoteOp.ACCUMULATE else 1
        row_bytes = random.choice([1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 32, 33, 64 // unit]) * unit
        row_bytes = min(row_bytes, 64)
        pitches = [row_bytes + unit * random.choice([0, 0, 1, 5]) for _ in range(2)]
        rows = random.randint(1, (room - row_bytes) // max(pitches) + 1)
        slack = room - max(extent(row_bytes, rows, pitch) for pitch in pitches)
        bench.send(
            opcode,
            random.choice(keys),
            offset * room + random.randint(0, slack // unit) * unit,
            place * room + random.randint(0, slack),
            row_bytes=row_bytes,
            rows=rows,
            remote_pitch=pitches[0],
            local_pitch=pitches[1],
        )
    await bench.finish(jobs)
    assert list(map(opened, bench.requests)) == list(range(len(bench.requests)))


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(opcode=["READ", "WRITE"])
async def keeps_the_link_busy(dut, opcode):
    """Eight requests in flight hide the far side's delay; a beat per cycle, few between packets."""
    await start(dut)
    bench = Bench(dut, delay=100)
    size = 5 * PAYLOAD_MAX
    if bench.config.bank_bytes < size:
        size = 3 * PAYLOAD_MAX
    rows = dict(row_bytes=size, rows=1, remote_pitch=size, local_pitch=size)
    key = next(iter(FRAGMENTS))
    jobs = 4
    for number in range(jobs):
        local = number % bench.config.macro_banks * bench.config.bank_bytes
        bench.send(RemoteOp[opcode], key, 0, local, **rows)
    begin = get_sim_time("ns")
    await bench.engine.done(jobs)
    cycles = (get_sim_time("ns") - begin) // 10
    kind = PacketKind.READ_REPLY if opcode == "READ" else PacketKind.WRITE
    packets = jobs * size // PAYLOAD_MAX
    assert cycles <= packets * (beats(kind, PAYLOAD_MAX, bench.link_bytes) + 6) + 250
    spent = bench.engine.cycles
    assert spent[Activity.BUSY] >= 0.8 * packets * beats(kind, PAYLOAD_MAX, bench.link_bytes)
    others = (Activity.OPERANDS, Activity.WEIGHTS, Activity.DRAIN, Activity.BARRIER)
    assert not any(spent[activity] for activity in others)


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(size=[1, 16])
async def takes_few_cycles(dut, size):
    """From job to request, and from reply to memory; the job is done soon after."""
    await start(dut)
    bench = Bench(dut)
    await ClockCycles(dut.clk, 30)
    rows = dict(row_bytes=size, rows=1, remote_pitch=size, local_pitch=size)
    bench.send(RemoteOp.READ, next(iter(FRAGMENTS)), 0, 0, **rows)
    seen = {}
    events = {
        "job": (dut.engine__job__valid, dut.engine__job__ready),
        "request": (dut.request__valid, dut.request__ready),
        "reply": (dut.reply__valid, dut.reply__ready),
        "write": (dut.write__request__valid, dut.write__request__ready),
        "done": (dut.engine__done, dut.engine__done),
    }
    for cycle in range(100):
        await FallingEdge(dut.clk)
        for name, (valid, ready) in events.items():
            if valid.value == 1 and ready.value == 1:
                seen.setdefault(name, []).append(cycle)
        await RisingEdge(dut.clk)
    [job], [done] = seen["job"], seen["done"]
    # With relays, the request is chosen a cycle before it is taken; the end of the reply is seen,
    # and looked at, a cycle later each.
    relays = parameters()["config"].relays
    begins = 5 if relays else 4
    assert seen["request"][0] - job == begins
    assert seen["request"][-1] - job == begins - 1 + beats(PacketKind.READ, size, bench.link_bytes)
    assert seen["write"][-1] - seen["reply"][-1] == 1
    assert done - seen["write"][-1] == (3 if relays else 1)
    await bench.finish(1)


@cocotb.test(timeout_time=200, timeout_unit="us")
async def keeps_eight_in_flight(dut):
    """Of one job or of several; those of a context are done in order, whatever that of replies."""
    await start(dut)
    bench = Bench(dut)
    key = next(iter(FRAGMENTS))
    held = []
    bench.far = lambda packet: held.append(bench.answer(packet))
    rows = dict(row_bytes=8, rows=3, remote_pitch=9, local_pitch=8)
    for number in range(4):
        bench.send(RemoteOp.READ, key, 40 * number, 24 * number, **rows)
    await ClockCycles(dut.clk, 400)
    assert len(held) == 8
    # All but the very first reply, the last one first: no job but the first can be kept from that.
    bench.reply.send(*reversed(held[1:]))
    await ClockCycles(dut.clk, 400)
    assert (len(held), bench.engine.finished) == (12, 0)
    bench.reply.send(held[0])
    await ClockCycles(dut.clk, 400)
    assert (len(held), bench.engine.finished) == (12, 2)
    bench.reply.send(*held[8:])
    await bench.finish(4)


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(wait=list(range(8)))
async def empty_jobs_do_not_fall_behind(dut, wait):
    """Refused jobs between others are done, though later replies may come before their turn."""
    await start(dut)
    bench = Bench(dut)
    key = next(iter(FRAGMENTS))
    held = []
    bench.far = lambda packet: held.append(bench.answer(packet))
    for number in range(4):
        if number in (0, 3):
            bench.send(RemoteOp.WRITE, key, 8 * number, 8 * number, **GOOD)
        else:
            bench.engine.send(RemoteOp.WRITE, dict(data_id=0) | GOOD)
    await ClockCycles(dut.clk, 200)
    for reply in reversed(held):
        bench.reply.send(reply)
        await ClockCycles(dut.clk, wait)
    await bench.engine.done(4)
    bench.check()


@pytest.mark.parametrize("config", ["tiny", "ecp5-85k", "large"])
def test_remote_queue(simulate, config):
    simulate(RemoteQueue, config=config)
