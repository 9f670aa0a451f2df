"""A transmitter, what it is given to send, and what the other end says."""

import random

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import StreamSource, parameters, start
from intarsia.isa.bits import encode
from intarsia.isa.counters import Activity
from intarsia.isa.packet import CREDIT_UNIT, NOTICES, PacketKind
from intarsia.link.geometry import CLASSES
from intarsia.link.grant import Grant
from intarsia.link.transmitter import Transmitter
from tests.hw.link.packets import make, opened, sealed

__all__ = ["LIFE", "LONGEST", "OTHER", "Bench", "begin"]

#: A packet of each class that is as long as they come.
LONGEST = {
    "control": (PacketKind.SYNC_ARRIVE, 0),
    "reply": (PacketKind.READ_REPLY, 1024),
    "forward": (PacketKind.MAP_LOOKUP, 0),
    "request": (PacketKind.WRITE, 1024),
}


#: Lives of both ends.
LIFE, OTHER = 3, 12


class Bench:
    def __init__(self, dut):
        self.dut = dut
        transmitter = Transmitter(**parameters())
        self.geometry = transmitter.geometry
        self.link_bytes = self.geometry.link_bytes
        self.sources = {name: StreamSource(dut, getattr(transmitter, name)) for name in CLASSES}
        self.packets, self.credits, self.notices = [], [], []
        self.dropped = []
        self.repeated = 0
        self.activity = []
        cocotb.start_soon(self.watch())

    async def watch(self):
        """Collects packets; CREDIT packets apart."""
        beats = []
        while True:
            await FallingEdge(self.dut.clk)
            self.activity.append(Activity(self.dut.activity.value.to_unsigned()))
            self.repeated += self.dut.repeated.value == 1
            if self.dut.dropped.value == 1:
                self.dropped.append(self.dut.destination.value.to_unsigned())
            if self.dut.valid.value != 1:
                # The beats of a packet follow each other without a gap.
                if beats:
                    self.take(beats)
                beats = []
                continue
            if self.dut.start.value == 1 and beats:
                self.take(beats)
                beats = []
            assert beats or self.dut.start.value == 1
            beats.append({"data": self.dut.data.value.to_unsigned(), "first": not beats})

    def take(self, beats):
        for beat in beats:
            beat["last"] = beat is beats[-1]
        header = opened(beats, self.link_bytes)
        where = {PacketKind.CREDIT: self.credits} | dict.fromkeys(NOTICES, self.notices)
        where.get(header["kind"], self.packets).append((header, beats))

    def send(self, name, kind=None, length=0):
        """Queue a packet that comes from another link."""
        beats = make(random, *((kind, length) if kind else LONGEST[name]), self.link_bytes)
        beats = sealed(beats, self.link_bytes, sequence=99, acknowledge=7, credits=5, epoch=15)
        self.sources[name].send(*beats)
        return beats

    async def grant(self, name, beats):
        """Credits for so many beats."""
        while beats:
            units = min(beats // CREDIT_UNIT, 63)
            beats -= units * CREDIT_UNIT
            await RisingEdge(self.dut.clk)
            self.dut.grant__valid.value = 1
            self.dut.grant__payload.value = encode(
                Grant, {"message_class": CLASSES[name], "credits": units}
            )
        await RisingEdge(self.dut.clk)
        self.dut.grant__valid.value = 0

    async def notice(self, acknowledge, *, again=False):
        """What came before `acknowledge` has arrived. Returns whether that is news."""
        await RisingEdge(self.dut.clk)
        self.dut.acknowledged.value = 1
        self.dut.acknowledge.value = acknowledge % 256
        self.dut.again.value = again
        await FallingEdge(self.dut.clk)
        news = self.dut.news.value == 1
        await RisingEdge(self.dut.clk)
        self.dut.acknowledged.value = 0
        return news

    async def pulse(self, name):
        await RisingEdge(self.dut.clk)
        self.dut[name].value = 1
        await RisingEdge(self.dut.clk)
        self.dut[name].value = 0

    def sequences(self):
        return [header["sequence"] for header, _ in self.packets]


async def begin(dut):
    inputs = ("dead", "speak", "retry", "accepted", "lengthy", "expected", "due_class", "due_units")
    for name in (*inputs, "urgent", "grant__valid", "acknowledged", "acknowledge", "again"):
        dut[name].value = 0
    dut.up.value = 1
    dut.life.value = LIFE
    dut.other.value = OTHER
    await start(dut)
    return Bench(dut)
