"""A packet that is taken apart and put together again is the same packet."""

import random

import cocotb
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from cocotb.utils import get_sim_time

from intarsia.bench import parameters, start
from intarsia.common.ports import PacketBeat
from intarsia.dma.framing import Deframer, Framer
from intarsia.isa.packet import EXTENDED, PacketKind, beats
from tests.hw.dma.packets import Packet, PacketSink, PacketSource

#: Kinds that bring bytes.
BRINGS = (PacketKind.WRITE, PacketKind.READ_REPLY)


class Reframer(wiring.Component):
    """Holds each head until the packet has left, and passes its payload on."""

    def __init__(self, *, link_bytes):
        self.link_bytes = link_bytes
        packet = stream.Signature(PacketBeat(link_bytes))
        super().__init__({"i": In(packet), "o": Out(packet)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.deframer = deframer = Deframer(link_bytes=self.link_bytes)
        m.submodules.framer = framer = Framer(link_bytes=self.link_bytes)
        wiring.connect(m, wiring.flipped(self.i), deframer.packet)
        wiring.connect(m, framer.packet, wiring.flipped(self.o))

        held = stream.Signature(framer.head.payload.shape()).create()
        m.d.comb += [
            framer.head.p.eq(held.payload),
            framer.head.valid.eq(held.valid),
            framer.payload.p.eq(deframer.payload.p.data),
            framer.payload.valid.eq(deframer.payload.valid),
            deframer.payload.ready.eq(framer.payload.ready),
            deframer.head.ready.eq(~held.valid | framer.head.ready),
        ]
        with m.If(deframer.head.ready):
            m.d.sync += held.valid.eq(deframer.head.valid)
            m.d.sync += held.payload.eq(deframer.head.p)
        return m


def packet(kind, length):
    """A random packet; `length` bytes are brought, or asked for."""
    return Packet(
        kind,
        length=length if kind in (PacketKind.READ, *BRINGS) else 0,
        destination=random.getrandbits(16),
        source=random.getrandbits(16),
        transaction=random.getrandbits(16),
        extension=random.getrandbits(96) if kind in EXTENDED else 0,
        payload=random.randbytes(length) if kind in BRINGS else b"",
    )


class Bench:
    def __init__(self, dut, *, pause=0.0):
        reframer = Reframer(**parameters())
        self.link_bytes = reframer.link_bytes
        self.i = PacketSource(dut, reframer.i, self.link_bytes, pause=pause)
        self.o = PacketSink(dut, reframer.o, self.link_bytes, pause=pause)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def keeps_packets(dut, pause):
    """Any kind, any length; filling is zero."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    lengths = [0, 1, 3, 4, 5, 15, 16, 17, 40, 1023, 1024]
    packets = [packet(kind, length) for kind in PacketKind for length in lengths]
    random.shuffle(packets)
    bench.i.send(*packets)
    for sent in packets:
        assert await bench.o.receive() == sent


@cocotb.test(timeout_time=200, timeout_unit="us")
async def loses_few_cycles(dut):
    """At most two cycles between packets, besides those in which a head leaves."""
    await start(dut)
    bench = Bench(dut)
    first, *rest = packets = [packet(random.choice(BRINGS), 256) for _ in range(6)]
    bench.i.send(*packets)
    assert await bench.o.receive() == first
    begin = get_sim_time("ns")
    for sent in rest:
        assert await bench.o.receive() == sent
    heads = sum(beats(sent.kind, 0, bench.link_bytes) for sent in rest)
    allowed = heads + sum(beats(sent.kind, sent.length, bench.link_bytes) + 2 for sent in rest)
    assert get_sim_time("ns") - begin <= 10 * allowed


@cocotb.test(timeout_time=200, timeout_unit="us")
async def begins_anew_with_a_first_beat(dut):
    """What is left of a packet that was cut short does not spoil the next."""
    await start(dut)
    bench = Bench(dut)
    whole = packet(PacketKind.READ_REPLY, 20)
    cut = packet(PacketKind.READ, 20)
    bench.i.beats.send(cut.beats(bench.link_bytes)[0])
    bench.i.send(whole)
    assert await bench.o.receive() == whole


@pytest.mark.parametrize("link_bytes", [4, 16])
def test_framing(simulate, link_bytes):
    simulate(Reframer, link_bytes=link_bytes)
