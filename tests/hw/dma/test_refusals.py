"""What can't be done is reported, once, and does no harm."""

from dataclasses import replace

import cocotb
import pytest
from cocotb.triggers import ClockCycles

from intarsia.bench import start
from intarsia.dma.remote import RemoteQueue
from intarsia.isa.address import data_id
from intarsia.isa.faults import RESPONDER, FaultCode
from intarsia.isa.instruction import LocalOp, RemoteOp, Stream
from intarsia.isa.packet import PacketKind
from tests.hw.dma.packets import Packet
from tests.hw.dma.remotes import FRAGMENTS, NODE, OWNERS, SIZE, Bench, refusal

#: A job that nothing is wrong with.
GOOD = dict(row_bytes=8, rows=2, remote_pitch=8, local_pitch=8)

#: What is wrong with a job, or with the map; and what is reported besides context and engine.
REFUSALS = {
    "row_bytes": (dict(row_bytes=0), {}, FaultCode.DESCRIPTOR),
    "rows": (dict(rows=0), {}, FaultCode.DESCRIPTOR),
    "reserved": (dict(reserved5=1 << 133), {}, FaultCode.DESCRIPTOR),
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


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_refusals(simulate, config):
    simulate(RemoteQueue, config=config)
