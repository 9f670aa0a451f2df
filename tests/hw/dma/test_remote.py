"""Transfers bring and take exactly the bytes of their rows, whatever the far side does."""

import random
from dataclasses import replace

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from cocotb.utils import get_sim_time

from intarsia.bench import start
from intarsia.dma.remote import RemoteQueue
from intarsia.isa.address import PAYLOAD_MAX, data_id
from intarsia.isa.counters import Activity
from intarsia.isa.faults import RESPONDER, FaultCode
from intarsia.isa.instruction import LocalOp, RemoteOp, Stream
from intarsia.isa.packet import PacketKind, beats
from tests.hw.dma.packets import Packet
from tests.hw.dma.remotes import FRAGMENTS, NODE, OWNERS, SIZE, Bench, extent, opened, refusal

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
    requests = -(-size * count // PAYLOAD_MAX) if dense else count * -(-size // PAYLOAD_MAX)
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
    assert seen["request"][0] - job == 4
    assert seen["request"][-1] - job == 3 + beats(PacketKind.READ, size, bench.link_bytes)
    assert seen["write"][-1] - seen["reply"][-1] == 1
    assert done - seen["write"][-1] == 1
    await bench.finish(1)


@cocotb.test(timeout_time=200, timeout_unit="us")
async def keeps_eight_in_flight(dut):
    """Of one job or of several; those of one context are done in order, whatever that of replies."""
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


#: What is wrong with a job, or with the map; and what is reported besides context and engine.
REFUSALS = {
    "row_bytes": (dict(row_bytes=0), {}, FaultCode.DESCRIPTOR),
    "rows": (dict(rows=0), {}, FaultCode.DESCRIPTOR),
    "reserved": (dict(reserved5=1 << 135), {}, FaultCode.DESCRIPTOR),
    "owner": (dict(data_id=data_id(OWNERS[0] ^ 1, 77)), {}, FaultCode.OWNER),
    "unknown": (dict(fragment=1), {}, FaultCode.ATU_MISS),
    "forbidden": ({}, dict(permissions=dict()), FaultCode.PERMISSION),
    "beyond": (dict(offset=SIZE - 12), {}, FaultCode.BOUNDS),
    "overflow": (dict(offset=(1 << 24) - 8), {}, FaultCode.BOUNDS),
}


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(case=list(REFUSALS), opcode=["READ", "WRITE", "ACCUMULATE"])
async def refuses(dut, case, opcode):
    """A job that can't be done is reported and done, in order; it asks for nothing."""
    await start(dut)
    bench = Bench(dut, delay=50)
    change, entry, code = REFUSALS[case]
    keys = list(FRAGMENTS)
    bench.enter(keys[0], **entry)
    bench.send(RemoteOp[opcode], keys[1], 0, 0, **GOOD)
    fields = dict(data_id=keys[0][0], fragment=keys[0][1], offset=64, local=dict(offset=64))
    fields |= GOOD | change
    bench.engine.send(RemoteOp[opcode], fields)
    bench.send(RemoteOp[opcode], keys[1], 64, 128, **GOOD)
    about = dict(data_id=fields["data_id"], info=fields["fragment"])
    if code is FaultCode.DESCRIPTOR:
        about = dict(data_id=0, info=dict(row_bytes=4, rows=5, reserved=11)[case])
    about["node"] = 0 if code in (FaultCode.DESCRIPTOR, FaultCode.OWNER) else NODE
    await bench.engine.done(3)
    bench.check()
    bench.engine.check_faults(dict(code=code, engine=Stream.REMOTE.value, context=0) | about)
    assert len(bench.requests) == 2


@cocotb.test(timeout_time=200, timeout_unit="us")
async def refuses_opcodes(dut):
    """An opcode of another stream is no READ and no WRITE."""
    await start(dut)
    bench = Bench(dut)
    bench.engine.job.send({"opcode": LocalOp.COPY.value, "descriptor": GOOD})
    await bench.engine.done()
    bench.engine.check_faults(dict(code=FaultCode.PROGRAM, data_id=0, info=0))


@cocotb.test(timeout_time=200, timeout_unit="us")
async def never_wraps_around(dut):
    """Rows beyond the largest offset are out of bounds, not at its start."""
    await start(dut)
    bench = Bench(dut)
    key = next(iter(FRAGMENTS))
    end = 1 << 24
    bench.enter(key, size=end)
    bench.far = lambda packet: Packet(
        PacketKind.READ_REPLY,
        length=packet.length,
        source=packet.destination,
        transaction=packet.transaction,
        payload=bytes(bench.expected[: packet.length]),
    )
    rows = dict(row_bytes=8, rows=2, remote_pitch=16, local_pitch=8)
    fields = dict(data_id=key[0], fragment=key[1], offset=end - 8)
    bench.engine.send(RemoteOp.READ, fields | rows)
    await bench.engine.done()
    bench.check()
    bench.engine.check_faults(dict(code=FaultCode.BOUNDS, node=NODE))
    assert len(bench.requests) == 1


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(opcode=["READ", "WRITE"])
async def reports_errors(dut, opcode):
    """A refusal of the far side is reported once; nothing more is moved; other jobs go on."""
    await start(dut)
    bench = Bench(dut, delay=60)
    good, bad = list(FRAGMENTS)

    def far(packet):
        if packet.destination == FRAGMENTS[good]:
            return bench.answer(packet)
        return refusal(packet, FaultCode.BOUNDS)

    bench.far = far
    pitch = dict(remote_pitch=24, local_pitch=24)
    bench.send(RemoteOp[opcode], good, 0, 0, row_bytes=20, rows=3, **pitch)
    fields = dict(data_id=bad[0], fragment=bad[1], row_bytes=20, rows=100)
    bench.engine.send(RemoteOp[opcode], fields | pitch, context=1)
    bench.send(RemoteOp[opcode], good, 100, 100, row_bytes=20, rows=3, **pitch)
    await bench.engine.done(3)
    bench.check()
    bench.engine.check_faults(
        dict(
            code=FaultCode.BOUNDS,
            engine=Stream.REMOTE.value,
            context=1,
            node=FRAGMENTS[bad],
            data_id=bad[0],
            info=bad[1],
        )
    )
    assert 6 < len(bench.requests) < 6 + 50


@cocotb.test(timeout_time=200, timeout_unit="us")
async def failed_job_writes_nothing_more(dut):
    """Bytes that come for a job after it failed go nowhere; it is done after the last of them."""
    await start(dut)
    bench = Bench(dut)
    key = next(iter(FRAGMENTS))
    held = []
    bench.far = lambda packet: held.append(packet)
    fields = dict(data_id=key[0], fragment=key[1], local=dict(offset=32))
    rows = dict(row_bytes=16, rows=3, remote_pitch=20, local_pitch=16)
    bench.engine.send(RemoteOp.READ, fields | rows)
    await ClockCycles(dut.clk, 100)
    first, second, third = held
    bench.reply.send(refusal(second, FaultCode.BOUNDS), bench.answer(third))
    await ClockCycles(dut.clk, 100)
    assert bench.engine.finished == 0
    bench.reply.send(bench.answer(first))
    await bench.engine.done()
    bench.check()
    bench.engine.check_faults(dict(code=FaultCode.BOUNDS))


@cocotb.test(timeout_time=200, timeout_unit="us")
async def reports_damage(dut):
    """A WRITE of bytes that can't be read fails; what it has not sent yet stays where it is."""
    await start(dut)
    bench = Bench(dut, delay=60)
    good, bad = list(FRAGMENTS)
    local = bench.config.bank_bytes
    size = bench.link_bytes
    rows = dict(row_bytes=size, rows=60, remote_pitch=size + 1, local_pitch=size)
    bench.memory.damaged.add(local + 2 * size)
    bench.engine.send(
        RemoteOp.WRITE,
        dict(data_id=bad[0], fragment=bad[1], local=dict(offset=local)) | rows,
        context=1,
    )
    bench.send(RemoteOp.WRITE, good, 0, 0, **rows)
    await bench.engine.done(2)
    bench.engine.check_faults(
        dict(
            code=FaultCode.PARITY,
            engine=Stream.REMOTE.value,
            context=1,
            address=local + 2 * size,
            data_id=0,
        )
    )
    assert bench.stores[good, FRAGMENTS[good]] == bench.expected_stores[good]
    assert len(bench.requests) <= 60 + 5


#: What is wrong with a reply to a READ of 8 bytes, or to a WRITE.
STRANGERS = {
    "number": dict(transaction=8),
    "place": dict(transaction=1),
    "node": dict(source=41),
    "length": dict(length=7, payload=bytes(7)),
    "kind": dict(kind=PacketKind.WRITE_ACK, length=0, payload=b""),
}


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(case=list(STRANGERS))
async def refuses_strangers(dut, case):
    """A reply that nobody waits for is reported, and does nothing; the right one still does."""
    await start(dut)
    bench = Bench(dut)
    key = next(iter(FRAGMENTS))
    held = []
    bench.far = lambda packet: held.append(bench.answer(packet))
    bench.send(RemoteOp.READ, key, 0, 0, row_bytes=8, rows=1, remote_pitch=8, local_pitch=8)
    await ClockCycles(dut.clk, 60)
    [reply] = held
    stranger = replace(reply, **STRANGERS[case])
    bench.reply.send(stranger)
    await ClockCycles(dut.clk, 60)
    assert bench.engine.finished == 0
    bench.engine.check_faults(
        dict(
            code=FaultCode.TRANSACTION,
            engine=RESPONDER,
            node=stranger.source,
            info=stranger.transaction,
            data_id=0,
        )
    )
    bench.reply.send(reply)
    await bench.finish(1)
    bench.reply.send(reply)
    await ClockCycles(dut.clk, 60)
    bench.engine.check_faults(dict(code=FaultCode.TRANSACTION))


@pytest.mark.parametrize("config", ["tiny", "ecp5-85k", "large"])
def test_remote_queue(simulate, config):
    simulate(RemoteQueue, config=config)
