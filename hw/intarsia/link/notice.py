"""Beats of notices, whose CRC is a sum of what each of their bits adds to it."""

import zlib
from functools import reduce
from operator import xor

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.packet import HEADER_BYTES, PacketHeader, PacketKind
from intarsia.link.geometry import Geometry

__all__ = ["Notice"]


class Notice(wiring.Component):
    """A notice, made in the cycle in which it is sent: so it never says what is no longer true.

    The CRC is affine in the few bits that differ from one notice to the next.

    Parameters
    ----------
    link_bytes : int
        4 or 16.

    Members
    -------
    wanted : In(1)
        A beat is asked for.
    index : In(geometry.index)
        Which one.
    kind, sequence, acknowledge, seen, epoch : In(5), In(8), In(8), In(4), In(4)
        Fields of the header; `seen` is the one called credits. They must not change from the first
        beat to the last.
    word : Out(8 * link_bytes)
        That beat; zero, where none is asked for.
    """

    def __init__(self, *, link_bytes):
        self.geometry = Geometry(link_bytes)
        super().__init__({
            "wanted": In(1),
            "index": In(self.geometry.index),
            "kind": In(PacketKind),
            "sequence": In(8),
            "acknowledge": In(8),
            "seen": In(4),
            "epoch": In(4),
            "word": Out(8 * link_bytes),
        })

    def elaborate(self, platform):
        m = Module()
        layout = PacketHeader.as_shape()
        width = 8 * self.geometry.link_bytes

        # All notices are of class CONTROL, of a format, and have bit 2 of their kind set.
        fields = {
            "kind": Cat(self.kind.as_value()[:2], Const(0b111, 3)),
            "link_format": Const(self.geometry.format, 4),
            "sequence": self.sequence,
            "acknowledge": self.acknowledge,
            "credits": self.seen,
            "epoch": self.epoch,
        }
        bits = {}
        for name, value in fields.items():
            bits |= {layout[name].offset + n: bit for n, bit in enumerate(value)}
        effects = [
            Mux(bit, Const(_crc(1 << place) ^ _crc(0), 32), 0) for place, bit in bits.items()
        ]
        crc = Signal(32)
        bits |= {layout["crc"].offset + n: bit for n, bit in enumerate(crc)}

        header = Cat(bits.get(place, Const(0, 1)) for place in range(8 * HEADER_BYTES))
        with m.If(self.wanted):
            m.d.comb += [
                crc.eq(_crc(0) ^ reduce(xor, effects)),
                self.word.eq(header.word_select(self.index, width)),
            ]

        return m


def _crc(header):
    return zlib.crc32(header.to_bytes(HEADER_BYTES, "little"))
