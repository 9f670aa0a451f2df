"""A remote queue, its memory, and all other nodes."""

import random
from collections import Counter
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge

from intarsia.bench import MemoryServer, StreamSource, parameters
from intarsia.dma.remote import RemoteQueue
from intarsia.isa.address import PAYLOAD_MAX, LogicalAddress, data_id
from intarsia.isa.bits import decode, encode
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import RemoteOp
from intarsia.isa.packet import ErrorDetail, PacketKind, TransactionNumber
from intarsia.isa.transfer import RemoteDescriptor, StitchDescriptor, StitchRecord
from intarsia.model import transfer
from tests.hw.dma.engines import EngineDriver
from tests.hw.dma.packets import MapServer, Packet, PacketSink, PacketSource

__all__ = [
    "FRAGMENTS",
    "NODE",
    "OWNERS",
    "SIZE",
    "VERSION",
    "Bench",
    "extent",
    "opened",
    "refusal",
]

NODE = 2

#: Owners of the contexts, and their tensors: node, fragment, and bytes of each.
OWNERS = (5, 0xABC)
FRAGMENTS = {(data_id(OWNERS[0], 77), 0): 40, (data_id(OWNERS[1], 1 << 27), 0xFFFF): NODE}
SIZE = 6000
VERSION = 0x8001

RECORD_BYTES = StitchRecord.as_shape().size // 8


def extent(row_bytes, rows, pitch):
    """Bytes from the first to the last of some rows."""
    return (rows - 1) * pitch + row_bytes


def opened(packet):
    """How many requests were opened before that of `packet`."""
    return decode(TransactionNumber, packet.transaction)["count"]


def refusal(packet, fault):
    """What says that the request `packet` is refused."""
    address = decode(LogicalAddress, packet.extension)
    detail = {name: address[name] for name in ("data_id", "fragment", "offset")}
    return Packet(
        PacketKind.ERROR,
        destination=packet.source,
        source=packet.destination,
        transaction=packet.transaction,
        extension=encode(ErrorDetail, detail | dict(fault=fault.value)),
    )


