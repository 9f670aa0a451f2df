"""The order of the engine's work: blocks of channels, blocks of pixels, chunks of the window."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from intarsia.conv.chunks import WindowChunks
from intarsia.conv.loops import POSITION, PixelCount
from intarsia.conv.packing import PackedLane
from intarsia.isa.kernel import ConvDescriptor

__all__ = ["Pass", "PassGenerator", "Walk", "WeightSet"]


class Walk(data.StructLayout):
    """A place on the way over the output pixels.

    ``address`` counts bytes from the start of a macro-bank of `bank_bytes`, and wraps there. The
    fields named after a row hold for the first output pixel of the row. ``columns`` and ``rows``
    are left to do, this one included.
    """

    def __init__(self, bank_bytes):
        address = ceil_log2(bank_bytes)
        super().__init__({
            "address": address,
            "row_address": address,
            "position": POSITION,
            "row_position": POSITION,
            "y": POSITION,
            "columns": 16,
            "rows": 16,
        })


class Pass(data.StructLayout):
    """One chunk of the window, over one block of pixels."""

    def __init__(self, config):
        lanes = {"lanes": data.ArrayLayout(PackedLane, config.lanes)} if config.packs else {}
        super().__init__({
            "start": Walk(config.bank_bytes),
            **lanes,
            "fresh": 1,  # first pass of a block of output channels
            "first": 1,  # first chunk of the window: no sum exists yet
            "final": 1,  # last chunk of the window: sums are complete
        })


class WeightSet(data.StructLayout):
    """Weights of one pass: `vectors` of each piece lie from `distance` bytes after its start on."""

    def __init__(self, config):
        super().__init__({
            "distance": ceil_log2(config.bank_bytes),
            "vectors": range(config.columns + 1),
        })


class PassGenerator(wiring.Component):
    """Breaks a job into passes.

    The order is that of the nested loops: blocks of output channels, blocks of pixels, and chunks
    (ky, kx, c) of the window. A pass goes to ``o``, and its weights to ``weights``; the next one is
    ready in the cycle after both were accepted, but for a few at the end of a block of pixels.
    Where the next block of pixels starts is learned from ``resume``.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    descriptor : In(ConvDescriptor)
        Must be held from ``start`` until ``busy`` falls.
    start : In(1)
        Begin; only while not busy.
    busy : Out(1)
        Passes are left to be accepted.
    resume : In(stream.Signature(Walk(bank_bytes), always_ready=True))
        The pixel that follows a pass that is ``first``, unless it reaches the end of the map. Of
        jobs that are ``sliding``, nobody says it, and nobody needs to know.
    o : Out(stream.Signature(Pass(config)))
    weights : Out(stream.Signature(WeightSet(config)))
    """

    def __init__(self, *, config):
        self._config = config
        walk = Walk(config.bank_bytes)
        super().__init__({
            "descriptor": In(ConvDescriptor),
            "start": In(1),
            "busy": Out(1),
            "resume": In(stream.Signature(walk, always_ready=True)),
            "o": Out(stream.Signature(Pass(config))),
            "weights": Out(stream.Signature(WeightSet(config))),
        })

    def elaborate(self, platform):
        m = Module()
        job = self.descriptor
        config = self._config

        m.submodules.chunks = chunks = WindowChunks(config=config)
        m.submodules.pixels = pixels = PixelCount(block=config.accumulators)
        m.d.comb += [chunks.descriptor.eq(job), pixels.descriptor.eq(job)]

        # First pixel of the block of pixels, and of the whole map, for the chunk (0, 0, 0).
        walk = Signal.like(self.resume.p)
        next_walk = Signal.like(walk)
        resumed = Signal()
        with m.If(self.resume.valid):
            m.d.sync += [next_walk.eq(self.resume.p), resumed.eq(1)]
        origin = Signal.like(walk)
        m.d.comb += [
            origin.row_address.eq(origin.address),
            origin.row_position.eq(origin.position),
            origin.y.eq(-job.pad_top),
            origin.columns.eq(job.out_width),
            origin.rows.eq(job.out_height),
        ]
        origin_address = Signal.like(walk.address)
        origin_position = Signal.like(walk.position)
        fresh = Signal()
        m.d.comb += [origin.address.eq(origin_address), origin.position.eq(origin_position)]

        # Block of channels: its weights are gone through once for each block of pixels.
        channels = Signal.like(job.out_channels)
        last_channels = Signal()
        vectors = Signal.like(self.weights.p.vectors)
        weight_start = Signal.like(self.weights.p.distance)
        weight_distance = Signal.like(weight_start)
        columns = Mux(last_channels, channels, config.columns)[: len(vectors)]
        m.d.comb += last_channels.eq(channels <= config.columns)
        with m.If(job.diagonal):
            m.d.comb += vectors.eq(1)
        if config.weight_ports > 1:
            rows = (columns + config.weight_ports - 1) >> exact_log2(config.weight_ports)
            with m.Elif(job.striped):
                m.d.comb += vectors.eq(rows)
        with m.Else():
            m.d.comb += vectors.eq(columns)

        # The pass on offer; each of its two takers may be the first. Those of weights need not wait
        # for the place at which a block of pixels begins.
        free, weights_free = Signal(), Signal()
        weights_offered = Signal()
        m.d.comb += [
            weights_free.eq(~self.weights.valid | self.weights.ready),
            free.eq((~self.o.valid | self.o.ready) & weights_free),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.weights.ready):
            m.d.sync += self.weights.valid.eq(0)

        offer_weights = Signal()
        with m.If(offer_weights):
            m.d.sync += [
                self.weights.valid.eq(1),
                self.weights.p.distance.eq(weight_distance),
                self.weights.p.vectors.eq(vectors),
                weight_distance.eq(weight_distance + vectors * config.lanes),
            ]

        with m.FSM():
            m.d.comb += self.busy.eq(1)

            with m.State("IDLE"):
                m.d.comb += self.busy.eq(self.o.valid | self.weights.valid)
                with m.If(self.start):
                    m.d.comb += [chunks.restart.eq(1), pixels.start.eq(1)]
                    m.d.sync += [
                        origin_address.eq(job.input.offset + job.origin),
                        origin_position.eq(-job.pad_left),
                        channels.eq(job.out_channels),
                        weight_start.eq(0),
                    ]
                    m.next = "MAP"

            with m.State("MAP"):
                m.d.sync += [walk.eq(origin), fresh.eq(1), weight_distance.eq(weight_start)]
                m.next = "PASS"

            with m.State("PASS"), m.If(free & chunks.ready):
                m.d.comb += [chunks.advance.eq(1), offer_weights.eq(~weights_offered)]
                start = self.o.p.start
                m.d.sync += [
                    self.o.valid.eq(1),
                    weights_offered.eq(0),
                    fresh.eq(0),
                    self.o.p.fresh.eq(fresh),
                    self.o.p.first.eq(chunks.first),
                    self.o.p.final.eq(chunks.final),
                    start.eq(walk),
                    start.address.eq(walk.address + chunks.distance),
                    start.row_address.eq(walk.row_address + chunks.distance),
                    start.position.eq(walk.position + chunks.position),
                    start.row_position.eq(walk.row_position + chunks.position),
                    start.y.eq(walk.y + chunks.row),
                ]
                if config.packs:
                    m.d.sync += self.o.p.lanes.eq(chunks.lanes)
                with m.If(chunks.final):
                    m.next = "BLOCK"

            with m.State("BLOCK"), m.If(pixels.counted):
                m.d.sync += weight_distance.eq(weight_start)
                m.next = "RESUME"
                with m.If(pixels.last):
                    m.d.comb += pixels.restart.eq(1)
                    m.d.sync += [
                        channels.eq(channels - config.columns),
                        weight_start.eq(weight_distance),
                    ]
                    with m.If(job.diagonal | job.sliding):
                        m.d.sync += [
                            origin_address.eq(origin_address + config.columns),
                            origin_position.eq(origin_position + config.columns),
                        ]
                    m.next = "MAP"
                    with m.If(last_channels):
                        m.next = "IDLE"

            with m.State("RESUME"):
                with m.If(weights_free & ~weights_offered):
                    m.d.comb += offer_weights.eq(1)
                    m.d.sync += weights_offered.eq(1)
                with m.If(weights_offered & (resumed | job.sliding)):
                    m.d.comb += pixels.advance.eq(1)
                    m.d.sync += [resumed.eq(0), walk.eq(next_walk)]
                    m.next = "PASS"

        return m
