"""A chip's memory, as its clients see it through their ports."""

import random
from collections.abc import Sequence
from typing import Any

import cocotb
from amaranth.hdl import Value
from amaranth.lib import stream
from cocotb.triggers import FallingEdge, RisingEdge

__all__ = ["MemoryServer"]

#: What the bits of bytes that a request leaves out are inverted by: nobody may rely on them.
NOISE = 0x5A


class MemoryServer:
    """Serves `reads` and `writes`: MemoryRead and MemoryWrite ports of the component in `dut`.

    Each port is granted in each cycle with probability ``1 - pause``, whatever the others do. Reads
    come two cycles after the grant, and see the writes granted in earlier cycles. Bytes that a
    request leaves out come back wrong. A request that changes before it is granted, or lies
    outside of the memory, is an assertion failure.

    Parameters
    ----------
    size : int
        Bytes of memory.
    banks : int
        Macro-banks that it consists of.
    pause : float
        Probability that a port isn't granted.

    Members
    -------
    bytes : bytearray
        Contents; may be changed at any time.
    damaged : set of int
        Addresses of bytes with a parity error.
    """

    def __init__(
        self,
        dut: Any,
        *,
        size: int,
        banks: int,
        reads: Sequence[Any] = (),
        writes: Sequence[Any] = (),
        pause: float = 0.0,
    ) -> None:
        self.bytes = bytearray(size)
        self.damaged: set[int] = set()
        self._bank_bytes = size // banks
        self._pause = pause
        self._clk = dut.clk
        self._reads = [_ReadPort(dut, port) for port in reads]
        self._writes = [_WritePort(dut, port.request) for port in writes]
        cocotb.start_soon(self._run())

    def load(self, address: int, content: bytes) -> None:
        """Put `content` into the memory. It must not cross the end of a macro-bank."""
        self._check(address, len(content))
        self.bytes[address : address + len(content)] = content

    def dump(self, address: int, count: int) -> bytes:
        """`count` bytes of the memory, which must not cross the end of a macro-bank."""
        self._check(address, count)
        return bytes(self.bytes[address : address + count])

    def _check(self, address: int, count: int) -> None:
        last = address + max(count, 1) - 1
        assert address >= 0 and last < len(self.bytes), f"{address:#x} + {count} leaves the memory"
        assert address // self._bank_bytes == last // self._bank_bytes, (
            f"{address:#x} + {count} crosses the end of a macro-bank"
        )

    async def _run(self) -> None:
        while True:
            for port in self._reads:
                port.show()
            for port in (*self._reads, *self._writes):
                port.grant(random.random() >= self._pause)
            await FallingEdge(self._clk)
            for port in self._reads:
                port.take(self)
            for port in self._writes:
                port.take(self)
            await RisingEdge(self._clk)

    def read(
        self, address: int, mask: int, lanes: int, steps: Sequence[int] | None = None
    ) -> tuple[int, bool]:
        """Vector at `address`, byte 0 lowest, and whether a byte of `mask` is damaged.

        Byte n is the one ``steps[n]`` bytes further on in its macro-bank.
        """
        places = self._places(address, lanes)
        if steps is not None:
            base = address - address % self._bank_bytes
            places = [
                base + (place - base + step) % self._bank_bytes
                for place, step in zip(places, steps, strict=True)
            ]
        if mask + 1 == 1 << lanes and isinstance(places, range):
            whole = int.from_bytes(self.bytes[places.start : places.stop], "little")
            return whole, not self.damaged.isdisjoint(places)
        vector = 0
        damaged = False
        for lane, place in enumerate(places):
            used = mask >> lane & 1
            damaged |= bool(used) and place in self.damaged
            vector |= (self.bytes[place] ^ (0 if used else NOISE)) << 8 * lane
        return vector, damaged

    def write(self, address: int, mask: int, vector: int, lanes: int) -> None:
        """Store the bytes of `vector` that `mask` names; their parity is good from then on."""
        for lane, place in enumerate(self._places(address, lanes)):
            if mask >> lane & 1:
                self.bytes[place] = vector >> 8 * lane & 0xFF
                self.damaged.discard(place)

    def _places(self, address: int, lanes: int) -> Sequence[int]:
        """Addresses of the bytes of a vector: beyond the end of the macro-bank, it wraps."""
        assert address < len(self.bytes), f"{address:#x} is outside of the memory"
        base = address - address % self._bank_bytes
        end = base + self._bank_bytes
        if address + lanes <= end:
            return range(address, address + lanes)
        return [*range(address, end), *range(base, base + lanes - (end - address))]


class _Port:
    """Request stream of a port."""

    def __init__(self, dut: Any, request: stream.Interface) -> None:
        signals: Any = (Value.cast(request.payload), request.valid, request.ready)
        self._payload, self._valid, self._ready = (dut[signal.name] for signal in signals)
        layout: Any = request.payload.shape()
        self._fields = {name: (field.offset, (1 << field.width) - 1) for name, field in layout}
        self._granted = False
        self._refused: int | None = None
        self.lanes = layout["mask"].width
        self._ready.value = 0

    def grant(self, granted: bool) -> None:
        """Decide about this cycle."""
        if granted != self._granted:
            self._ready.value = granted
            self._granted = granted

    def accepted(self) -> dict[str, int] | None:
        """Fields of the request that is accepted in this cycle, if one is."""
        bits = None
        if self._valid.value == 1:
            bits = self._payload.value.to_unsigned()
        assert self._refused in (None, bits), f"{self._payload._name} changed before its grant"
        self._refused = None if self._granted else bits
        if bits is None or not self._granted:
            return None
        return {name: bits >> offset & mask for name, (offset, mask) in self._fields.items()}


class _ReadPort(_Port):
    """Far end of a MemoryRead port."""

    def __init__(self, dut: Any, port: Any) -> None:
        super().__init__(dut, port.request)
        payload: Any = Value.cast(port.data.payload)
        self._data = dut[payload.name]
        self._data_valid = dut[port.data.valid.name]
        layout: Any = port.data.payload.shape()
        self._bytes_offset = layout["bytes"].offset
        self._damaged_offset = layout["damaged"].offset
        self._data_valid.value = 0
        self._shown = False
        #: What the next cycle, and the one after it, will show.
        self._coming: list[int | None] = [None, None]

    def show(self) -> None:
        """Drive the data of the request accepted two cycles ago."""
        bits = self._coming.pop(0)
        if bits is not None:
            self._data.value = bits
        if self._shown != (bits is not None):
            self._shown = bits is not None
            self._data_valid.value = self._shown

    def _steps(self, request: dict[str, int]) -> list[int] | None:
        """By how many bytes each lane is further on, where some are."""
        if not (far := request.get("far")):
            return None
        assert request["apart"] % self.lanes == 0, "bytes of a vector lie in the same bank"
        return [(far >> 2 * lane & 3) * request["apart"] for lane in range(self.lanes)]

    def take(self, memory: MemoryServer) -> None:
        """Look at the request of this cycle."""
        bits = None
        if (request := self.accepted()) is not None:
            vector, damaged = memory.read(
                request["address"], request["mask"], self.lanes, self._steps(request)
            )
            bits = vector << self._bytes_offset | damaged << self._damaged_offset
        self._coming.append(bits)


class _WritePort(_Port):
    """Far end of a MemoryWrite port."""

    def take(self, memory: MemoryServer) -> None:
        """Look at the request of this cycle."""
        if (request := self.accepted()) is not None:
            memory.write(request["address"], request["mask"], request["bytes"], self.lanes)
