"""Where the bytes of dense beats lie in a memory that holds them in rows."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.isa.address import CONTEXT, LOCAL

__all__ = ["Piece", "Pieces", "Span"]


class Span(data.Struct):
    """Consecutive bytes of a transfer, as many as a packet carries."""

    address: LOCAL
    """Where the first byte lies."""

    left: LOCAL
    """Bytes from there to the end of its row, not zero."""

    row_bytes: LOCAL
    """Bytes of each further row."""

    gap: LOCAL
    """From the end of a row to the start of the next, modulo 2^24."""

    length: 11
    """Bytes in all, not zero."""

    context: CONTEXT
    """Context whose memory it is."""


class Piece(data.StructLayout):
    """Bytes of one beat that lie next to each other.

    Byte *n* of the beat lies at ``address + n``, within a macro-bank, where bit *n* of ``mask`` is
    set. No rotation is left to be done.
    """

    def __init__(self, link_bytes):
        super().__init__({
            "address": LOCAL,
            "mask": link_bytes,
            "context": CONTEXT,
            "beat_ends": 1,
            "span_ends": 1,
        })


class Pieces(wiring.Component):
    """Cuts spans into pieces, one per cycle, without a gap from span to span.

    A beat takes one piece, and one more for each row that begins within it. The last beat of a span
    may be filled in part only; each span begins with a new beat.

    Parameters
    ----------
    config : ChipConfig
    rows : bool
        Whether spans may have more than one row. If not, only their address, length and context
        count.

    Members
    -------
    span : In(stream.Signature(Span))
        Accepted with the last piece of the one before.
    piece : Out(stream.Signature(Piece(link_bytes)))
    """

    def __init__(self, *, config, rows=True):
        self.config = config
        self.rows = rows
        super().__init__({
            "span": In(stream.Signature(Span)),
            "piece": Out(stream.Signature(Piece(config.link_bytes))),
        })

    def elaborate(self, platform):
        m = Module()
        beat_bytes = self.config.link_bytes
        bank = exact_log2(self.config.bank_bytes)
        count = range(beat_bytes + 1)

        active = Signal()
        span = Signal(Span, reset_less=True)
        position = Signal(range(beat_bytes))

        # Bytes that are left of the row, of the span and of the beat: the fewest are taken.
        span_left = Signal(count)
        beat_left = Signal(count)
        limit = Signal(count)
        taken = Signal(count)
        m.d.comb += [
            span_left.eq(Mux(span.length > beat_bytes, beat_bytes, span.length)),
            beat_left.eq(beat_bytes - position),
            limit.eq(Mux(span_left < beat_left, span_left, beat_left)),
        ]
        if self.rows:
            row_left = Signal(count)
            row_ends = Signal()
            m.d.comb += [
                row_left.eq(Mux(span.left > beat_bytes, beat_bytes, span.left)),
                taken.eq(Mux(row_left < limit, row_left, limit)),
                row_ends.eq(span.left == taken),
            ]
        else:
            m.d.comb += taken.eq(limit)

        # The address of byte 0 of the beat may wrap around, but stays in its macro-bank.
        piece = self.piece.p
        m.d.comb += [
            self.piece.valid.eq(active),
            piece.address.eq(Cat((span.address - position)[:bank], span.address[bank:])),
            piece.mask.eq(((1 << taken) - 1) << position),
            piece.context.eq(span.context),
            piece.span_ends.eq(span.length == taken),
            piece.beat_ends.eq(piece.span_ends | (beat_left == taken)),
        ]

        with m.If(self.piece.valid & self.piece.ready):
            step = taken + Mux(row_ends, span.gap, 0) if self.rows else taken
            m.d.sync += [
                span.address.eq(span.address + step),
                span.length.eq(span.length - taken),
                position.eq(Mux(piece.beat_ends, 0, position + taken)),
            ]
            if self.rows:
                m.d.sync += span.left.eq(Mux(row_ends, span.row_bytes, span.left - taken))
        m.d.comb += self.span.ready.eq(~active | (self.piece.ready & piece.span_ends))
        with m.If(self.span.ready):
            m.d.sync += active.eq(self.span.valid)
            with m.If(self.span.valid):
                m.d.sync += span.eq(self.span.p)

        return m
