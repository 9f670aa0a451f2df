"""A link over a few pins of boards that have no clock in common."""

from amaranth import *
from amaranth.lib import cdc, data, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from intarsia.link.geometry import Geometry
from intarsia.link.port import LinkPins

__all__ = ["WirePins", "WireReceiver", "WireTransmitter"]

#: Cycles per symbol. The strobe changes in the middle of it, so that data are still for two cycles
#: before and after, whatever the other clock makes of that.
PACE = 4

#: Symbols without a change of the strobe that end a packet, as the receiver counts; the transmitter
#: lets two more pass.
SILENCE = 4


class WirePins(wiring.Signature):
    """Pins of one direction, seen from the sender.

    Parameters
    ----------
    lanes : int

    Members
    -------
    strobe : Out(1)
        Changes once for each symbol.
    data : Out(lanes)
        The symbol: bits of a beat, lower ones first.
    """

    def __init__(self, lanes):
        self.lanes = lanes
        super().__init__({"strobe": Out(1), "data": Out(lanes)})

    def __eq__(self, other):
        return isinstance(other, WirePins) and self.lanes == other.lanes

    def __repr__(self):
        return f"WirePins({self.lanes})"


class StoredBeat(data.StructLayout):
    """A beat in a buffer; `edge` is the first or last one of a packet."""

    def __init__(self, link_bytes):
        super().__init__({"data": 8 * link_bytes, "edge": 1})


