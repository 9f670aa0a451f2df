"""Claims about memory: what was written is read."""

from dataclasses import replace

from amaranth import Cat, ClockSignal, Instance, Signal
from amaranth.hdl import Assert, Assume

from intarsia.isa.config import config
from intarsia.memory.memory import Memory
from intarsia.memory.sram import SRAM_ECP5, SRAM_SOURCE
from tests.formal.proof import Proof

TINY = config("tiny")


class MemoryKeepsBytes(Proof):
    """A byte that is read is the one written last, whoever wrote it, two cycles after the grant."""

    depth = 5
    sources = (SRAM_SOURCE,)

    def describe(self, m):
        small = replace(TINY, lanes=2, memory_bytes=16, macro_banks=2)
        m.submodules.dut = dut = Memory(config=small, readers=2, writers=2)
        place = self.something(m, 4, "place")

        written, content = Signal(), Signal(8)
        for n, write in enumerate((dut.write0, dut.write1)):
            request = self.anything(write.request.payload.shape(), f"write{n}")
            address = request.address[:4]
            m.d.comb += [
                write.request.p.eq(request),
                write.request.valid.eq(self.anything(1, f"writes{n}")),
                Assume(request.address < 16),
            ]
            for lane in range(2):
                hits = _lane(address, lane) == place
                with m.If(write.request.valid & write.request.ready & request.mask[lane] & hits):
                    m.d.sync += [written.eq(1), content.eq(request.bytes[lane])]

        for n, read in enumerate((dut.read0, dut.read1)):
            request = self.anything(read.request.payload.shape(), f"read{n}")
            m.d.comb += [
                read.request.p.eq(request),
                read.request.valid.eq(self.anything(1, f"reads{n}")),
                Assume(request.address < 16),
            ]
            granted = read.request.valid & read.request.ready
            for lane in range(2):
                hits = _lane(request.address[:4], lane) == place
                asked, expected = Signal(2), Signal(16)
                m.d.sync += [
                    asked.eq(Cat(granted & hits & written, asked)),
                    expected.eq(Cat(content, expected)),
                ]
                with m.If(asked[1]):
                    m.d.comb += Assert(read.data.valid)
                    m.d.comb += Assert(read.data.p.bytes[lane] == expected[8:])
            waited = Signal(2)
            m.d.sync += waited.eq(Cat(granted, waited))
            m.d.comb += Assert(read.data.valid == waited[1])


def _lane(address, lane):
    """Place of byte `lane` of a vector: beyond the end of its macro-bank, it wraps."""
    return Cat((address[:3] + lane)[:3], address[3])


class BlockRamsKeepBytes(Proof):
    """The macro made of block RAMs reads the byte that was written last into its lane and row."""

    depth = 6
    sources = (SRAM_ECP5,)

    def describe(self, m):
        lanes, row_bits = 2, 3
        row, lane = self.something(m, row_bits, "row"), self.something(m, 1, "lane")
        ports = {
            f"{kind}_{name}": self.anything(width, f"{kind}_{name}")
            for kind, enables in (("read", 1), ("write", lanes))
            for name, width in (("enable", enables), ("row", row_bits), ("next", lanes))
        }
        ports |= {"write_bytes": self.anything(8 * lanes, "write_bytes")}
        ports |= {"write_parity": self.anything(lanes, "write_parity")}
        read = {"read_bytes": Signal(8 * lanes), "read_parity": Signal(lanes)}
        m.submodules.dut = Instance(
            "intarsia_sram",
            p_LANES=lanes,
            p_ROW_BITS=row_bits,
            p_RAM_BITS=1,
            i_clk=ClockSignal(),
            **{f"i_{name}": port for name, port in ports.items()},
            **{f"o_{name}": port for name, port in read.items()},
        )

        def of_lane(parity, content):
            return Cat(content.word_select(lane, 8), parity.bit_select(lane, 1))

        def reaches(kind):
            further = ports[f"{kind}_next"].bit_select(lane, 1)
            return (ports[f"{kind}_row"] + further)[:row_bits] == row

        writes, reads = Signal(), Signal()
        written, known = Signal(9), Signal()
        expected, due = Signal(9), Signal()
        m.d.comb += [
            writes.eq(ports["write_enable"].bit_select(lane, 1) & reaches("write")),
            reads.eq(ports["read_enable"] & reaches("read")),
        ]
        with m.If(writes):
            m.d.sync += [
                written.eq(of_lane(ports["write_parity"], ports["write_bytes"])),
                known.eq(1),
            ]
        # What was read stays until the next read.
        with m.If(ports["read_enable"]):
            m.d.sync += [expected.eq(written), due.eq(reads & known & ~writes)]
        with m.If(due):
            m.d.comb += Assert(of_lane(read["read_parity"], read["read_bytes"]) == expected)
