"""Chunks of a window, one after another: how far each is from the first."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from intarsia.conv.loops import POSITION, Chunks
from intarsia.conv.packing import PackedChunks, PackedLane
from intarsia.isa.kernel import ConvDescriptor

__all__ = ["WindowChunks"]


def _outputs(config):
    """What is said of a chunk."""
    return {
        "first": Out(1),
        "final": Out(1),
        "distance": Out(ceil_log2(config.bank_bytes)),
        "position": Out(POSITION),
        "row": Out(POSITION),
    }


class WindowChunks(wiring.Component):
    """Goes round the chunks of a window, whichever way it is cut.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    descriptor : In(ConvDescriptor)
        Must be held from ``restart`` on.
    restart : In(1)
        Go to the first chunk.
    advance : In(1)
        Go to the next chunk; from the last one, to the first. Only when ``ready``.
    ready : Out(1)
        What follows is known. Takes a cycle, or with ``packed`` as many as there are lanes.
    first, final : Out(1)
    distance : Out(...)
        Bytes in memory, modulo the size of a macro-bank.
    position : Out(POSITION)
        Bytes in the row. With ``packed``, 0: lanes have offsets of their own.
    row : Out(POSITION)
        Rows.
    lanes : Out(data.ArrayLayout(PackedLane, lanes))
        With ``packed``, what each lane has. There if the configuration packs.
    """

    def __init__(self, *, config):
        self._config = config
        lanes = data.ArrayLayout(PackedLane, config.lanes)
        super().__init__({
            "descriptor": In(ConvDescriptor),
            "restart": In(1),
            "advance": In(1),
            "ready": Out(1),
            **_outputs(config),
            **({"lanes": Out(lanes)} if config.packs else {}),
        })

    def elaborate(self, platform):
        m = Module()
        job = self.descriptor

        m.submodules.runs = runs = Chunks(config=self._config)
        m.d.comb += [
            self.ready.eq(1),
            runs.descriptor.eq(job),
            runs.restart.eq(self.restart),
            runs.advance.eq(self.advance),
        ]
        m.d.comb += [getattr(self, name).eq(getattr(runs, name)) for name in _outputs(self._config)]
        if self._config.packs:
            m.submodules.packed = packed = PackedChunks(config=self._config)
            m.d.comb += [
                packed.descriptor.eq(job),
                packed.restart.eq(self.restart & job.packed),
                packed.advance.eq(self.advance & job.packed),
                self.lanes.eq(packed.lanes),
            ]
            with m.If(job.packed):
                m.d.comb += [
                    self.ready.eq(packed.ready),
                    self.first.eq(packed.first),
                    self.final.eq(packed.final),
                    self.distance.eq(packed.distance),
                    self.position.eq(0),
                    self.row.eq(packed.row * job.dilation_y),
                ]
        return m
