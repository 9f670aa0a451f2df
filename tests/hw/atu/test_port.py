"""Questions become packets; answers arrive, and all other replies pass."""

import random

import cocotb
import pytest
from amaranth.hdl import Value
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.atu.port import Invalidated, Invalidation, MapAnswer, MapPort, MapQuestion
from intarsia.bench import parameters, start
from intarsia.isa.address import LogicalAddress
from intarsia.isa.bits import decode, encode
from intarsia.isa.fragment import FRAGMENT_FORMAT, FragmentEntry
from intarsia.isa.packet import PacketHeader, PacketKind
from intarsia.isa.registers import HomeWord
from intarsia.isa.topology import HOME_ENTRIES, home_index, homes

NODE = 7


def beats(width, header, extension=b"", payload=b""):
    """Beats of a packet, and whether each is the first or last."""
    head = encode(PacketHeader, header).to_bytes(16, "little")
    packed = b"".join(part + bytes(-len(part) % width) for part in (head, extension, payload))
    count = len(packed) // width
    return [(packed[n * width : (n + 1) * width], n == 0, n == count - 1) for n in range(count)]


class Bench:
    """Streams in, by name, from lists; streams out, by name, into lists."""

    def __init__(self, dut, pause):
        self.dut, self.pause = dut, pause
        self.port = port = MapPort(**parameters())
        self.width = port.link_bytes
        self.to_do = {"question": [], "answers": [], "orders": [], "invalidated": []}
        self.offered = dict.fromkeys(self.to_do)
        self.seen = {"answer": [], "asks": [], "invalidation": [], "reports": []}
        self.pins = {
            name: (dut[item.valid.name], dut[item.ready.name], dut[Value.cast(item.payload).name])
            for name in (*self.to_do, *self.seen)
            for item in [getattr(port, name)]
        }
        dut.node.value = NODE
        dut.home__valid.value = 0
        for name in self.to_do:
            self.pins[name][0].value = 0

    def packet(self, name, **parts):
        for content, first, last in beats(self.width, **parts):
            word = int.from_bytes(content, "little")
            self.to_do[name].append(word | first << 8 * self.width | last << 8 * self.width + 1)

    async def run(self):
        idle = 0
        while idle < 20:
            for name, items in self.to_do.items():
                if self.offered[name] is None and items and random.random() >= self.pause:
                    self.offered[name] = items.pop(0)
                    self.pins[name][2].value = self.offered[name]
                self.pins[name][0].value = self.offered[name] is not None
            for name in self.seen:
                self.pins[name][1].value = random.random() >= self.pause
            await FallingEdge(self.dut.clk)
            idle += 1
            for name, (valid, ready, payload) in self.pins.items():
                if valid.value == 1 and ready.value == 1:
                    idle = 0
                    if name in self.seen:
                        self.seen[name].append(payload.value.to_unsigned())
                    else:
                        self.offered[name] = None
            await RisingEdge(self.dut.clk)

    def packets(self, name):
        """Packets that have come out: lists of beats."""
        found, current = [], None
        for word in self.seen[name]:
            first, last = word >> 8 * self.width & 1, word >> 8 * self.width + 1
            assert first == (current is None)
            current = (current or b"") + (word & (1 << 8 * self.width) - 1).to_bytes(
                self.width, "little"
            )
            if last:
                found.append(current)
                current = None
        assert current is None
        return found


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.4])
async def packets_stay_whole(dut, pause):
    """Questions and answers, orders and reports, at random."""
    bench = Bench(dut, pause)
    await start(dut)
    table = [[*pair] for pair in homes()]
    for index in range(HOME_ENTRIES):
        for backup in range(2):
            table[index][backup] = random.getrandbits(16)
            word = dict(index=index, backup=backup, node=table[index][backup])
            dut.home__payload.value = encode(HomeWord, word)
            dut.home__valid.value = 1
            await RisingEdge(dut.clk)
    dut.home__valid.value = 0
    questions, answers, orders, reports = [], [], [], []
    for number in range(40):
        fields = dict(data_id=random.getrandbits(40), fragment=random.getrandbits(16))
        questions.append(fields | {"number": number, "backup": random.randrange(2)})
        bench.to_do["question"].append(encode(MapQuestion, questions[-1]))
        size = random.getrandbits(32)
        entry = fields | dict(entry_format=FRAGMENT_FORMAT, base=number, size=size)
        answers.append(dict(number=number, entry=entry))
        header = dict(destination=NODE, kind=PacketKind.MAP_REPLY, length=32, transaction=number)
        content = encode(FragmentEntry, entry).to_bytes(32, "little")
        bench.packet("answers", header=header, payload=content)

        source = dict(node=random.getrandbits(16), number=random.getrandbits(8))
        kind = random.choice([*4 * [PacketKind.MAP_INVALIDATE], PacketKind.MAP_LOOKUP])
        header = dict(kind=kind, source=source["node"], transaction=source["number"])
        extension = encode(LogicalAddress, fields).to_bytes(12, "little")
        bench.packet("orders", header=header, extension=extension)
        if kind is PacketKind.MAP_INVALIDATE:
            orders.append(encode(Invalidation, fields | source))
        reports.append(source)
        bench.to_do["invalidated"].append(encode(Invalidated, source))
    await bench.run()

    assert bench.seen["answer"] == [encode(MapAnswer, answer) for answer in answers]
    assert bench.seen["invalidation"] == orders
    for packet, report in zip(bench.packets("reports"), reports, strict=True):
        header = decode(PacketHeader, int.from_bytes(packet, "little"))
        assert header["kind"] == PacketKind.MAP_INVALIDATED and header["source"] == NODE
        assert (header["destination"], header["transaction"]) == tuple(report.values())
    asked = []
    for packet in bench.packets("asks"):
        header = decode(PacketHeader, int.from_bytes(packet[:16], "little"))
        assert header["kind"] == PacketKind.MAP_LOOKUP
        address = decode(LogicalAddress, int.from_bytes(packet[16:28], "little"))
        backup = questions[len(asked)]["backup"]
        assert header["destination"] == table[home_index(address["data_id"])][backup]
        assert header["source"] == NODE and header["length"] == 0
        asked.append({
            "data_id": address["data_id"],
            "fragment": address["fragment"],
            "number": header["transaction"],
            "backup": backup,
        })
    assert asked == questions


@pytest.mark.parametrize("link_bytes", [4, 16])
def test_port(simulate, link_bytes):
    simulate(MapPort, link_bytes=link_bytes)