class WireTransmitter(wiring.Component):
    """Sends the beats of a link as symbols. A packet is what has no silence within.

    Packets come faster than they can leave. A packet that finds no room for the longest one is
    dropped as a whole; the link's ports send it again. There is room for all that a port sends
    before it waits for acknowledgements.

    Parameters
    ----------
    link_bytes : int
    lanes : int
        Bits of a symbol; a divisor of the bits of a beat.

    Members
    -------
    link : In(LinkPins(link_bytes))
    pins : Out(WirePins(lanes))
    """

    def __init__(self, *, link_bytes, lanes):
        self.geometry = Geometry(link_bytes)
        self.symbols = _symbols(link_bytes, lanes)
        super().__init__({"link": In(LinkPins(link_bytes)), "pins": Out(WirePins(lanes))})

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        lanes = self.pins.signature.lanes
        beat = StoredBeat(geometry.link_bytes)
        depth = 2 * geometry.ring
        m.submodules.beats = beats = SyncFIFOBuffered(width=beat.size, depth=depth)

        fits = Signal()
        keeps = Signal()
        kept = Signal()
        link = self.link
        m.d.comb += [
            fits.eq(beats.w_level <= depth - geometry.longest),
            keeps.eq(Mux(link.start, fits, kept)),
            beats.w_en.eq(link.valid & keeps),
            beats.w_data.eq(Cat(link.data, link.start)),
        ]
        with m.If(link.valid):
            m.d.sync += kept.eq(keeps)

        head = Signal(beat)
        left = Signal(8 * geometry.link_bytes, reset_less=True)
        symbols = Signal(range(self.symbols))
        phase = Signal(range(PACE))
        ticks = Signal()
        quiet = Signal(range(SILENCE + 2))
        m.d.comb += [
            head.eq(beats.r_data),
            ticks.eq(phase == PACE - 1),
            self.pins.data.eq(left),
        ]

        def load():
            """Send the beat at the head."""
            m.d.comb += beats.r_en.eq(1)
            m.d.sync += [left.eq(head.data), symbols.eq(self.symbols - 1)]

        m.d.sync += phase.eq(Mux(ticks, 0, phase + 1))
        with m.FSM():
            with m.State("SILENCE"):
                with m.If(ticks & (quiet != SILENCE + 1)):
                    m.d.sync += quiet.eq(quiet + 1)
                with m.Elif(ticks & beats.r_rdy):
                    load()
                    m.next = "BEAT"
            with m.State("BEAT"):
                with m.If(phase == PACE // 2 - 1):
                    m.d.sync += self.pins.strobe.eq(~self.pins.strobe)
                with m.If(ticks):
                    m.d.sync += [left.eq(left >> lanes), symbols.eq(symbols - 1)]
                    with m.If(symbols == 0):
                        with m.If(beats.r_rdy & ~head.edge):
                            load()
                        with m.Else():
                            m.d.sync += quiet.eq(0)
                            m.next = "SILENCE"
        return m


class WireReceiver(wiring.Component):
    """Receives what a :class:`WireTransmitter` sends.

    A packet leaves, without a gap, once the silence after it is heard. What comes over the pins
    damaged leaves damaged, or not at all; packets have a CRC.

    Parameters
    ----------
    link_bytes : int
    lanes : int

    Members
    -------
    pins : In(WirePins(lanes))
    link : Out(LinkPins(link_bytes))
    """

    def __init__(self, *, link_bytes, lanes):
        self.geometry = Geometry(link_bytes)
        self.symbols = _symbols(link_bytes, lanes)
        super().__init__({"pins": In(WirePins(lanes)), "link": Out(LinkPins(link_bytes))})

    def elaborate(self, platform):
        m = Module()
        geometry = self.geometry
        beat = StoredBeat(geometry.link_bytes)
        # Two packets: one that comes in while the other leaves.
        depth = 1 << (2 * geometry.longest - 1).bit_length()
        m.submodules.beats = beats = SyncFIFOBuffered(width=beat.size, depth=depth)

        strobe, was = Signal(), Signal()
        lanes = Signal.like(self.pins.data)
        m.submodules.strobe = cdc.FFSynchronizer(self.pins.strobe, strobe)
        m.submodules.lanes = cdc.FFSynchronizer(self.pins.data, lanes)
        m.d.sync += was.eq(strobe)

        # ---- Symbols become beats. Each is kept back until it is known whether it is the last one.
        shift = Signal(8 * geometry.link_bytes, reset_less=True)
        symbols = Signal(range(self.symbols))
        whole = Signal()
        back = Signal.like(shift)
        has_back = Signal()
        quiet = Signal(range(PACE * SILENCE + 1))
        over = Signal()
        moved = Signal()
        stores = Signal()
        m.d.comb += [
            moved.eq(strobe != was),
            over.eq(quiet == PACE * SILENCE - 1),
            stores.eq(has_back & (whole | over)),
            beats.w_en.eq(stores),
            beats.w_data.eq(Cat(back, over)),
        ]
        m.d.sync += whole.eq(0)
        with m.If(moved):
            m.d.sync += [
                shift.eq(Cat(shift, lanes)[len(lanes) :]),
                symbols.eq(Mux(symbols == self.symbols - 1, 0, symbols + 1)),
                whole.eq(symbols == self.symbols - 1),
                quiet.eq(0),
            ]
        with m.Elif(quiet != PACE * SILENCE):
            m.d.sync += quiet.eq(quiet + 1)
        with m.If(whole):
            m.d.sync += [back.eq(shift), has_back.eq(1)]
        with m.Elif(over):
            m.d.sync += [has_back.eq(0), symbols.eq(0)]

        # ---- Packets leave
        head = Signal(beat)
        packets = Signal(range(depth + 1))
        comes = Signal()
        leaves = Signal()
        within = Signal()
        ends = Signal()
        m.d.comb += [
            head.eq(beats.r_data),
            comes.eq(stores & over & beats.w_rdy),
            # A packet that fills the buffer is none; it leaves, so that others can come.
            leaves.eq(beats.r_rdy & (within | (packets != 0) | ~beats.w_rdy)),
            ends.eq(leaves & head.edge),
            beats.r_en.eq(leaves),
            self.link.valid.eq(leaves),
            self.link.start.eq(leaves & ~within),
            self.link.data.eq(Mux(leaves, head.data, 0)),
        ]
        m.d.sync += [packets.eq(packets + comes - ends), within.eq(leaves & ~head.edge)]
        return m


def _symbols(link_bytes, lanes):
    """Symbols of a beat."""
    bits = 8 * link_bytes
    if not isinstance(lanes, int) or lanes <= 0 or bits % lanes or lanes == bits:
        raise ValueError(f"Lanes must be a part of {bits} bits, not {lanes!r}")
    return bits // lanes