class Bench:
    """A remote queue, its memory, and all other nodes.

    Each fragment lies on the node that FRAGMENTS says, or where `enter` has put it. Nodes look at
    versions, and perform sums once.
    """

    component = RemoteQueue

    def __init__(self, dut, *, pause=0.0, delay=0, fragments=FRAGMENTS, pulse=0):
        queue = self.component(**parameters())
        self.config = queue.config
        self.dut = dut
        self.link_bytes = self.config.link_bytes
        dut.node.value = NODE
        dut.owners.value = sum(owner << 12 * n for n, owner in enumerate(OWNERS))
        dut.tick.value = 0
        self.engine = EngineDriver(dut, queue.engine, pause=pause)
        self.map = self.map_of(queue, pause=pause)
        self.request = PacketSink(dut, queue.request, self.link_bytes, pause=pause)
        self.reply = PacketSource(dut, queue.reply, self.link_bytes, pause=pause)
        self._fence = StreamSource(dut, queue.fence)
        self.memory = MemoryServer(
            dut,
            size=self.config.memory_bytes,
            banks=self.config.macro_banks,
            reads=[queue.read],
            writes=[queue.write],
            pause=pause,
        )
        self.memory.bytes[:] = random.randbytes(self.config.memory_bytes)
        self.expected = bytearray(self.memory.bytes)
        #: By fragment and node.
        self.stores = {}
        #: By fragment.
        self.expected_stores = {}
        self.versions = {}
        for key, node in fragments.items():
            self.enter(key, node)
        self.performed = set()
        self.delay = delay
        self.far = self.answer
        self.requests = []
        self.silent = set()
        cocotb.start_soon(self._serve())
        if pulse:
            cocotb.start_soon(self._pulse(pulse))

    def map_of(self, queue, *, pause) -> Any:
        """Who says where fragments are."""
        return MapServer(self.dut, queue.lookup, pause=pause)

    def enter(self, key, node=None, *, replica=None, version=VERSION, source=None, **changes):
        """Put a fragment into the map, and on its nodes, from where it lies now, or at `source`."""
        node = FRAGMENTS[key] if node is None else node
        replica = node if replica is None else replica
        if key not in self.expected_stores:
            self.expected_stores[key] = bytearray(random.randbytes(SIZE))
            content = self.expected_stores[key]
        else:
            content = self.stores[key, source or self.map.entries[key]["node"]]
        for place in [place for place in self.stores if place[0] == key]:
            del self.stores[place]
        self.stores |= {(key, node): bytearray(content), (key, replica): bytearray(content)}
        self.versions[key] = version
        entry = dict(node=node, replica=replica, size=SIZE, version=version)
        allowed = dict(read=1, write=1, accumulate=1)
        self.map.entries[key] = entry | dict(permissions=allowed) | changes

    async def fence(self, node, dead=1):
        """Say that a node is dead, or not."""
        self._fence.send(dict(node=node, dead=dead))
        await ClockCycles(self.dut.clk, 20)

    def answer(self, packet):
        """The reply to a request, which takes effect at once."""
        address = decode(LogicalAddress, packet.extension)
        key = address["data_id"], address["fragment"]
        assert packet.source == NODE
        assert 0 < packet.length <= PAYLOAD_MAX
        first = address["offset"]
        assert first + packet.length <= SIZE
        store = self.stores.get((key, packet.destination))
        if store is None:
            return refusal(packet, FaultCode.ATU_MISS)
        if address["version"] != self.versions[key]:
            return refusal(packet, FaultCode.VERSION)
        there = slice(first, first + packet.length)
        reply = Packet(
            PacketKind.WRITE_ACK,
            destination=NODE,
            source=packet.destination,
            transaction=packet.transaction,
        )
        if packet.kind is PacketKind.READ:
            reply.kind = PacketKind.READ_REPLY
            reply.length = packet.length
            reply.payload = bytes(store[there])
        elif packet.kind is PacketKind.WRITE:
            store[there] = packet.payload
        elif packet.transaction not in self.performed:
            assert first % 4 == packet.length % 4 == 0
            self.performed.add(packet.transaction)
            parts = (
                np.frombuffer(bytes(part), np.uint8) for part in (store[there], packet.payload)
            )
            store[there] = transfer.summed(*parts).tobytes()
        return reply

    async def _serve(self):
        while True:
            packet = await self.request.receive()
            self.requests.append(packet)
            if packet.destination in self.silent:
                continue
            if (reply := self.far(packet)) is not None:
                cocotb.start_soon(self._reply(reply))

    async def _reply(self, reply):
        await ClockCycles(self.dut.clk, 1 + random.randint(self.delay // 2, self.delay))
        self.reply.send(reply)

    async def _pulse(self, period):
        while True:
            await ClockCycles(self.dut.clk, period - 1)
            self.dut.tick.value = 1
            await RisingEdge(self.dut.clk)
            self.dut.tick.value = 0

    def send(self, opcode, key, offset, local, *, context=None, **rows):
        """Send a job, and do it on the side."""
        fields = dict(data_id=key[0], fragment=key[1], offset=offset, local=dict(offset=local))
        owner = list(FRAGMENTS).index(key) if context is None else context
        self.engine.send(opcode, fields | rows, context=owner)
        self.perform(opcode, RemoteDescriptor, fields | rows)

    def stitch(self, opcode, place, base, records, *, context=0, **rows):
        """Put a list into memory at `place`, send its job, and do it on the side.

        Records are key, offset, local address (from `base` on), and bytes of a row.
        """
        for number, (key, offset, local, size) in enumerate(records):
            record = dict(data_id=key[0], fragment=key[1], offset=offset, row_bytes=size)
            self.rewrite(place + number * RECORD_BYTES, StitchRecord, record | dict(local=local))
        stitch = dict(local=dict(offset=base), records=dict(offset=place), count=len(records))
        self.engine.stitch(opcode, stitch | rows, context)
        self.perform(opcode, StitchDescriptor, stitch | rows)

    def rewrite(self, place, layout, value):
        """Put something else into memory."""
        content = encode(layout, value).to_bytes(layout.as_shape().size // 8, "little")
        self.memory.load(place, content)
        self.expected[place : place + len(content)] = content

    def perform(self, opcode, layout, fields):
        """Do what a job does."""
        work = decode(layout, encode(layout, fields))
        for moved in transfer.remotes(self.expected, opcode, work):
            store = self.expected_stores[moved.name]
            if moved.opcode is RemoteOp.READ:
                there = transfer.gather(store, moved.far)
                transfer.scatter(self.expected, moved.near, there)
                continue
            here = transfer.gather(self.expected, moved.near)
            if moved.opcode is RemoteOp.ACCUMULATE:
                here = transfer.summed(transfer.gather(store, moved.far), here)
            transfer.scatter(store, moved.far, here)

    async def finish(self, jobs):
        await self.engine.done(jobs)
        self.check()
        self.engine.check_faults()

    def check(self, *dead):
        """All memories hold what they must, gaps included; but for nodes that are `dead`."""
        assert self.memory.bytes == self.expected
        for (key, node), store in self.stores.items():
            assert node in dead or store == self.expected_stores[key]

    def asked(self):
        """How many requests each node has seen."""
        return Counter(packet.destination for packet in self.requests)
