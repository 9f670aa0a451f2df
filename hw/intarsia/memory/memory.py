"""A chip's memory: macro-banks, their clients, and parity."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.utils import exact_log2

from intarsia.common.ports import MemoryRead, MemoryWrite
from intarsia.memory.arbiter import RoundRobin
from intarsia.memory.sram import Sram

__all__ = ["Memory"]


class Memory(wiring.Component):
    """Banked memory, shared by the engines of a chip.

    Each macro-bank grants one read and one write per cycle, round robin among those who ask for it.
    With ``config.relays`` grants are parked, see :class:`~intarsia.memory.arbiter.RoundRobin`.
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
    spread : int
        So many of the readers, the first ones, may ask for vectors of bytes that are far apart.

    Members
    -------
    read0, read1, … : In(MemoryRead(lanes, spread=…))
    write0, write1, … : In(MemoryWrite(lanes))
    """

    def __init__(self, *, config, readers, writers, spread=0):
        for name, count in (("Readers", readers), ("Writers", writers)):
            if not isinstance(count, int) or count <= 0:
                raise TypeError(f"{name} must be a positive integer, not {count!r}")
        self.config = config
        self._spread = spread
        super().__init__({
            **{f"read{n}": In(MemoryRead(config.lanes, spread=n < spread)) for n in range(readers)},
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
            bank = Sram(lanes=lanes, rows=rows, spread=bool(self._spread))
            m.submodules[f"bank{number}"] = bank
            banks.append(bank)

        self._connect_writers(m, banks, rows)
        self._connect_readers(m, banks, rows)
        return m

    def _place(self, request, rows):
        """Parts of a request's address: place within a row, row, and macro-bank."""
        lane_bits, row_bits = exact_log2(self.config.lanes), exact_log2(rows)
        address = request.p.address
        bank = address[lane_bits + row_bits :][: exact_log2(self.config.macro_banks)]
        return address[:lane_bits], address[lane_bits:][:row_bits], bank

    def _arbitrate(self, m, kind, number, clients):
        """Choice of macro-bank `number` among `clients`, which are pairs of (valid, bank).

        Returns a bit for the one it looks at, and bits for those whose requests it accepts, of
        which there is one at most: that one.
        """
        arbiter = RoundRobin(clients=len(clients), parked=self.config.relays)
        m.submodules[f"{kind}_arbiter{number}"] = arbiter
        m.d.comb += arbiter.requests.eq(Cat(valid & (bank == number) for valid, bank in clients))
        if not self.config.relays:
            return arbiter.grants, arbiter.grants
        return arbiter.grants, arbiter.grants & arbiter.requests

    def _connect_writers(self, m, banks, rows):
        lanes = self.config.lanes
        clients, places = [], []
        for port in self._writes:
            offset, row, bank = self._place(port.request, rows)
            clients.append((port.request.valid, bank))
            places.append((offset, row))

        granted = [Const(0)] * len(clients)
        for number, bank in enumerate(banks):
            looks, grants = self._arbitrate(m, "write", number, clients)
            offset = Signal(range(lanes), name=f"write_offset{number}")
            content = Signal(8 * lanes, name=f"write_bytes{number}")
            mask = Signal(lanes, name=f"write_mask{number}")
            with m.Switch(looks):
                for n, (port, (from_offset, row)) in enumerate(
                    zip(self._writes, places, strict=True)
                ):
                    granted[n] = granted[n] | grants[n]
                    with m.Case(1 << n):
                        m.d.comb += [
                            bank.write_row.eq(row),
                            offset.eq(from_offset),
                            content.eq(port.request.p.bytes.as_value()),
                            mask.eq(port.request.p.mask),
                        ]
            # What is not enabled may be anything; where logic is slow, that is faster.
            with m.If(mask.any() | self.config.relays):
                # Byte k of the request belongs into lane (offset + k) % lanes.
                m.d.comb += [
                    bank.write_next.eq((1 << offset) - 1),
                    bank.write_bytes.eq((Cat(content, content) << (offset << 3))[8 * lanes :]),
                    bank.write_enable.eq(Mux(grants.any(), (Cat(mask, mask) << offset)[lanes:], 0)),
                    bank.write_parity.eq(_odd(bank.write_bytes)),
                ]
        for n, port in enumerate(self._writes):
            m.d.comb += port.request.ready.eq(granted[n])

    def _connect_readers(self, m, banks, rows):
        lanes = self.config.lanes
        clients, places = [], []
        for port in self._reads:
            offset, row, bank = self._place(port.request, rows)
            clients.append((port.request.valid, bank))
            places.append((offset, row))

        granted = [Const(0)] * len(clients)
        spread = [
            self._rows_apart(m, port, offset)
            for port, (offset, _) in zip(self._reads[: self._spread], places, strict=False)
        ]
        found = []
        for number, bank in enumerate(banks):
            looks, grants = self._arbitrate(m, "read", number, clients)
            offset = Signal(range(lanes), name=f"read_offset{number}")
            with m.Switch(looks):
                for n, (from_offset, row) in enumerate(places):
                    granted[n] = granted[n] | grants[n]
                    with m.Case(1 << n):
                        m.d.comb += [bank.read_row.eq(row), offset.eq(from_offset)]
                        if n < self._spread:
                            far, apart = spread[n]
                            m.d.comb += [bank.read_far.eq(far), bank.read_apart.eq(apart)]
            m.d.comb += [
                bank.read_enable.eq(grants.any()),
                bank.read_next.eq((1 << offset) - 1),
            ]
            found.append(self._turn(m, number, bank, offset))

        for n, port in enumerate(self._reads):
            m.d.comb += port.request.ready.eq(granted[n])
            self._return_data(m, n, port, clients[n][1], found)

    def _rows_apart(self, m, port, offset):
        """How far on each lane reads, and of how many rows that is a multiple."""
        lanes = self.config.lanes
        request = port.request.p
        far = request.far.as_value()
        turned = Signal(2 * lanes)
        # Byte k of the request lies in lane (offset + k) % lanes.
        with m.If(far.any()):
            m.d.comb += turned.eq((Cat(far, far) << (offset << 1))[2 * lanes :])
        return turned, request.apart[exact_log2(lanes) :]

    def _turn(self, m, number, bank, offset):
        """The cycle after a grant: the vector in the row that macro-bank `number` has read.

        Returns its bytes, and which of them are damaged.
        """
        pending = Signal(name=f"bank{number}_pending")
        from_offset = Signal.like(offset, name=f"bank{number}_offset", reset_less=True)
        content = Signal(8 * self.config.lanes, name=f"bank{number}_bytes")
        damaged = Signal(self.config.lanes, name=f"bank{number}_damaged")
        m.d.sync += pending.eq(bank.read_enable)
        with m.If(bank.read_enable):
            m.d.sync += from_offset.eq(offset)
        with m.If(pending):
            wrong = _odd(bank.read_bytes) ^ bank.read_parity
            m.d.comb += [
                content.eq(_turned(bank.read_bytes, from_offset, 8)),
                damaged.eq(_turned(wrong, from_offset, 1)),
            ]
        return content, damaged

    def _return_data(self, m, n, port, bank, found):
        """The cycle after a grant: takes the vector of the macro-bank that was asked."""
        pending = Signal(name=f"read{n}_pending")
        from_bank = Signal.like(bank, name=f"read{n}_from_bank", reset_less=True)
        from_mask = Signal(self.config.lanes, name=f"read{n}_from_mask", reset_less=True)
        m.d.sync += pending.eq(port.request.valid & port.request.ready)
        with m.If(port.request.valid & port.request.ready):
            m.d.sync += [from_bank.eq(bank), from_mask.eq(port.request.p.mask)]

        content = Signal(8 * self.config.lanes, name=f"read{n}_bytes", reset_less=True)
        damaged = Signal(self.config.lanes, name=f"read{n}_damaged", reset_less=True)
        m.d.sync += port.data.valid.eq(pending)
        with m.If(pending), m.Switch(from_bank):
            for number, (vector, wrong) in enumerate(found):
                with m.Case(number):
                    m.d.sync += [content.eq(vector), damaged.eq(wrong & from_mask)]
        m.d.comb += port.data.p.bytes.eq(content)
        with m.If(port.data.valid):
            m.d.comb += port.data.p.damaged.eq(damaged.any())


def _odd(row):
    """For each byte of `row`, whether an odd number of its bits is set."""
    return Cat(row.word_select(lane, 8).xor() for lane in range(len(row) // 8))


def _turned(row, offset, width):
    """`row` of lanes of `width` bits, with lane `offset` first."""
    return (Cat(row, row) >> offset * width)[: len(row)]
