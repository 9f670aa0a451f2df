"""What is known of windows that are not complete."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

__all__ = ["PARTIAL", "Partials", "Tap"]

#: What is kept of a window, of each channel: the maximum, or the sum, of some bytes.
PARTIAL = signed(16)


class Tap(data.StructLayout):
    """A vector of the map as a tap of the window that is kept in ``entry``.

    ``first`` and ``last`` mark the taps of a window, ``final`` the last tap of all.
    """

    def __init__(self, lanes, entries):
        super().__init__({
            "bytes": data.ArrayLayout(signed(8), lanes),
            "entry": exact_log2(entries),
            "first": 1,
            "last": 1,
            "final": 1,
        })


class Partials(wiring.Component):
    """Reduces taps of several windows that take turns, one tap per cycle.

    Parameters
    ----------
    lanes : int
    entries : int
        Windows that are kept.

    Members
    -------
    maximum : In(1)
        Keep maxima; else, sums.
    i : In(stream.Signature(Tap(lanes, entries)))
    o : Out(stream.Signature(data.StructLayout(...)))
        ``values`` of a window, in the cycle after its last tap has been taken; and whether that tap
        was ``final``.
    """

    def __init__(self, *, lanes, entries):
        self.lanes = lanes
        self.entries = entries
        self._partials = data.ArrayLayout(PARTIAL, lanes)
        super().__init__({
            "maximum": In(1),
            "i": In(stream.Signature(Tap(lanes, entries))),
            "o": Out(
                stream.Signature(data.StructLayout({"values": self._partials, "final": 1})),
            ),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.kept = kept = memory.Memory(shape=self._partials, depth=self.entries, init=[])
        write = kept.write_port()
        read = kept.read_port(transparent_for=(write,))

        # A tap waits for what is known of its window.
        full = Signal()
        tap = Signal.like(self.i.p, reset_less=True)
        leaves = Signal()
        m.d.comb += [
            leaves.eq(full & (~tap.last | self.o.ready)),
            self.i.ready.eq(~full | leaves),
            read.en.eq(self.i.valid & self.i.ready),
            read.addr.eq(self.i.p.entry),
            write.en.eq(full & ~tap.last),
            write.addr.eq(tap.entry),
            write.data.eq(self.o.p.values),
            self.o.valid.eq(full & tap.last),
            self.o.p.final.eq(tap.final),
        ]
        with m.If(read.en):
            m.d.sync += [tap.eq(self.i.p), full.eq(1)]
        with m.Elif(leaves):
            m.d.sync += full.eq(0)

        with m.If(full):
            for value, known, byte in zip(self.o.p.values, read.data, tap.bytes, strict=True):
                with m.If(tap.first):
                    m.d.comb += value.eq(byte)
                with m.Elif(~self.maximum):
                    m.d.comb += value.eq(known + byte)
                with m.Else():
                    m.d.comb += value.eq(Mux(byte > known[:8].as_signed(), byte, known))
        return m
