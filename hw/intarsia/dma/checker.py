"""Checksums of what arrives."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.crc import CRC32C, Crc32
from intarsia.dma.transactions import IN_FLIGHT, PLACE
from intarsia.isa.fragment import CHECKED_UNIT

__all__ = ["Checker", "Note"]


class Note(data.Struct):
    """What is known of the reply to a request before it comes."""

    place: PLACE
    """Of the request."""

    checks: 1
    """It brings all of a fragment that has this"""

    checksum: 32
    """checksum."""


class _Row(data.Struct):
    """What is remembered of a note."""

    checks: 1
    checksum: 32


class Checker(wiring.Component):
    """Compares replies that bring all of a fragment with its checksum.

    Takes a beat a cycle. After the last one, it takes cycles to fill it up with zeros, if the bytes
    of the fragment are no multiple of CHECKED_UNIT: as many as there are beats to that. Of other
    replies nothing is computed.

    Parameters
    ----------
    link_bytes : int

    Members
    -------
    note : In(stream.Signature(Note, always_ready=True))
        For each request that is sent, before that.
    begin : In(1)
        A reply begins; its payload comes later.
    place : In(PLACE)
        From the next cycle on: of its request.
    beat : In(stream.Signature(8 * link_bytes, always_ready=True))
        Its payload, the last beat filled up with zeros.
    ends : In(1)
        All of it has come. Held until `settled`.
    settled : Out(1)
        It has been looked at.
    wrong : Out(1)
        With `settled`: it is not what the checksum says.
    """

    def __init__(self, *, link_bytes):
        self.link_bytes = link_bytes
        super().__init__({
            "note": In(stream.Signature(Note, always_ready=True)),
            "begin": In(1),
            "place": In(PLACE),
            "beat": In(stream.Signature(8 * link_bytes, always_ready=True)),
            "ends": In(1),
            "settled": Out(1),
            "wrong": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.notes = notes = memory.Memory(shape=_Row, depth=IN_FLIGHT, init=[])
        m.submodules.crc = crc = Crc32(width=8 * self.link_bytes, algorithm=CRC32C)
        write, read = notes.write_port(), notes.read_port(domain="comb")
        row = read.data
        m.d.comb += [
            write.addr.eq(self.note.p.place),
            write.data.checks.eq(self.note.p.checks),
            write.data.checksum.eq(self.note.p.checksum),
            write.en.eq(self.note.valid),
            read.addr.eq(self.place),
        ]

        beats = CHECKED_UNIT // self.link_bytes
        filling = Signal()
        if beats > 1:
            count = Signal(range(beats))
            m.d.comb += filling.eq(self.ends & row.checks & (count != 0))
            with m.If(self.begin):
                m.d.sync += count.eq(0)
            with m.Elif(self.beat.valid | filling):
                m.d.sync += count.eq(count + 1)
        m.d.comb += [
            crc.start.eq(self.begin),
            crc.valid.eq((self.beat.valid & row.checks) | filling),
            crc.word.eq(Mux(filling, 0, self.beat.p)),
            self.settled.eq(self.ends & ~filling),
            self.wrong.eq(row.checks & (crc.crc != row.checksum)),
        ]
        return m
