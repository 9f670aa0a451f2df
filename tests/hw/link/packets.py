"""Packets as lists of beats, for testbenches."""

from intarsia.isa.bits import encode
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
    count = len(content) // link_bytes
    assert count == beats(kind, length, link_bytes)
    return [
        {
            "data": int.from_bytes(content[n * link_bytes : (n + 1) * link_bytes], "little"),
            "first": n == 0,
            "last": n == count - 1,
        }
        for n in range(count)
    ]


def essence(beats_, link_bytes):
    """What must come through: all bytes but the link's fields, and the marks."""
    content = sum(beat["data"] << 8 * link_bytes * n for n, beat in enumerate(beats_))
    marks = [(bool(beat["first"]), bool(beat["last"])) for beat in beats_]
    return content & ~LINK_FIELDS, marks
