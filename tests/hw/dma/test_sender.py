"""Requests reach whoever has their fragment, wherever that has gone; or the host hears why not."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles

from intarsia.bench import start
from intarsia.dma.remote import RemoteQueue
from intarsia.dma.transactions import IN_FLIGHT, PATIENCE, TRIES
from intarsia.isa.bits import decode
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import RemoteOp, Stream
from intarsia.isa.packet import PacketKind, TransactionNumber
from tests.hw.dma.packets import Packet
from tests.hw.dma.remotes import FRAGMENTS, NODE, VERSION, Bench, opened, refusal

KEY, OTHER = FRAGMENTS
HOLDER = FRAGMENTS[KEY]

#: Another node, which differs from the holder in all bits that tell nodes apart.
REPLICA = 23

#: Cycles from pulse to pulse of the timebase.
PULSE = 12

WRITES = ["WRITE", "ACCUMULATE"]
ALL = ["READ", *WRITES]


def rows(count=3, row_bytes=16):
    """Rows of which each is a request of its own."""
    return dict(row_bytes=row_bytes, rows=count, remote_pitch=row_bytes + 4, local_pitch=row_bytes)


def dead(node=HOLDER, key=KEY, **more):
    """The report that `node` is dead, and nobody else has `key`."""
    about = dict(code=FaultCode.NODE_DEAD, engine=Stream.REMOTE.value, node=node)
    return about | dict(data_id=key[0], info=key[1]) | more


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(opcode=ALL, code=["VERSION", "ATU_MISS"], pause=[0.0, 0.5])
async def looks_up_again(dut, opcode, code, pause):
    """What has moved is asked for at its new place, found by a look-up at its home."""
    await start(dut)
    bench = Bench(dut, pause=pause, delay=60, pulse=PULSE)
    stale = dict(bench.map.entries[KEY])
    bench.enter(KEY, REPLICA, version=VERSION + 1 if code == "VERSION" else VERSION)
    bench.map.cached[KEY] = stale
    bench.send(RemoteOp[opcode], KEY, 0, 64, **rows(20))
    bench.send(RemoteOp[opcode], OTHER, 0, 1024, **rows(5))
    await bench.finish(2)
    assert bench.asked()[REPLICA] == 20
    assert not bench.map.cached
    assert set(map(opened, bench.requests)) == set(range(25))


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(opcode=ALL)
async def gives_up(dut, opcode):
    """A refusal is final after many tries, the later ones of which wait for the timebase."""
    await start(dut)
    bench = Bench(dut, delay=20, pulse=64)
    bench.far = lambda packet: refusal(packet, FaultCode.VERSION)
    fields = dict(data_id=KEY[0], fragment=KEY[1], local=dict(offset=0))
    bench.engine.send(RemoteOp[opcode], fields | rows(1))
    await ClockCycles(dut.clk, 60 + 5 * 64)
    assert 5 <= len(bench.requests) <= 8
    await bench.engine.done()
    assert len(bench.requests) == TRIES
    about = dict(node=HOLDER, data_id=KEY[0], info=KEY[1])
    bench.engine.check_faults(dict(code=FaultCode.VERSION, engine=Stream.REMOTE.value) | about)
    bench.check()


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(opcode=WRITES)
async def waits_for_copies(dut, opcode):
    """Who would write what is being copied waits, and then writes it at its new place."""
    await start(dut)
    bench = Bench(dut, delay=20, pulse=64)
    bench.map.entries[KEY]["permissions"]["moving"] = 1
    bench.send(RemoteOp[opcode], KEY, 0, 64, **rows(3))
    await ClockCycles(dut.clk, 64 * (TRIES // 2))
    assert not bench.requests
    bench.enter(KEY, REPLICA, version=VERSION + 1)
    await bench.finish(1)
    assert bench.asked() == {REPLICA: 3}


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(opcode=ALL, pause=[0.0, 0.5])
async def goes_to_replicas(dut, opcode, pause):
    """Who does not answer is asked no more; READ and WRITE go to the replica, sums nowhere."""
    await start(dut)
    bench = Bench(dut, pause=pause, delay=30, pulse=PULSE)
    bench.enter(KEY, replica=REPLICA)
    bench.silent = {HOLDER}
    if opcode == "ACCUMULATE":
        fields = dict(data_id=KEY[0], fragment=KEY[1], local=dict(offset=64))
        bench.engine.send(RemoteOp[opcode], fields | rows(12))
    else:
        bench.send(RemoteOp[opcode], KEY, 0, 64, **rows(12))
    bench.send(RemoteOp.READ, OTHER, 0, 1024, **rows(5))
    await bench.engine.done(2)
    bench.check(HOLDER)
    bench.engine.check_faults(*[dead()] * (opcode == "ACCUMULATE"))
    asked = bench.asked()
    assert asked[HOLDER] == IN_FLIGHT
    assert asked[REPLICA] == (0 if opcode == "ACCUMULATE" else 12)

    # What is known is not tried again.
    if opcode != "ACCUMULATE":
        bench.send(RemoteOp[opcode], KEY, 500, 2048, **rows(12))
        await bench.engine.done()
        bench.check(HOLDER)
        assert bench.asked()[HOLDER] == IN_FLIGHT


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(opcode=ALL)
async def has_patience(dut, opcode):
    """A node has so many pulses to answer, and no more than twice as many; then it is dead."""
    await start(dut)
    bench = Bench(dut, pulse=32)
    bench.silent = {HOLDER}
    fields = dict(data_id=KEY[0], fragment=KEY[1], local=dict(offset=64))
    for phase in range(3):
        await bench.fence(HOLDER, dead=0)
        # However long pulses have been counted already.
        bench.delay = 32 * 4 * phase
        bench.send(RemoteOp.READ, OTHER, 0, 1024, **rows(1))
        await bench.engine.done()
        finished = bench.engine.finished
        bench.requests.clear()
        bench.engine.send(RemoteOp[opcode], fields | rows(1))
        await ClockCycles(dut.clk, 32 * (PATIENCE - 1))
        assert bench.engine.finished == finished
        [request] = bench.requests
        late = Packet(PacketKind.READ_REPLY, source=HOLDER, length=16, payload=bytes(16))
        late.transaction = request.transaction
        if opcode != "READ":
            late = Packet(PacketKind.WRITE_ACK, source=HOLDER, transaction=late.transaction)
        await ClockCycles(dut.clk, 32 * (PATIENCE + 2))
        assert bench.engine.finished == finished + 1
        await bench.engine.done()
        bench.reply.send(late)
        await ClockCycles(dut.clk, 30)
        bench.engine.check_faults(dead())
        bench.check()


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(opcode=ALL, replica=[False, True])
async def fences(dut, opcode, replica):
    """Nodes that the host calls dead are not asked: all is done elsewhere, or refused, at once."""
    await start(dut)
    bench = Bench(dut, delay=10)
    bench.enter(KEY, replica=REPLICA if replica else None)
    await bench.fence(HOLDER)
    served = replica and opcode != "ACCUMULATE"
    if served:
        bench.send(RemoteOp[opcode], KEY, 0, 64, **rows(12))
    else:
        fields = dict(data_id=KEY[0], fragment=KEY[1], local=dict(offset=64))
        bench.engine.send(RemoteOp[opcode], fields | rows(12))
    await bench.engine.done()
    bench.check(HOLDER)
    bench.engine.check_faults(*[dead()] * (not served))
    assert bench.asked() == ({REPLICA: 12} if served else {})

    await bench.fence(HOLDER, dead=0)
    source = REPLICA if served else None
    bench.enter(KEY, replica=REPLICA if replica else None, source=source)
    bench.send(RemoteOp[opcode], KEY, 0, 64, **rows(12))
    await bench.engine.done()
    bench.check(*[REPLICA] * (opcode == "ACCUMULATE"))
    assert bench.asked()[HOLDER] == 12


@cocotb.test(timeout_time=200, timeout_unit="us")
async def drops_what_the_dead_say(dut):
    """A reply of a node that was fenced does nothing, though it be awaited; the replica's does."""
    await start(dut)
    bench = Bench(dut, delay=10, pulse=PULSE)
    bench.enter(KEY, replica=REPLICA)
    held = []
    bench.far = lambda packet: held.append(packet)
    bench.send(RemoteOp.READ, KEY, 0, 64, **rows(1))
    await ClockCycles(dut.clk, 60)
    [request] = held
    await bench.fence(HOLDER)
    wrong = bench.answer(request)
    wrong.payload = bytes(len(wrong.payload))
    bench.far = bench.answer
    bench.reply.send(wrong)
    await bench.finish(1)
    assert bench.asked() == {HOLDER: 1, REPLICA: 1}


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(pause=[0.0, 0.5])
async def adds_once(dut, pause):
    """A sum that is refused, and sent again, keeps its number, so that it is added once."""
    await start(dut)
    bench = Bench(dut, pause=pause, delay=50, pulse=PULSE)
    bench.far = lambda packet: (
        refusal(packet, FaultCode.VERSION) if random.random() < 0.3 else bench.answer(packet)
    )
    bench.send(RemoteOp.ACCUMULATE, KEY, 0, 64, **rows(40))
    bench.send(RemoteOp.ACCUMULATE, OTHER, 0, 64, **rows(40))
    await bench.finish(2)
    assert len(bench.requests) > 80
    assert set(map(opened, bench.requests)) == set(range(80))
    assert len({packet.transaction for packet in bench.requests}) == 80


