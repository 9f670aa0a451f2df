"""Packets leave by the port of their destination, and reach their sinks whole."""

import random

import cocotb
import pytest
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from cocotb.utils import get_sim_time

from intarsia.bench import StreamSink, StreamSource, parameters, start
from intarsia.isa.bits import decode, encode
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.packet import PacketKind
from intarsia.isa.registers import RouteWord
from intarsia.isa.topology import ROUTES
from intarsia.link.geometry import CLASSES
from intarsia.link.router import Router
from tests.hw.link.packets import essence, make

NODE = 7

KINDS = {
    "control": (PacketKind.SYNC_ARRIVE, 0),
    "reply": (PacketKind.READ_REPLY, 33),
    "forward": (PacketKind.MAP_LOOKUP, 0),
    "request": (PacketKind.WRITE, 18),
}


class Bench:
    def __init__(self, dut, *, pause=0.0):
        self.dut = dut
        router = Router(**parameters())
        self.link_bytes, self.ports = router.link_bytes, router.ports
        places = range(self.ports)
        inputs = [f"source_{n}" for n in CLASSES] + [
            f"take{p}_{n}" for p in places for n in CLASSES
        ]
        outputs = [f"sink_{n}" for n in CLASSES] + [f"send{p}_{n}" for p in places for n in CLASSES]
        self.inputs = {n: StreamSource(dut, getattr(router, n), pause=pause) for n in inputs}
        self.outputs = {n: StreamSink(dut, getattr(router, n), pause=pause) for n in outputs}
        self.faults = []
        cocotb.start_soon(self.watch())

    async def watch(self):
        while True:
            await FallingEdge(self.dut.clk)
            if self.dut.fault__valid.value == 1:
                report = decode(FaultReport, self.dut.fault__payload.value.to_unsigned())
                assert report["code"] == FaultCode.WRONG_NODE
                self.faults.append(report["node"])

    async def route(self, node, port):
        self.dut.route__valid.value = 1
        self.dut.route__payload.value = encode(RouteWord, {"node": node, "port": port})
        await RisingEdge(self.dut.clk)
        self.dut.route__valid.value = 0
        await RisingEdge(self.dut.clk)

    def send(self, where, name, destination, source=9):
        kind, length = KINDS[name]
        beats = make(random, kind, length, self.link_bytes, destination=destination, source=source)
        self.inputs[where].send(*beats)
        return beats

    async def receive(self, where):
        beats = [await self.outputs[where].receive()]
        while not beats[-1]["last"]:
            beats.append(await self.outputs[where].receive())
        return essence(beats, self.link_bytes)

    async def expect(self, where, beats):
        assert await self.receive(where) == essence(beats, self.link_bytes)

    async def quiet(self):
        await ClockCycles(self.dut.clk, 30)
        assert all(sink._received.empty() for sink in self.outputs.values())


async def begin(dut, **options):
    dut.node.value = NODE
    dut.route__valid.value = 0
    await start(dut)
    bench = Bench(dut, **options)
    await RisingEdge(dut.clk)
    return bench


@cocotb.test(timeout_time=100, timeout_unit="us")
@cocotb.parametrize(pause=[0.0, 0.5])
async def leaves_by_the_port_of_its_destination(dut, pause):
    """All classes at once; what one class waits for holds up no other."""
    bench = await begin(dut, pause=pause)
    table = {node: random.randrange(bench.ports) for node in random.sample(range(ROUTES), 8)}
    for node, port in table.items():
        await bench.route(node, port)
    expected = {name: [] for name in bench.outputs}
    for _ in range(40):
        name = random.choice(list(CLASSES))
        node = random.choice([NODE, *table])
        where = f"sink_{name}" if node == NODE else f"send{table[node]}_{name}"
        expected[where].append(bench.send(f"source_{name}", name, node))
    for where, packets in expected.items():
        for beats in packets:
            await bench.expect(where, beats)
    await bench.quiet()
    assert bench.faults == []


@cocotb.test(timeout_time=100, timeout_unit="us")
@cocotb.parametrize(pause=[0.0, 0.5])
async def sinks_take_packets_whole(dut, pause):
    """From all ports and the chip itself, in order from each; nothing is mixed."""
    bench = await begin(dut, pause=pause)
    sent = {}
    for name in CLASSES:
        inputs = [*(f"take{p}_{name}" for p in range(bench.ports)), f"source_{name}"]
        for n, where in enumerate(inputs):
            sent[name, n] = [
                essence(bench.send(where, name, NODE, source=n), bench.link_bytes) for _ in range(6)
            ]
    for name in CLASSES:
        for _ in range(6 * (bench.ports + 1)):
            packet = await bench.receive(f"sink_{name}")
            [came_from] = [n for n in range(bench.ports + 1) if sent[name, n][:1] == [packet]]
            sent[name, came_from].pop(0)
    await bench.quiet()
    assert bench.faults == []


