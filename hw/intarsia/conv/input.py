"""The way of the input: from passes to what the array takes."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import MemoryRead
from intarsia.conv.feeder import Feeder, Vector
from intarsia.conv.lines import TAPS, WindowFormer
from intarsia.conv.passes import Pass, Walk
from intarsia.conv.slider import InputSlider
from intarsia.conv.walker import PixelWalker
from intarsia.isa.address import CONTEXT, LOCAL
from intarsia.isa.kernel import ConvDescriptor

__all__ = ["InputPath"]


class InputPath(wiring.Component):
    """Walks over the map, reads it, and pads it; forms windows where the job is ``sliding``.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    descriptor : In(ConvDescriptor)
        Must be held while there are passes, or ``busy``.
    context : In(CONTEXT)
        Held as long.
    i : In(stream.Signature(Pass(config)))
    resume : Out(stream.Signature(Walk(bank_bytes), always_ready=True))
        The pixel that follows a pass that is ``first``, unless it reaches the end of the map, or
        the job is ``sliding``.
    read : Out(MemoryRead(lanes, spread=…))
    o : Out(stream.Signature(Vector(config)))
    windows : Out(data.ArrayLayout(data.ArrayLayout(signed(8), TAPS), columns))
        With ``o``, if the job is ``sliding``: what the first `TAPS` lanes see, by column. There
        if there are line buffers.
    busy : Out(1)
        A pass is under way, or something of it waits to be accepted.
    damaged : Out(stream.Signature(LOCAL, always_ready=True))
        Address of a vector that came damaged. It goes on its way all the same.
    """

    def __init__(self, *, config):
        self._config = config
        super().__init__({
            "descriptor": In(ConvDescriptor),
            "context": In(CONTEXT),
            "i": In(stream.Signature(Pass(config))),
            "resume": Out(stream.Signature(Walk(config.bank_bytes), always_ready=True)),
            "read": Out(MemoryRead(config.lanes, spread=config.packs)),
            "o": Out(stream.Signature(Vector(config))),
            "busy": Out(1),
            "damaged": Out(stream.Signature(LOCAL, always_ready=True)),
            **self._windows(config),
        })

    @staticmethod
    def _windows(config):
        if not config.line_pixels:
            return {}
        window = data.ArrayLayout(signed(8), TAPS)
        return {"windows": Out(data.ArrayLayout(window, config.columns))}

    def elaborate(self, platform):
        m = Module()
        job = self.descriptor

        m.submodules.walker = walker = PixelWalker(config=self._config)
        m.submodules.feeder = feeder = Feeder(config=self._config)
        connect(m, flipped(self.read), feeder.read)
        m.d.comb += [
            walker.descriptor.eq(job),
            feeder.zero_point.eq(job.zero_point),
            feeder.context.eq(self.context),
            self.damaged.valid.eq(feeder.damaged.valid),
            self.damaged.p.eq(feeder.damaged.p),
        ]
        if self._config.packs:
            m.d.comb += feeder.apart.eq(job.tap_row_step - job.run)
        if not self._config.line_pixels:
            connect(m, flipped(self.i), walker.i)
            connect(m, walker.resume, flipped(self.resume))
            connect(m, walker.o, feeder.i)
            connect(m, feeder.o, flipped(self.o))
            m.d.comb += self.busy.eq(walker.busy | feeder.busy)
            return m

        m.submodules.slider = slider = InputSlider(config=self._config)
        m.submodules.former = former = WindowFormer(config=self._config)
        connect(m, feeder.o, former.i)
        connect(m, former.o, flipped(self.o))
        connect(m, walker.resume, flipped(self.resume))
        m.d.comb += [
            slider.descriptor.eq(job),
            former.sliding.eq(job.sliding),
            former.zero_point.eq(job.zero_point),
            self.windows.eq(former.windows),
            self.busy.eq(walker.busy | slider.busy | feeder.busy | former.busy),
        ]
        # One of them walks; the other one, with nothing to do, says nothing.
        for walks, way in ((~job.sliding, walker), (job.sliding, slider)):
            m.d.comb += [way.i.valid.eq(self.i.valid & walks), way.i.p.eq(self.i.p)]
            with m.If(walks):
                m.d.comb += [
                    self.i.ready.eq(way.i.ready),
                    feeder.i.valid.eq(way.o.valid),
                    feeder.i.p.eq(way.o.p),
                    way.o.ready.eq(feeder.i.ready),
                ]
        return m
