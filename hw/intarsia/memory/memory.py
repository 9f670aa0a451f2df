"""A chip's memory: macro-banks, their clients, and parity."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from intarsia.common.ports import MemoryRead, MemoryWrite
from intarsia.memory.arbiter import RoundRobin
from intarsia.memory.sram import Sram

__all__ = ["Memory"]


class Memory(wiring.Component):
    """Banked memory, shared by the engines of a chip.

    Each macro-bank grants one read and one write per cycle, round robin among those who ask for it.
    A vector may begin at any byte; where it passes the end of its macro-bank, it goes on at that
    macro-bank's start. Every byte is stored with even parity, which is checked for the bytes that
    the reader's mask names.

    Reads take two cycles from acceptance to data, and one can be accepted in every cycle. A write
    accepted in cycle t is seen by reads accepted in t + 1. Content survives reset, and starts as
    zero in simulation only.

    Parameters
    ----------
    config : ChipConfig
    readers, writers : int
        Number of clients.

    Members
    -------
    read0, read1, … : In(MemoryRead(lanes))
    write0, write1, … : In(MemoryWrite(lanes))
    """

    def __init__(self, *, config, readers, writers):
        for name, count in (("Readers", readers), ("Writers", writers)):
            if not isinstance(count, int) or count <= 0:
                raise TypeError(f"{name} must be a positive integer, not {count!r}")
        self.config = config
        super().__init__({
            **{f"read{n}": In(MemoryRead(config.lanes)) for n in range(readers)},
            **{f"write{n}": In(MemoryWrite(config.lanes)) for n in range(writers)},
        })
        self._reads = [getattr(self, f"read{n}") for n in range(readers)]
        self._writes = [getattr(self, f"write{n}") for n in range(writers)]

    def elaborate(self, platform):
        m = Module()
        lanes = self.config.lanes
        rows = self.config.bank_bytes // lanes

        banks = []
        for number in range(self.config.macro_banks):
            bank = Sram(lanes=lanes, rows=rows)
            m.submodules[f"bank{number}"] = bank
            banks.append(bank)

        self._connect_writers(m, banks, rows)
        self._connect_readers(m, banks, rows)
        return m

    def _place(self, m, request, name, rows):
        """Parts of a request's address, and which lanes lie in the row after the first."""
        lanes = self.config.lanes
        offset = Signal(range(lanes), name=f"{name}_offset")
        row = Signal(range(rows), name=f"{name}_row")
        bank = Signal(range(self.config.macro_banks), name=f"{name}_bank")
        following = Signal(lanes, name=f"{name}_following")
        m.d.comb += [
            Cat(offset, row, bank).eq(request.p.address),
            following.eq((1 << offset) - 1),
        ]
        return offset, row, bank, following

    def _arbitrate(self, m, kind, number, clients):
        """Grants of macro-bank `number` to `clients`, which are pairs of (valid, bank)."""
        arbiter = RoundRobin(clients=len(clients))
        m.submodules[f"{kind}_arbiter{number}"] = arbiter
        m.d.comb += arbiter.requests.eq(Cat(valid & (bank == number) for valid, bank in clients))
        return arbiter.grants

    def _connect_writers(self, m, banks, rows):
        lanes = self.config.lanes
        clients, places = [], []
        for n, port in enumerate(self._writes):
            offset, row, bank, following = self._place(m, port.request, f"write{n}", rows)
            # Byte k of the request belongs into lane (offset + k) % lanes.
            rotated = Signal(8 * lanes, name=f"write{n}_bytes")
            enable = Signal(lanes, name=f"write{n}_enable")
            content = port.request.p.bytes.as_value()
            mask = port.request.p.mask
            with m.If(port.request.valid):
                m.d.comb += rotated.eq((Cat(content, content) << (offset << 3))[8 * lanes :])
                m.d.comb += enable.eq((Cat(mask, mask) << offset)[lanes:])
            clients.append((port.request.valid, bank))
            places.append((row, following, rotated, enable))

        granted = [Const(0)] * len(clients)
        for number, bank in enumerate(banks):
            grants = self._arbitrate(m, "write", number, clients)
            for n, (row, following, content, enable) in enumerate(places):
                granted[n] = granted[n] | grants[n]
                with m.If(grants[n]):
                    m.d.comb += [
                        bank.write_enable.eq(enable),
                        bank.write_row.eq(row),
                        bank.write_next.eq(following),
                        bank.write_bytes.eq(content),
                    ]
            with m.If(bank.write_enable.any()):
                m.d.comb += bank.write_parity.eq(
                    Cat(bank.write_bytes.word_select(lane, 8).xor() for lane in range(lanes))
                )
        for n, port in enumerate(self._writes):
            m.d.comb += port.request.ready.eq(granted[n])

    def _connect_readers(self, m, banks, rows):
        clients, places = [], []
        for n, port in enumerate(self._reads):
            offset, row, bank, following = self._place(m, port.request, f"read{n}", rows)
            clients.append((port.request.valid, bank))
            places.append((offset, row, bank, following))

        granted = [Const(0)] * len(clients)
        for number, bank in enumerate(banks):
            grants = self._arbitrate(m, "read", number, clients)
            m.d.comb += bank.read_enable.eq(grants.any())
            for n, (_, row, _, following) in enumerate(places):
                granted[n] = granted[n] | grants[n]
                with m.If(grants[n]):
                    m.d.comb += [bank.read_row.eq(row), bank.read_next.eq(following)]

        for n, (port, (offset, _, bank, _)) in enumerate(zip(self._reads, places, strict=True)):
            m.d.comb += port.request.ready.eq(granted[n])
            self._return_data(m, banks, n, port, offset, bank)

    def _return_data(self, m, banks, n, port, offset, bank):
        """The cycle after a grant: picks the macro-bank, and turns its row into the vector."""
        lanes = self.config.lanes
        pending = Signal(name=f"read{n}_pending")
        from_offset = Signal.like(offset, name=f"read{n}_from_offset")
        from_bank = Signal.like(bank, name=f"read{n}_from_bank")
        from_mask = Signal(lanes, name=f"read{n}_from_mask")
        m.d.sync += pending.eq(port.request.valid & port.request.ready)
        with m.If(port.request.valid & port.request.ready):
            m.d.sync += [
                from_offset.eq(offset),
                from_bank.eq(bank),
                from_mask.eq(port.request.p.mask),
            ]

        # The row is chosen before it is turned: to simulators, a wide shift is dear.
        row = Signal(8 * lanes, name=f"read{n}_row_bytes")
        bits = Signal(lanes, name=f"read{n}_row_parity")
        content = Signal(8 * lanes, name=f"read{n}_bytes", reset_less=True)
        parity = Signal(lanes, name=f"read{n}_parity", reset_less=True)
        mask = Signal(lanes, name=f"read{n}_mask", reset_less=True)
        m.d.sync += port.data.valid.eq(pending)
        with m.If(pending):
            with m.Switch(from_bank):
                for number, source in enumerate(banks):
                    with m.Case(number):
                        m.d.comb += [row.eq(source.read_bytes), bits.eq(source.read_parity)]
            m.d.sync += [
                content.eq(_turned(row, from_offset, 8)),
                parity.eq(_turned(bits, from_offset, 1)),
                mask.eq(from_mask),
            ]

        m.d.comb += port.data.p.bytes.eq(content)
        with m.If(port.data.valid):
            found = Cat(content.word_select(lane, 8).xor() for lane in range(lanes))
            m.d.comb += port.data.p.damaged.eq(((found ^ parity) & mask).any())


def _turned(row, offset, width):
    """`row` of lanes of `width` bits, with lane `offset` first."""
    return (Cat(row, row) >> offset * width)[: len(row)]