@cocotb.test(timeout_time=100, timeout_unit="us")
async def takes_turns_without_a_gap(dut):
    """Where all ports have packets, each is served in turn, a beat in every cycle."""
    bench = await begin(dut)
    inputs = [*(f"take{p}_reply" for p in range(bench.ports)), "source_reply"]
    packets = {
        essence(bench.send(where, "reply", NODE), bench.link_bytes)[0]: where
        for where in inputs
        for _ in range(5)
    }
    kind, length = KINDS["reply"]
    first, _ = await bench.receive("sink_reply")
    begin_time = get_sim_time("ns")
    order = [packets[first]]
    for _ in range(len(packets) - 1):
        order.append(packets[(await bench.receive("sink_reply"))[0]])
    cycles = round((get_sim_time("ns") - begin_time) / 10)
    assert order == order[: len(inputs)] * 5
    beats = len(make(random, kind, length, bench.link_bytes))
    assert cycles == beats * (len(packets) - 1)


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(pause=[0.0, 0.5])
async def packets_are_passed_on(dut, pause):
    """From all ports to sinks and other ports, among what the chip sends; in order from each."""
    bench = await begin(dut, pause=pause)
    table = {node: node % bench.ports for node in range(10, 10 + 2 * bench.ports)}
    for node, port in table.items():
        await bench.route(node, port)
    expected = {where: {} for where in bench.outputs}
    for number in range(100):
        name = random.choice(list(CLASSES))
        port = random.randrange(-1, bench.ports)
        came_by = f"source_{name}" if port < 0 else f"take{port}_{name}"
        node = random.choice([NODE, *(node for node in table if table[node] != port)])
        where = f"sink_{name}" if node == NODE else f"send{table[node]}_{name}"
        beats = bench.send(came_by, name, node, source=number)
        queue = expected[where].setdefault(came_by, [])
        queue.append(essence(beats, bench.link_bytes))
    for where, queues in expected.items():
        for _ in range(sum(map(len, queues.values()))):
            packet = await bench.receive(where)
            [queue] = [queue for queue in queues.values() if queue[:1] == [packet]]
            queue.pop(0)
    await bench.quiet()
    assert bench.faults == []


@cocotb.test(timeout_time=100, timeout_unit="us")
async def ports_are_shared_fairly(dut):
    """What comes from other ports and from the chip takes turns, and leaves without a gap."""
    bench = await begin(dut)
    way = bench.ports - 1
    await bench.route(21, way)
    inputs = ["source_reply", *(f"take{p}_reply" for p in range(way))]
    packets = {
        essence(bench.send(where, "reply", 21, source=n), bench.link_bytes)[0]: where
        for n, where in enumerate(inputs * 5)
    }
    order = [packets[(await bench.receive(f"send{way}_reply"))[0]]]
    begin_time = get_sim_time("ns")
    for _ in range(len(packets) - 1):
        order.append(packets[(await bench.receive(f"send{way}_reply"))[0]])
    cycles = round((get_sim_time("ns") - begin_time) / 10)
    assert order == order[: len(inputs)] * 5
    beats = len(make(random, *KINDS["reply"], bench.link_bytes))
    assert cycles == beats * (len(packets) - 1)


@cocotb.test(timeout_time=100, timeout_unit="us")
async def ports_that_wait_hold_up_no_others(dut):
    """Nor other classes of what came by the same port."""
    bench = await begin(dut)
    last = bench.ports - 1
    await bench.route(20, 0)
    await bench.route(21, last)
    bench.outputs["send0_reply"]._pause = 1.1
    stuck = bench.send(f"take{last}_reply", "reply", 20), bench.send("source_reply", "reply", 20)
    for name in CLASSES:
        if name != "reply":
            await bench.expect(f"send0_{name}", bench.send(f"take{last}_{name}", name, 20))
            await bench.expect(f"sink_{name}", bench.send(f"take{last}_{name}", name, NODE))
    await bench.expect(f"send{last}_reply", bench.send("take0_reply", "reply", 21))
    await bench.expect("sink_reply", bench.send("take0_reply", "reply", NODE))
    bench.outputs["send0_reply"]._pause = 0.0
    found = [await bench.receive("send0_reply") for _ in stuck]
    assert sorted(found) == sorted(essence(beats, bench.link_bytes) for beats in stuck)


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(pause=[0.0, 0.5])
async def strays_are_dropped_and_reported(dut, pause):
    """Those that would leave as they came, between two for this node."""
    bench = await begin(dut, pause=pause)
    for port in range(bench.ports):
        await bench.route(NODE + ROUTES, port)
        await bench.route(NODE + ROUTES, bench.ports)  # There is no such port.
        for name in CLASSES:
            where = f"take{port}_{name}"
            wanted = [bench.send(where, name, NODE)]
            bench.send(where, name, NODE + ROUTES)
            wanted.append(bench.send(where, name, NODE))
            for beats in wanted:
                await bench.expect(f"sink_{name}", beats)
    await bench.quiet()
    assert bench.faults == [NODE + ROUTES] * bench.ports * len(CLASSES)


@cocotb.test(timeout_time=100, timeout_unit="us")
async def a_stray_does_not_wait_for_the_sink(dut):
    """Nobody has to take what nobody gets."""
    bench = await begin(dut)
    bench.outputs["sink_reply"]._pause = 1.1
    await ClockCycles(dut.clk, 2)
    bench.send("take0_reply", "reply", 3)
    await ClockCycles(dut.clk, 40)
    assert bench.faults == [3]
    bench.outputs["sink_reply"]._pause = 0.0
    await bench.expect("sink_reply", bench.send("take0_reply", "reply", NODE))


@cocotb.test(timeout_time=100, timeout_unit="us")
async def routes_survive_reset(dut):
    """They are written once, by the host."""
    bench = await begin(dut)
    last = bench.ports - 1
    await bench.route(21, last)
    dut.rst.value = 1
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0
    await RisingEdge(dut.clk)
    await bench.expect(f"send{last}_reply", bench.send("source_reply", "reply", 21))
    await bench.quiet()


@pytest.mark.parametrize(("link_bytes", "ports"), [(4, 2), (16, 3)])
def test_router(simulate, link_bytes, ports):
    simulate(Router, link_bytes=link_bytes, ports=ports)
