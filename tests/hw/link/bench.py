"""Drives both ends of a link, keeps what was sent, and compares it with what comes out."""

import random

import cocotb
from cocotb.triggers import FallingEdge

from intarsia.bench import StreamSink, StreamSource, parameters
from intarsia.isa.bits import decode
from intarsia.isa.faults import FaultReport
from intarsia.isa.packet import PacketKind
from intarsia.link.geometry import CLASSES
from tests.hw.link.packets import essence, make
from tests.hw.link.pair import ENDS, LinkPair

KINDS = {
    "control": [PacketKind.SYNC_ARRIVE, PacketKind.SYNC_RELEASE],
    "reply": [PacketKind.READ_REPLY, PacketKind.WRITE_ACK, PacketKind.ERROR],
    "forward": [PacketKind.MAP_LOOKUP],
    "request": [PacketKind.READ, PacketKind.WRITE],
}

OTHER = dict(zip(ENDS, ENDS[::-1], strict=True))


class Bench:
    """Streams are named by the end at which packets of theirs go in."""

    def __init__(self, dut, *, pause=0.0):
        self.dut = dut
        pair = LinkPair(**parameters())
        self.link_bytes = pair.link_bytes
        streams = [(end, name) for end in ENDS for name in CLASSES]
        self.sources = {
            (end, name): StreamSource(dut, getattr(pair, f"{end}_send_{name}"), pause=pause)
            for end, name in streams
        }
        self.sinks = {
            (end, name): StreamSink(dut, getattr(pair, f"{OTHER[end]}_take_{name}"), pause=pause)
            for end, name in streams
        }
        self.sent = {key: [] for key in streams}
        self.faults = []
        for end in ENDS:
            dut[f"{end}_noise"].value = 0
            dut[f"{end}_mute"].value = 0
            dut[f"{end}_reset"].value = 0
        cocotb.start_soon(self.watch())

    async def watch(self):
        while True:
            await FallingEdge(self.dut.clk)
            for end in ENDS:
                if self.dut[f"{end}_fault__valid"].value == 1:
                    bits = self.dut[f"{end}_fault__payload"].value.to_unsigned()
                    self.faults.append((end, decode(FaultReport, bits)))

    def send(self, end, name, kind, length):
        """Queue a packet at `end`. Returns it."""
        beats = make(random, kind, length, self.link_bytes)
        self.sources[end, name].send(*beats)
        self.sent[end, name].append(beats)
        return beats

    def send_any(self, end):
        """Queue a packet of any kind and length at `end`."""
        name = random.choice(list(CLASSES))
        kind = random.choice(KINDS[name])
        return self.send(end, name, kind, length_of(kind))

    async def receive(self, end, name):
        """Next packet that comes out, of those that went in at `end`."""
        beats = [await self.sinks[end, name].receive()]
        while not beats[-1]["last"]:
            beats.append(await self.sinks[end, name].receive())
        return beats

    async def expect(self, end, name):
        """The oldest packet that was sent comes out."""
        received = await self.receive(end, name)
        beats = self.sent[end, name].pop(0)
        assert essence(received, self.link_bytes) == essence(beats, self.link_bytes)

    async def expect_all(self):
        """All packets come out, and then no more."""
        for (end, name), packets in self.sent.items():
            while packets:
                await self.expect(end, name)
        for _ in range(200):
            await FallingEdge(self.dut.clk)
        assert all(sink._received.empty() for sink in self.sinks.values())


def length_of(kind):
    """Some length, of those that are likely to go wrong."""
    if kind in (PacketKind.READ, PacketKind.WRITE, PacketKind.READ_REPLY):
        return random.choice([1, 3, 4, 16, 17, 1023, 1024, random.randrange(1, 300)])
    return 0
