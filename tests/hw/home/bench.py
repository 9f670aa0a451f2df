"""A home between nodes that look entries up, forget them when they are told to, and change them."""

import random

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import MemoryServer, StreamSource, parameters, start
from intarsia.home.agent import Home
from intarsia.isa.address import LogicalAddress
from intarsia.isa.bits import decode, encode
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.fragment import FRAGMENT_FORMAT, FragmentEntry
from intarsia.isa.packet import ErrorDetail, PacketKind
from tests.hw.dma.packets import Packet, PacketSink, PacketSource

__all__ = ["BASE", "HOST", "NODE", "SIZE", "Bench", "entry"]

NODE, HOST = 5, 33

#: The table: 16 entries, or two sets.
BASE, SIZE = 0x800, 512


def entry(key, **fields):
    """A map entry of `key`, (data ID, fragment), as its bytes."""
    names = dict(data_id=key[0], fragment=key[1], entry_format=FRAGMENT_FORMAT)
    return encode(FragmentEntry, names | fields).to_bytes(32, "little")


class Bench:
    """The home's neighbours.

    Members
    -------
    holds : dict
        By (node, key): what a node was told, and has not forgotten.
    views : dict
        By key: what look-ups may find, the newest last.
    oldest : dict
        By key: the first of them that look-ups may still find.
    mute : set
        Nodes that acknowledge nothing.
    """

    def __init__(self, dut, *, pause=0.0, size=SIZE, hold=0):
        self.dut, self.pause, self.hold = dut, pause, hold
        home = Home(**parameters())
        width = self.width = home.config.link_bytes
        sources = ("lookup", "update", "invalidated")
        self.lookups, self.updates, self.acknowledgements = (
            PacketSource(dut, getattr(home, name), width, pause=pause) for name in sources
        )
        self.replies = PacketSink(dut, home.reply, width, pause=pause)
        self.orders = PacketSink(dut, home.invalidate, width, pause=pause)
        self.faults = []
        self.fences = StreamSource(dut, home.fence)
        self.memory = MemoryServer(
            dut, size=4096, banks=4, reads=[home.read], writes=[home.write], pause=pause
        )
        for name, value in dict(node=NODE, base=BASE, size=size, tick=0).items():
            dut[name].value = value
        self.holds, self.views, self.oldest, self.mute = {}, {}, {}, set()
        self.asked, self.found, self.changing, self.ended = {}, {}, {}, {}
        self.told = []
        self.number = self.last = 0

    @classmethod
    async def create(cls, dut, **settings):
        bench = cls(dut, **settings)
        await start(dut)
        cocotb.start_soon(bench._watch())
        cocotb.start_soon(bench._hear())
        cocotb.start_soon(bench._forget())
        return bench

    def ask(self, node, key):
        """Look `key` up for `node`. Returns the number of the look-up."""
        self.number += 1
        extension = encode(LogicalAddress, dict(data_id=key[0], fragment=key[1]))
        header = dict(source=node, destination=NODE, transaction=self.number)
        self.asked[node, self.number] = key, self.oldest.get(key, 0)
        self.lookups.send(Packet(PacketKind.MAP_LOOKUP, extension=extension, **header))
        return self.number

    def change(self, key, content, *, below=0, length=32):
        """Update `key`. Returns the number of the update."""
        self.number += 1
        address = dict(data_id=key[0], fragment=key[1], offset=below)
        self.changing[self.number] = key, content
        self.views.setdefault(key, [None]).append(content)
        self.updates.send(
            Packet(
                PacketKind.MAP_UPDATE,
                length=length,
                source=HOST,
                destination=NODE,
                transaction=self.number,
                extension=encode(LogicalAddress, address),
                payload=content[:length],
            )
        )
        return self.number

    async def done(self, *numbers):
        """Wait for look-ups and updates."""
        while any(number not in self.found and number not in self.ended for number in numbers):
            await RisingEdge(self.dut.clk)

    async def fence(self, *nodes, dead=1):
        """Fence nodes, or no more."""
        self.fences.send(*({"node": node, "dead": dead} for node in nodes))
        for _ in range(100):
            await RisingEdge(self.dut.clk)

    async def settle(self):
        """Let an update tell all sharers."""
        for _ in range(600):
            await RisingEdge(self.dut.clk)

    async def pulse(self, count=1):
        """Let `count` pulses of the timebase pass."""
        for _ in range(count):
            self.dut.tick.value = 1
            await RisingEdge(self.dut.clk)
            self.dut.tick.value = 0
            for _ in range(100):
                await RisingEdge(self.dut.clk)

    async def _watch(self):
        while True:
            await FallingEdge(self.dut.clk)
            if self.dut.fault__valid.value == 1:
                self.faults.append(decode(FaultReport, self.dut.fault__payload.value.to_unsigned()))

    async def _hear(self):
        while True:
            reply = await self.replies.receive()
            assert reply.source == NODE
            if reply.kind is PacketKind.MAP_REPLY:
                key, oldest = self.asked.pop((reply.destination, reply.transaction))
                views = self.views.get(key, [None])[oldest:]
                found = reply.payload if any(reply.payload) else None
                assert found in views, (key, found, views)
                self.found[reply.transaction] = found
                self.holds[reply.destination, key] = found
                if found is None:
                    del self.holds[reply.destination, key]
                continue
            assert reply.destination == HOST
            key, content = self.changing.pop(reply.transaction)
            if reply.kind is PacketKind.ERROR:
                detail = decode(ErrorDetail, reply.extension)
                assert (detail.data_id, detail.fragment) == key
                self.ended[reply.transaction] = FaultCode(detail.fault)
                continue
            assert reply.kind is PacketKind.MAP_UPDATED
            # Nobody goes by anything earlier, now or later.
            self.oldest[key] = self.views[key].index(content)
            views = self.views[key][self.oldest[key] :]
            for (node, held), known in self.holds.items():
                assert held != key or known in views or node in self.mute, (node, key)
            self.ended[reply.transaction] = None

    async def _forget(self):
        while True:
            order = await self.orders.receive()
            assert order.kind is PacketKind.MAP_INVALIDATE and order.source == NODE
            address = decode(LogicalAddress, order.extension)
            node, key = order.destination, (address.data_id, address.fragment)
            self.told.append((node, key))
            self.last = order.transaction
            if node not in self.mute:
                cocotb.start_soon(self._obey(node, key, order.transaction))

    async def _obey(self, node, key, number):
        for _ in range(random.randint(0, self.hold)):
            await RisingEdge(self.dut.clk)
        self.acknowledge(node, key, number=number)

    def acknowledge(self, node, key, *, number=None):
        """Say that `node` has forgotten `key`, by order of the last number or of another one."""
        number = self.last if number is None else number & 0xFF
        self.holds.pop((node, key), None)
        header = dict(source=node, destination=NODE, transaction=number)
        self.acknowledgements.send(Packet(PacketKind.MAP_INVALIDATED, **header))
