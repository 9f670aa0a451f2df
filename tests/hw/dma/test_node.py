"""The queues, the responder and the ATU of one node, which asks itself."""

import random

import cocotb
import pytest
from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from cocotb.triggers import ClockCycles

from intarsia.atu.cache import Atu
from intarsia.bench import MemoryServer, StreamSource, parameters, start
from intarsia.common.lookup import MapCommand, MapOperation
from intarsia.common.ports import Engine, MemoryRead, MemoryWrite, PacketBeat
from intarsia.dma.local import LocalQueue
from intarsia.dma.remote import RemoteQueue
from intarsia.dma.responder import Responder
from intarsia.isa.address import NODE, OWNER_BITS
from intarsia.isa.bits import encode
from intarsia.isa.faults import FaultCode
from intarsia.isa.fragment import FRAGMENT_FORMAT, FragmentEntry
from intarsia.isa.instruction import LocalOp, RemoteOp
from intarsia.isa.transfer import LocalDescriptor, RemoteDescriptor
from tests.hw.dma.engines import EngineDriver, Watch
from tests.hw.dma.packets import PacketSink, PacketSource

PARTS = ("local", "remote", "responder")


class Node(wiring.Component):
    """Packets leave by ``asks`` and ``answers``, and come back by ``asked`` and ``answered``."""

    def __init__(self, *, config):
        self.config = config
        packet = stream.Signature(PacketBeat(config.link_bytes))
        super().__init__({
            "local": Out(Engine(LocalDescriptor)),
            "remote": Out(Engine(RemoteDescriptor, ordered=False)),
            "fault": Out(Responder(config=config).fault.signature),
            "node": In(NODE),
            "tick": In(1),
            "owners": In(data.ArrayLayout(OWNER_BITS, config.contexts)),
            "entry": In(FragmentEntry),
            "command": In(stream.Signature(MapCommand)),
            "asks": Out(packet),
            "asked": In(packet),
            "answers": Out(packet),
            "answered": In(packet),
            **{f"{part}_read": Out(MemoryRead(config.lanes)) for part in PARTS},
            **{f"{part}_write": Out(MemoryWrite(config.lanes)) for part in PARTS},
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.atu = atu = Atu(config=self.config)
        m.submodules.local_queue = local = LocalQueue(config=self.config)
        m.submodules.remote_queue = remote = RemoteQueue(config=self.config)
        m.submodules.responder = responder = Responder(config=self.config)
        wiring.connect(m, remote.lookup, atu.requester)
        wiring.connect(m, remote.ahead, atu.ahead)
        wiring.connect(m, responder.lookup, atu.responder)
        # Homes have a single entry.
        m.d.comb += [
            atu.question.ready.eq(~atu.answer.valid),
            atu.answer.p.entry.eq(self.entry),
            remote.node.eq(self.node),
            responder.node.eq(self.node),
            remote.owners.eq(self.owners),
            atu.node.eq(self.node),
            atu.tick.eq(self.tick),
            remote.tick.eq(self.tick),
        ]
        with m.If(atu.answer.ready):
            m.d.sync += atu.answer.valid.eq(0)
        with m.If(atu.question.valid & atu.question.ready):
            m.d.sync += [
                atu.answer.valid.eq(1),
                atu.answer.p.number.eq(atu.question.p.number),
            ]
        outside = wiring.flipped(self)
        wiring.connect(m, outside.command, atu.command)
        wiring.connect(m, local.engine, outside.local)
        wiring.connect(m, remote.engine, outside.remote)
        wiring.connect(m, responder.fault, outside.fault)
        wiring.connect(m, remote.request, outside.asks)
        wiring.connect(m, outside.asked, responder.request)
        wiring.connect(m, responder.reply, outside.answers)
        wiring.connect(m, outside.answered, remote.reply)
        for name, part in zip(PARTS, (local, remote, responder), strict=True):
            wiring.connect(m, part.read, getattr(outside, f"{name}_read"))
            wiring.connect(m, part.write, getattr(outside, f"{name}_write"))
        return m


class Bench:
    def __init__(self, dut, *, pause=0.0, delay=0):
        node = Node(**parameters())
        self.config = node.config
        self.dut = dut
        self.number = random.getrandbits(16)
        dut.node.value = self.number
        dut.owners.value = 1
        dut.tick.value = 0
        dut.entry.value = 0
        self.command = StreamSource(dut, node.command)
        self.local = EngineDriver(dut, node.local, pause=pause)
        self.remote = EngineDriver(dut, node.remote, pause=pause)
        self.faults = Watch(dut, node.fault)
        self.memory = MemoryServer(
            dut,
            size=self.config.memory_bytes,
            banks=self.config.macro_banks,
            reads=[getattr(node, f"{part}_read") for part in PARTS],
            writes=[getattr(node, f"{part}_write") for part in PARTS],
            pause=pause,
        )
        self.memory.bytes[:] = random.randbytes(self.config.memory_bytes)
        self.expected = bytearray(self.memory.bytes)
        self.delay = delay
        width = self.config.link_bytes
        for leaves, comes in ((node.asks, node.asked), (node.answers, node.answered)):
            sink = PacketSink(dut, leaves, width, pause=pause)
            source = PacketSource(dut, comes, width, pause=pause)
            cocotb.start_soon(self._carry(sink, source, reorder=leaves is node.answers))

    async def _carry(self, sink, source, *, reorder):
        """Packets take their time; replies may pass each other."""

        async def late(packet):
            await ClockCycles(self.dut.clk, 1 + random.randint(0, self.delay))
            source.send(packet)

        while True:
            packet = await sink.receive()
            if reorder:
                cocotb.start_soon(late(packet))
            else:
                source.send(packet)

    def enter(self, tensor, base, size, **changes):
        """Put a fragment of this node into the map, and return its entry."""
        entry = dict(data_id=1 << 28 | tensor, node=self.number, base=base, size=size)
        entry |= dict(replica=self.number)
        entry |= dict(entry_format=FRAGMENT_FORMAT) | changes
        self.command.send({"operation": MapOperation.FILL, "entry": entry})
        return entry

    def send(self, opcode, tensor, offset, local, **rows):
        row_bytes, pitch = rows["row_bytes"], rows["local_pitch"]
        fields = dict(data_id=1 << 28 | tensor, offset=offset, local=dict(offset=local))
        dense = dict(remote_pitch=row_bytes)
        self.remote.send(opcode, fields | dense | rows)
        return [(offset + n * row_bytes, local + n * pitch) for n in range(rows["rows"])]


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def moves_within_itself(dut, pause):
    """Fragments of this very node are read and written, wherever they lie; replies in any order."""
    await start(dut)
    bench = Bench(dut, pause=pause, delay=200)
    bank = bench.config.bank_bytes
    # Each job has a part of the first two macro-banks, and a fragment in the others.
    room, jobs = 256, 12
    places = random.sample(range(2 * bank // room), jobs)
    bases = random.sample(range(2 * bank // room, 4 * bank // room), jobs)
    for tensor, base in enumerate(bases):
        bench.enter(tensor, base * room, room)
    await ClockCycles(dut.clk, 4 * jobs)  # the map is complete before anybody asks
    for tensor, (place, base) in enumerate(zip(places, bases, strict=True)):
        row_bytes = random.randint(1, room // 2)
        pitch = row_bytes + random.randrange(4)
        rows = random.randint(1, room // pitch)
        opcode = random.choice([RemoteOp.READ, RemoteOp.WRITE])
        moved = bench.send(
            opcode, tensor, 0, place * room, row_bytes=row_bytes, rows=rows, local_pitch=pitch
        )
        for there, here in moved:
            at = base * room + there
            if opcode is RemoteOp.READ:
                bench.expected[here : here + row_bytes] = bench.expected[at : at + row_bytes]
            else:
                bench.expected[at : at + row_bytes] = bench.expected[here : here + row_bytes]
    await bench.remote.done(jobs)
    bench.remote.check_faults()
    assert bench.memory.bytes == bench.expected
    assert not bench.faults.seen


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(known=[False, True])
async def moved_in_the_meantime(dut, known):
    """What has moved since its look-up is noticed there; its home is asked, and if it knows, it is
    written at its new place.
    """
    await start(dut)
    bench = Bench(dut, delay=20)
    bank = bench.config.bank_bytes
    bench.enter(1, 2 * bank, 64, version=3)
    await ClockCycles(dut.clk, 10)
    # A version that changes between the two look-ups.
    bench.send(RemoteOp.WRITE, 1, 0, 0, row_bytes=8, rows=1, local_pitch=8)
    for _ in range(200):
        await ClockCycles(dut.clk, 1)
        if dut.asks__valid.value == 1:
            break
    moved = bench.enter(1, 3 * bank, 64, version=4)
    about = dict(node=bench.number, data_id=1 << 28 | 1)
    if known:
        dut.entry.value = encode(FragmentEntry, moved)
        bench.expected[3 * bank : 3 * bank + 8] = bench.expected[:8]
    await bench.remote.done()
    assert bench.memory.bytes == bench.expected
    bench.remote.check_faults(*[dict(code=FaultCode.ATU_MISS) | about] * (not known))


@cocotb.test(timeout_time=200, timeout_unit="us")
async def local_work_passes_remote(dut):
    """The local queue goes on while the remote one waits for a reply that is long in coming."""
    await start(dut)
    bench = Bench(dut, delay=10)
    bench.enter(1, 0, 64)
    bench.delay = 5000
    random.seed(1)
    bench.send(RemoteOp.READ, 1, 0, 128, row_bytes=64, rows=1, local_pitch=64)
    rows = dict(row_bytes=64, rows=1, source_pitch=64, destination_pitch=64)
    for number in range(5):
        operands = dict(source=dict(offset=0), destination=dict(offset=512 + 64 * number))
        bench.local.send(LocalOp.COPY, operands | rows)
    await bench.local.done(5)
    assert bench.remote.finished == 0
    assert bench.memory.dump(512, 320) == bench.memory.dump(0, 64) * 5
    await bench.remote.done()


@cocotb.test(timeout_time=400, timeout_unit="us")
async def remote_work_passes_local(dut):
    """The remote queue goes on while the local one has long to do."""
    await start(dut)
    bench = Bench(dut)
    bench.enter(1, 0, 64)
    rows = dict(row_bytes=4, rows=2000, source_pitch=0, destination_pitch=0)
    bench.local.send(
        LocalOp.COPY, dict(source=dict(offset=256), destination=dict(offset=512)) | rows
    )
    await ClockCycles(dut.clk, 30)
    for number in range(5):
        bench.send(RemoteOp.READ, 1, 0, 1024 + 64 * number, row_bytes=64, rows=1, local_pitch=64)
    await bench.remote.done(5)
    assert bench.local.finished == 0
    assert bench.memory.dump(1024, 320) == bench.memory.dump(0, 64) * 5
    await bench.local.done()


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_node(simulate, config):
    simulate(Node, config=config)
