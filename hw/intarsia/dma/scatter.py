"""Dense beats to rows of memory."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryWrite
from intarsia.dma.pieces import Pieces, Span

__all__ = ["Scatter"]


class Scatter(wiring.Component):
    """Writes dense beats to spans of memory.

    As long as the memory grants every request, one beat is taken per cycle, and one cycle is lost
    for each row that begins within a beat. Beats of a span are taken from the cycle after it was
    accepted on.

    Parameters
    ----------
    config : ChipConfig
    rows : bool
        See :class:`~intarsia.dma.pieces.Pieces`.

    Members
    -------
    span : In(stream.Signature(Span))
    beat : In(stream.Signature(8 * link_bytes))
    void : In(1)
        The beat is taken, but not written.
    write : Out(MemoryWrite(lanes))
    done : Out(1)
        The last write of a span is accepted in this cycle.
    """

    def __init__(self, *, config, rows=True):
        self.config = config
        self.rows = rows
        super().__init__({
            "span": In(stream.Signature(Span)),
            "beat": In(stream.Signature(8 * config.link_bytes)),
            "void": In(1),
            "write": Out(MemoryWrite(config.lanes)),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.pieces = pieces = Pieces(config=self.config, rows=self.rows)
        wiring.connect(m, wiring.flipped(self.span), pieces.span)
        piece = pieces.piece

        # One write waits for its grant.
        full = Signal()
        ends = Signal()
        request = Signal.like(self.write.request.p, reset_less=True)
        free = Signal()
        m.d.comb += [
            self.write.request.valid.eq(full),
            self.write.request.p.eq(request),
            self.done.eq(full & ends & self.write.request.ready),
            free.eq(~full | self.write.request.ready),
            piece.ready.eq(self.beat.valid & free),
            self.beat.ready.eq(piece.valid & piece.p.beat_ends & free),
        ]
        with m.If(free):
            m.d.sync += full.eq(piece.valid & self.beat.valid)
            with m.If(piece.valid & self.beat.valid):
                m.d.sync += [
                    ends.eq(piece.p.span_ends),
                    request.address.eq(piece.p.address),
                    request.mask.eq(Mux(self.void, 0, piece.p.mask)),
                    request.bytes.eq(self.beat.p),
                ]

        return m
