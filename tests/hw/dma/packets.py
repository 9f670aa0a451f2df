"""Packets as testbenches handle them, and the map that is asked for fragments."""

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import cocotb
from amaranth.hdl import Value
from cocotb.triggers import FallingEdge, RisingEdge

from intarsia.bench import StreamSink, StreamSource
from intarsia.common.lookup import LookupRequest, LookupResult
from intarsia.isa.bits import decode, encode
from intarsia.isa.packet import (
    EXTENDED,
    EXTENSION_BYTES,
    HEADER_BYTES,
    LINK_FORMAT,
    PacketHeader,
    PacketKind,
)

__all__ = ["MapServer", "Packet", "PacketSink", "PacketSource"]


@dataclass
class Packet:
    """A packet whose link fields are zero."""

    kind: PacketKind
    length: int = 0
    destination: int = 0
    source: int = 0
    transaction: int = 0
    extension: int = 0
    payload: bytes = field(default=b"", repr=False)

    def beats(self, link_bytes: int) -> list[dict[str, int]]:
        """The beats that it travels as."""
        fields = ("kind", "length", "destination", "source", "transaction")
        header = {name: getattr(self, name) for name in fields} | {"link_format": LINK_FORMAT}
        parts = [encode(PacketHeader, header).to_bytes(HEADER_BYTES, "little")]
        if self.kind in EXTENDED:
            parts.append(self.extension.to_bytes(EXTENSION_BYTES, "little"))
        parts.append(self.payload)
        content = b"".join(part + bytes(-len(part) % link_bytes) for part in parts)
        starts = range(0, len(content), link_bytes)
        return [
            {
                "data": int.from_bytes(content[start : start + link_bytes], "little"),
                "first": start == 0,
                "last": start == starts[-1],
            }
            for start in starts
        ]

    @classmethod
    def parse(cls, beats: list[Any], link_bytes: int) -> "Packet":
        """The packet that came as `beats`, whose filling and link fields must be zero."""
        assert [beat["first"] for beat in beats] == [1] + [0] * (len(beats) - 1)
        assert [beat["last"] for beat in beats] == [0] * (len(beats) - 1) + [1]
        content = b"".join(beat["data"].to_bytes(link_bytes, "little") for beat in beats)
        header = decode(PacketHeader, int.from_bytes(content[:HEADER_BYTES], "little"))
        kind = header["kind"]
        packet = cls(
            kind=kind,
            length=header["length"],
            destination=header["destination"],
            source=header["source"],
            transaction=header["transaction"],
        )
        at = HEADER_BYTES
        if kind in EXTENDED:
            extension = content[at : at + EXTENSION_BYTES]
            packet.extension = int.from_bytes(extension, "little")
            at += -(-EXTENSION_BYTES // link_bytes) * link_bytes
        if kind is not PacketKind.READ:
            packet.payload = content[at : at + packet.length]
        assert packet.beats(link_bytes) == [
            {name: beat[name] for name in ("data", "first", "last")} for beat in beats
        ]
        return packet


class PacketSource:
    """Feeds packets into a stream of beats."""

    def __init__(self, dut, port, link_bytes, *, pause=0.0):
        self.beats = StreamSource(dut, port, pause=pause)
        self._link_bytes = link_bytes

    def send(self, *packets):
        for packet in packets:
            self.beats.send(*packet.beats(self._link_bytes))


class PacketSink:
    """Takes packets from a stream of beats."""

    def __init__(self, dut, port, link_bytes, *, pause=0.0):
        self._stream = StreamSink(dut, port, pause=pause)
        self._link_bytes = link_bytes

    async def receive(self):
        beats = [await self._stream.receive()]
        while not beats[-1]["last"]:
            beats.append(await self._stream.receive())
        return Packet.parse(beats, self._link_bytes)


class MapServer:
    """Answers look-ups on `port`, by (data ID, fragment), some cycles later.

    Entries are taken from `entries`; but what `cached` has goes before, until a look-up is fresh.
    """

    def __init__(self, dut, port, *, pause=0.0):
        request, result = port.request, port.result
        self._request = dut[Value.cast(request.payload).name]
        self._valid, self._ready = dut[request.valid.name], dut[request.ready.name]
        self._result, self._found = dut[Value.cast(result.payload).name], dut[result.valid.name]
        self._clk = dut.clk
        self.pause = pause
        self.entries = {}
        self.cached = {}
        self.asked = 0
        cocotb.start_soon(self._run())

    async def _run(self):
        coming = deque()
        while True:
            ready = random.random() >= self.pause
            self._ready.value = ready
            self._found.value = bool(coming) and random.random() >= self.pause
            if coming:
                self._result.value = coming[0]
            await FallingEdge(self._clk)
            if self._found.value == 1:
                coming.popleft()
            if self._valid.value == 1 and ready:
                key = decode(LookupRequest, self._request.value.to_unsigned())
                name = key["data_id"], key["fragment"]
                if key["fresh"]:
                    self.cached.pop(name, None)
                entry = self.cached.get(name, self.entries.get(name))
                result = (
                    {"hit": 0} if entry is None else {"hit": 1, "replica": entry["node"]} | entry
                )
                coming.append(encode(LookupResult, result))
                self.asked += 1
            await RisingEdge(self._clk)
