"""Packets as lists of beats, for testbenches."""

import zlib

from intarsia.isa.bits import decode, encode
from intarsia.isa.packet import (
    EXTENDED,
    EXTENSION_BYTES,
    HEADER_BYTES,
    LINK_FORMAT,
    PacketHeader,
    PacketKind,
    beats,
)

#: Bits of a header that belong to the link.
LINK_FIELDS = sum(
    (1 << field.width) - 1 << field.offset
    for name, field in PacketHeader.as_shape()
    if name in ("crc", "sequence", "acknowledge", "credit_class", "credits", "epoch", "link_format")
)


def make(rng, kind, length, link_bytes, **fields):
    """Beats of a packet with random content."""
    header = {
        "destination": 5,
        "source": 9,
        "transaction": rng.getrandbits(16),
        "kind": kind,
        "length": length,
        "link_format": LINK_FORMAT,
    } | fields
    content = encode(PacketHeader, header).to_bytes(HEADER_BYTES, "little")
    if kind in EXTENDED:
        content += rng.randbytes(EXTENSION_BYTES)
        content += bytes(-len(content) % link_bytes)
    if kind is not PacketKind.READ:
        content += rng.randbytes(length)
    content += bytes(-len(content) % link_bytes)
    made = cut(content, link_bytes)
    assert len(made) == beats(kind, length, link_bytes)
    return made


def cut(content, link_bytes):
    """`content` as the beats of one packet."""
    starts = range(0, len(content), link_bytes)
    return [
        {
            "data": int.from_bytes(content[start : start + link_bytes], "little"),
            "first": start == 0,
            "last": start == starts[-1],
        }
        for start in starts
    ]


def joined(beats_, link_bytes):
    """Bytes of a packet."""
    return b"".join(beat["data"].to_bytes(link_bytes, "little") for beat in beats_)


def sealed(beats_, link_bytes, **fields):
    """The packet with header `fields` and its CRC put in. A field's value need not be valid."""
    content = bytearray(joined(beats_, link_bytes))
    header = int.from_bytes(content[:HEADER_BYTES], "little")
    for name, value in ({"crc": 0} | fields).items():
        field = PacketHeader.as_shape()[name]
        header &= ~((1 << field.width) - 1 << field.offset)
        header |= value << field.offset
    content[:HEADER_BYTES] = header.to_bytes(HEADER_BYTES, "little")
    header |= zlib.crc32(content) << PacketHeader.as_shape()["crc"].offset
    content[:HEADER_BYTES] = header.to_bytes(HEADER_BYTES, "little")
    return cut(bytes(content), link_bytes)


def opened(beats_, link_bytes):
    """Header of a packet from a link, whose CRC must be good."""
    content = bytearray(joined(beats_, link_bytes))
    bits = int.from_bytes(content[:HEADER_BYTES], "little")
    header = decode(PacketHeader, bits)
    offset = PacketHeader.as_shape()["crc"].offset
    bits &= ~(0xFFFFFFFF << offset)
    content[:HEADER_BYTES] = bits.to_bytes(HEADER_BYTES, "little")
    assert header["crc"] == zlib.crc32(content)
    return header


def essence(beats_, link_bytes):
    """What must come through: all bytes but the link's fields, and the marks."""
    content = sum(beat["data"] << 8 * link_bytes * n for n, beat in enumerate(beats_))
    marks = [(bool(beat["first"]), bool(beat["last"])) for beat in beats_]
    return content & ~LINK_FIELDS, marks
