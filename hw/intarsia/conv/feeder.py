"""Input vectors on their way from memory to the array, and the padding among them."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryRead
from intarsia.conv.walker import Beat, Slide
from intarsia.isa.address import CONTEXT, LOCAL

__all__ = ["Feeder", "Vector"]

#: Vectors on their way, or waiting for the array. Four keep one flowing per cycle.
DEPTH = 8


class Vector(data.StructLayout):
    """What the array takes in one cycle."""

    def __init__(self, config):
        super().__init__({
            "bytes": data.ArrayLayout(signed(8), config.lanes),
            "first": 1,  # see `Beat`
            "final": 1,
            "last": 1,
            **Slide.of(config),
        })


class Feeder(wiring.Component):
    """Reads the vector of each beat, and puts the zero point where it is padding.

    A beat that is nothing but padding is not read. One vector passes per cycle, as long as reads
    are granted and the array takes it; it arrives four cycles after its beat.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    zero_point : In(signed(8))
        Must be held while there are beats.
    context : In(CONTEXT)
        Must be held while there are beats.
    i : In(stream.Signature(Beat(config)))
    apart : In(LOCAL)
        Bytes that ``far`` counts. Must be held while there are beats. There if beats have ``far``.
    read : Out(MemoryRead(lanes, spread=…))
    o : Out(stream.Signature(Vector(config)))
    busy : Out(1)
        Vectors are on their way, or wait to be accepted.
    damaged : Out(stream.Signature(LOCAL, always_ready=True))
        Address of a vector that came damaged. It goes on its way all the same.
    """

    def __init__(self, *, config):
        self._lanes = lanes = config.lanes
        self._slides = bool(config.line_pixels)
        self._packs = config.packs
        super().__init__({
            "zero_point": In(signed(8)),
            "context": In(CONTEXT),
            "i": In(stream.Signature(Beat(config))),
            "read": Out(MemoryRead(lanes, spread=config.packs)),
            **({"apart": In(LOCAL)} if config.packs else {}),
            "o": Out(stream.Signature(Vector(config))),
            "busy": Out(1),
            "damaged": Out(stream.Signature(LOCAL, always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        beat = self.i.p
        read = self.read

        if self._packs:
            m.d.comb += [read.request.p.far.eq(beat.far), read.request.p.apart.eq(self.apart)]
        m.submodules.vectors = vectors = SyncFIFO(width=self.o.p.shape().size, depth=DEPTH)
        room = Signal(range(DEPTH + 1), init=DEPTH)
        issue, taken = Signal(), Signal()
        stored = beat.mask.any()
        m.d.comb += [
            read.request.p.address.eq(beat.address),
            read.request.p.mask.eq(beat.mask),
            read.request.p.context.eq(self.context),
            read.request.valid.eq(self.i.valid & stored & (room != 0)),
            self.i.ready.eq((read.request.ready | ~stored) & (room != 0)),
            issue.eq(self.i.valid & self.i.ready),
            taken.eq(self.o.valid & self.o.ready),
            self.busy.eq(room != DEPTH),
        ]
        with m.If(issue & ~taken):
            m.d.sync += room.eq(room - 1)
        with m.If(~issue & taken):
            m.d.sync += room.eq(room + 1)

        # Beats keep pace with the memory, read or not, so that none overtakes another.
        valid, arrived = Signal(), Signal()
        waiting, arriving = Signal.like(beat), Signal.like(beat)
        m.d.sync += [valid.eq(issue), arrived.eq(valid)]
        with m.If(issue):
            m.d.sync += waiting.eq(beat)
        with m.If(valid):
            m.d.sync += arriving.eq(waiting)

        vector = Signal(self.o.p.shape())
        m.d.comb += [
            vector.first.eq(arriving.first),
            vector.final.eq(arriving.final),
            vector.last.eq(arriving.last),
            vector.bytes.eq(read.data.p.bytes),
        ]
        if self._slides:
            m.d.comb += vector.slide.eq(arriving.slide)
        with m.If(~arriving.mask.all()):
            for lane in range(self._lanes):
                with m.If(~arriving.mask.bit_select(lane, 1)):
                    m.d.comb += vector.bytes[lane].eq(self.zero_point)

        m.d.comb += [
            vectors.w_en.eq(arrived),
            vectors.w_data.eq(vector),
            self.o.valid.eq(vectors.r_rdy),
            self.o.p.eq(vectors.r_data),
            vectors.r_en.eq(self.o.ready),
            self.damaged.valid.eq(read.data.valid & read.data.p.damaged),
            self.damaged.p.eq(arriving.address),
        ]
        return m