@cocotb.test(timeout_time=400, timeout_unit="us")
async def says_what_it_repeats(dut):
    """A node that is asked once more for what it has not answered is told so; others are not."""
    await start(dut)
    bench = Bench(dut, delay=20, pulse=PULSE)
    bench.silent = {HOLDER}
    bench.send(RemoteOp.ACCUMULATE, KEY, 0, 64, **rows(1))
    await ClockCycles(dut.clk, PULSE * (PATIENCE - 1))
    bench.map.pause = 1.0
    await ClockCycles(dut.clk, PULSE * (PATIENCE + 3))
    await bench.fence(HOLDER, dead=0)
    bench.silent = set()
    bench.map.pause = 0.0
    await bench.finish(1)
    numbers = [decode(TransactionNumber, packet.transaction) for packet in bench.requests]
    assert [number["repeated"] for number in numbers] == [0, 1]
    assert [(number["place"], number["count"]) for number in numbers] == [(0, 0)] * 2


@cocotb.test(timeout_time=400, timeout_unit="us")
async def slow_nodes_hold_up_no_others(dut):
    """While one request waits for a node that is dead, those to others go on."""
    await start(dut)
    bench = Bench(dut, delay=10, pulse=PULSE)
    bench.silent = {HOLDER}
    fields = dict(data_id=KEY[0], fragment=KEY[1], local=dict(offset=64))
    bench.engine.send(RemoteOp.READ, fields | rows(1))
    bench.send(RemoteOp.READ, OTHER, 0, 1024, **rows(10))
    bench.send(RemoteOp.WRITE, OTHER, 1024, 2048, **rows(3))
    await bench.engine.done(2)
    assert bench.asked() == {HOLDER: 1, NODE: 13}
    bench.check()
    await bench.engine.done(1)
    bench.engine.check_faults(dead())


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_sender(simulate, config):
    simulate(RemoteQueue, config=config)
