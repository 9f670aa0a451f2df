"""Rows of memory to dense beats."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryRead
from intarsia.dma.pieces import Pieces, Span

__all__ = ["Gather"]

#: Beats asked for and not yet passed on, at most.
DEPTH = 8

#: Cycles from a request that was accepted to its data.
LATENCY = 2


class Gather(wiring.Component):
    """Reads spans of memory, and passes them on as dense beats; the last one is zero filled.

    Reads up to a few beats ahead. As long as these are taken and the memory grants every request,
    one beat comes per cycle, and one cycle is lost for each row that begins within a beat.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    span : In(stream.Signature(Span))
    read : Out(MemoryRead(lanes))
    beat : Out(stream.Signature(8 * link_bytes))
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "span": In(stream.Signature(Span)),
            "read": Out(MemoryRead(config.lanes)),
            "beat": Out(stream.Signature(8 * config.link_bytes)),
        })

    def elaborate(self, platform):
        m = Module()
        beat_bytes = self.config.link_bytes

        m.submodules.pieces = pieces = Pieces(config=self.config)
        m.submodules.beats = beats = fifo.SyncFIFO(width=8 * beat_bytes, depth=DEPTH)
        wiring.connect(m, wiring.flipped(self.span), pieces.span)
        piece = pieces.piece

        # A piece is asked for only if there is room for the beat that it belongs to.
        coming = Signal(range(DEPTH + 1))
        room = Signal()
        asks = Signal()
        m.d.comb += [
            room.eq(coming != DEPTH),
            self.read.request.valid.eq(piece.valid & room),
            self.read.request.p.address.eq(piece.p.address),
            self.read.request.p.mask.eq(piece.p.mask),
            self.read.request.p.context.eq(piece.p.context),
            piece.ready.eq(self.read.request.ready & room),
            asks.eq(piece.valid & piece.ready & piece.p.beat_ends),
        ]

        # What was asked for, until its data come.
        asked = Signal(
            data.ArrayLayout(data.StructLayout({"mask": beat_bytes, "ends": 1}), LATENCY)
        )
        m.d.sync += [
            asked[0].mask.eq(piece.p.mask),
            asked[0].ends.eq(asks),
            *(later.eq(sooner) for sooner, later in zip(asked, list(asked)[1:], strict=False)),
        ]
        came = asked[LATENCY - 1]

        pending = Signal(8 * beat_bytes)
        merged = Signal.like(pending)
        with m.If(self.read.data.valid):
            m.d.comb += merged.eq(
                pending
                | Cat(
                    Mux(came.mask[lane], self.read.data.p.bytes[lane], 0)
                    for lane in range(beat_bytes)
                )
            )
            m.d.sync += pending.eq(Mux(came.ends, 0, merged))

        m.d.comb += [
            beats.w_data.eq(merged),
            beats.w_en.eq(self.read.data.valid & came.ends),
            self.beat.p.eq(beats.r_data),
            self.beat.valid.eq(beats.r_rdy),
            beats.r_en.eq(self.beat.ready),
        ]
        taken = Signal()
        m.d.comb += taken.eq(self.beat.valid & self.beat.ready)
        with m.If(asks & ~taken):
            m.d.sync += coming.eq(coming + 1)
        with m.If(taken & ~asks):
            m.d.sync += coming.eq(coming - 1)

        return m
