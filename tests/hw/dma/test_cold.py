"""Lists of fragments that were never used before come at nearly the rate of the link."""

import random

import cocotb
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from cocotb.triggers import ClockCycles, FallingEdge

from intarsia.atu.cache import Atu
from intarsia.atu.port import MapAnswer, MapQuestion
from intarsia.bench import StreamSink, StreamSource, start
from intarsia.dma.remote import RemoteQueue
from intarsia.isa.address import PAYLOAD_MAX, data_id
from intarsia.isa.fragment import FRAGMENT_FORMAT
from intarsia.isa.instruction import RemoteOp
from intarsia.isa.packet import PacketKind, beats
from tests.hw.dma.remotes import FRAGMENTS, OWNERS, Bench

PIECES = {(data_id(OWNERS[0], 100 + n // 16), n): 8 + n % 4 for n in range(64)}
KEYS = list(PIECES)
LINE = dict(rows=1, remote_pitch=0, local_pitch=0)

#: Cycles from a question to the answer of a home that is two links away, and from a request to its
#: reply.
HOME, FAR = 220, 330

#: Part of the port's cycles that bring something, from the first reply to the last.
LEAST = 0.95


class Loader(wiring.Component):
    """A remote queue and its ATU."""

    def __init__(self, *, config):
        self.config = config
        queue = {
            name: member
            for name, member in RemoteQueue(config=config).signature.members.items()
            if name not in ("lookup", "ahead")
        }
        questions = {
            "question": Out(stream.Signature(MapQuestion)),
            "answer": In(stream.Signature(MapAnswer)),
        }
        super().__init__(queue | questions)

    def elaborate(self, platform):
        m = Module()
        m.submodules.atu = atu = Atu(config=self.config)
        m.submodules.queue = queue = RemoteQueue(config=self.config)
        wiring.connect(m, queue.lookup, atu.requester)
        wiring.connect(m, queue.ahead, atu.ahead)
        m.d.comb += [atu.node.eq(self.node), atu.tick.eq(self.tick)]
        m.d.comb += [queue.node.eq(self.node), queue.tick.eq(self.tick)]
        m.d.comb += queue.owners.eq(self.owners)
        outside = wiring.flipped(self)
        for name in ("engine", "request", "read", "write"):
            wiring.connect(m, getattr(queue, name), getattr(outside, name))
        for name in ("fence", "reply"):
            wiring.connect(m, getattr(outside, name), getattr(queue, name))
        wiring.connect(m, atu.question, outside.question)
        wiring.connect(m, outside.answer, atu.answer)
        return m


class Home:
    """Answers questions by `entries`, `delay` cycles later, or up to as many."""

    def __init__(self, dut, loader, *, pause):
        self.questions = StreamSink(dut, loader.question, pause=pause)
        self.answers = StreamSource(dut, loader.answer, pause=pause)
        self.clk = dut.clk
        self.entries = {}
        self.delay = HOME
        self.steady = True
        self.asked = []
        cocotb.start_soon(self._run())

    async def _run(self):
        while True:
            question = await self.questions.receive()
            key = question["data_id"], question["fragment"]
            self.asked.append(key)
            cocotb.start_soon(self._answer(key, question["number"]))

    async def _answer(self, key, number):
        delay = self.delay if self.steady else random.randint(1, self.delay)
        await ClockCycles(self.clk, delay)
        known = self.entries[key]
        entry = dict(replica=known["node"], data_id=key[0], fragment=key[1]) | known
        self.answers.send(dict(number=number, entry=entry | dict(entry_format=FRAGMENT_FORMAT)))


class Cold(Bench):
    component = Loader

    def __init__(self, dut, **more):
        super().__init__(dut, fragments=FRAGMENTS | PIECES, **more)

    def map_of(self, queue, *, pause):
        return Home(self.dut, queue, pause=pause)

    async def _reply(self, reply):
        await ClockCycles(self.dut.clk, self.delay)
        self.reply.send(reply)

    def gather(self, keys, size):
        """A list from the fourth macro-bank, to the first one, whose bytes are used in turn."""
        bank = self.config.bank_bytes
        records = [(key, 0, n * size % bank, size) for n, key in enumerate(keys)]
        self.stitch(RemoteOp.GATHER, 3 * bank, 0, records, **LINE)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def lists_come_at_the_rate_of_the_link(dut):
    """Each fragment is asked for once, and the port for replies is nearly always busy."""
    await start(dut)
    bench = Cold(dut, delay=FAR)
    keys = KEYS[: 4 * bench.link_bytes]
    bench.gather(keys, PAYLOAD_MAX)
    busy = first = last = cycle = 0
    while not bench.engine.finished:
        await FallingEdge(dut.clk)
        cycle += 1
        if dut.reply__valid.value == 1 and dut.reply__ready.value == 1:
            busy, first, last = busy + 1, first or cycle, cycle
    assert busy == len(keys) * beats(PacketKind.READ_REPLY, PAYLOAD_MAX, bench.link_bytes)
    assert busy >= LEAST * (last - first + 1), (busy, last - first + 1)
    assert first < HOME + FAR + 50
    await bench.finish(0)
    assert bench.map.asked == keys


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def whatever_homes_do(dut, pause):
    """Answers in any order, and more jobs than one: all bytes are where they belong."""
    await start(dut)
    bench = Cold(dut, pause=pause, delay=40)
    bench.map.steady = False
    for turn in range(4):
        bench.gather(random.sample(KEYS, 24), 16)
        key = random.choice(KEYS)
        rows = dict(row_bytes=16, rows=3, remote_pitch=32, local_pitch=16)
        place = bench.config.bank_bytes + 64 * turn
        bench.send(RemoteOp.READ, key, 64, place, context=0, **rows)
        await bench.finish(2)


@pytest.mark.parametrize("config", ["tiny", "large"])
def test_cold(simulate, config):
    simulate(Loader, config=config)
