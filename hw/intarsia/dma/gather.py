"""Rows of memory to dense beats."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryRead
from intarsia.dma.pieces import Pieces, Span
from intarsia.isa.address import CONTEXT, LOCAL

__all__ = ["Damage", "Gather"]

#: Beats asked for and not yet passed on, at most.
DEPTH = 8

#: Cycles from a request that was accepted to its data.
LATENCY = 2


class Damage(data.Struct):
    """A vector with a parity error."""

    address: LOCAL
    """Where it lies."""

    context: CONTEXT
    """Context that it was read for."""


class Gather(wiring.Component):
    """Reads spans of memory, and passes them on as dense beats; the last one is zero filled.

    Reads up to a few beats ahead. As long as these are taken and the memory grants every request,
    one beat comes per cycle, and one cycle is lost for each row that begins within a beat.

    Damaged bytes are passed on like others: a packet that has begun can't be taken back. They are
    reported as soon as they are read, before the last beat of their span has left; if `eager`, a
    cycle after it at the latest.

    Parameters
    ----------
    config : ChipConfig
    rows : bool
        See :class:`~intarsia.dma.pieces.Pieces`.
    eager : bool
        A beat comes with the data of its last piece, if none waits, rather than a cycle later.

    Members
    -------
    span : In(stream.Signature(Span))
    read : Out(MemoryRead(lanes))
    beat : Out(stream.Signature(8 * link_bytes))
    damage : Out(stream.Signature(Damage))
        The first damaged vector since the last report was taken.
    spoiled : Out(1)
        With a beat: some of its bytes are damaged.
    reading : Out(1)
        There are bytes of a span that the memory was not asked for yet.
    empty : Out(1)
        There are none, nor beats that were not taken yet.
    """

    def __init__(self, *, config, rows=True, eager=False):
        self.config = config
        self.rows = rows
        self.eager = eager
        super().__init__({
            "span": In(stream.Signature(Span)),
            "read": Out(MemoryRead(config.lanes)),
            "beat": Out(stream.Signature(8 * config.link_bytes)),
            "damage": Out(stream.Signature(Damage)),
            "spoiled": Out(1),
            "reading": Out(1),
            "empty": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        beat_bytes = self.config.link_bytes

        m.submodules.pieces = pieces = Pieces(config=self.config, rows=self.rows)
        m.submodules.beats = beats = fifo.SyncFIFO(width=8 * beat_bytes + 1, depth=DEPTH)
        wiring.connect(m, wiring.flipped(self.span), pieces.span)
        piece = pieces.piece

        # A piece is asked for only if there is room for the beat that it belongs to.
        coming = Signal(range(DEPTH + 1))
        room = Signal()
        asks = Signal()
        m.d.comb += [
            room.eq(coming != DEPTH),
            self.reading.eq(piece.valid),
            self.empty.eq(~piece.valid & (coming == 0)),
            self.read.request.valid.eq(piece.valid & room),
            self.read.request.p.address.eq(piece.p.address),
            self.read.request.p.mask.eq(piece.p.mask),
            self.read.request.p.context.eq(piece.p.context),
            piece.ready.eq(self.read.request.ready & room),
            asks.eq(piece.valid & piece.ready & piece.p.beat_ends),
        ]

        # What was asked for, until its data come.
        asked_layout = data.StructLayout({"mask": beat_bytes, "ends": 1, "damage": Damage})
        asked = Signal(data.ArrayLayout(asked_layout, LATENCY))
        with m.If(piece.valid):
            m.d.sync += [
                asked[0].mask.eq(piece.p.mask),
                asked[0].ends.eq(piece.p.beat_ends),
                asked[0].damage.address.eq(piece.p.address),
                asked[0].damage.context.eq(piece.p.context),
            ]
        m.d.sync += [asked[n].eq(asked[n - 1]) for n in range(1, LATENCY)]
        came = asked[LATENCY - 1]

        with m.If(self.damage.ready):
            m.d.sync += self.damage.valid.eq(0)
        with m.If(self.read.data.valid & self.read.data.p.damaged & ~self.damage.valid):
            m.d.sync += [self.damage.valid.eq(1), self.damage.p.eq(came.damage)]

        pending = Signal(8 * beat_bytes + 1)  # the last bit: damaged
        merged = Signal.like(pending)
        with m.If(self.read.data.valid):
            m.d.comb += merged.eq(
                pending
                | Cat(
                    *(
                        Mux(came.mask[lane], self.read.data.p.bytes[lane], 0)
                        for lane in range(beat_bytes)
                    ),
                    self.read.data.p.damaged,
                )
            )
            m.d.sync += pending.eq(Mux(came.ends, 0, merged))

        comes = Signal()
        passes = Signal()
        m.d.comb += [
            comes.eq(self.read.data.valid & came.ends),
            passes.eq(comes & ~beats.r_rdy if self.eager else 0),
            beats.w_data.eq(merged),
            beats.w_en.eq(comes & ~(passes & self.beat.ready)),
            Cat(self.beat.p, self.spoiled).eq(Mux(passes, merged, beats.r_data)),
            self.beat.valid.eq(beats.r_rdy | passes),
            beats.r_en.eq(self.beat.ready),
        ]
        taken = Signal()
        m.d.comb += taken.eq(self.beat.valid & self.beat.ready)
        with m.If(asks & ~taken):
            m.d.sync += coming.eq(coming + 1)
        with m.If(taken & ~asks):
            m.d.sync += coming.eq(coming - 1)

        return m
