"""Packets part by kind, and join as wholes, each source in its turn."""

import random

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from intarsia.bench import parameters, start
from intarsia.common.packets import PacketMerge, PacketSplit
from intarsia.isa.packet import PacketKind
from tests.hw.dma.packets import Packet, PacketSink, PacketSource

KINDS = (PacketKind.MAP_REPLY, PacketKind.MAP_INVALIDATED)
OTHERS = (PacketKind.READ_REPLY, PacketKind.WRITE_ACK, PacketKind.ERROR)
SOURCES = 3


def packet(kind, number):
    with_payload = kind in (PacketKind.READ_REPLY, PacketKind.MAP_REPLY)
    payload = random.randbytes(random.randrange(1, 40)) if with_payload else b""
    return Packet(kind, length=len(payload), transaction=number, payload=payload)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def each_kind_has_its_way(dut, pause):
    """Random packets into a PacketSplit, or several sources into a PacketMerge."""
    settings = parameters()
    width = settings["link_bytes"]
    if "sources" in settings:
        await joins(dut, PacketMerge(**settings), width, pause)
    else:
        await parts(dut, PacketSplit(KINDS, **settings), width, pause)


async def parts(dut, split, width, pause):
    source = PacketSource(dut, split.packet, width, pause=pause)
    sinks = [PacketSink(dut, sink, width, pause=pause) for sink in split.sinks]
    await start(dut)
    sent = [packet(random.choice(KINDS + OTHERS), number) for number in range(60)]
    source.send(*sent)
    ways = [[each for each in sent if each.kind is kind] for kind in KINDS]
    ways.append([each for each in sent if each.kind in OTHERS])
    for sink, way in zip(sinks, ways, strict=True):
        assert [await sink.receive() for _ in way] == way


async def joins(dut, merge, width, pause):
    sources = [PacketSource(dut, source, width, pause=pause) for source in merge.sources]
    sink = PacketSink(dut, merge.packet, width, pause=pause)
    await start(dut)
    sent = [[packet(random.choice(OTHERS), 100 * n + k) for k in range(20)] for n in range(SOURCES)]
    for source, packets in zip(sources, sent, strict=True):
        source.send(*packets)
    came = [await sink.receive() for _ in range(20 * SOURCES)]
    for n, packets in enumerate(sent):
        assert [each for each in came if each.transaction // 100 == n] == packets
    if not pause:
        turns = [each.transaction // 100 for each in came]
        assert all({*turns[n : n + SOURCES]} == {*range(SOURCES)} for n in range(0, 30, SOURCES))
    for _ in range(20):
        await RisingEdge(dut.clk)


class Split(PacketSplit):
    """A split of the kinds of this test."""

    def __init__(self, *, link_bytes):
        super().__init__(KINDS, link_bytes=link_bytes)


@pytest.mark.parametrize("link_bytes", [4, 16])
def test_split(simulate, link_bytes):
    simulate(Split, link_bytes=link_bytes)


@pytest.mark.parametrize("link_bytes", [4, 16])
def test_merge(simulate, link_bytes):
    simulate(PacketMerge, sources=SOURCES, link_bytes=link_bytes)
