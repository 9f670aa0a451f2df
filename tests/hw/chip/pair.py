"""The convolution engine and the vector engine, as the chip connects them."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import Engine, MemoryRead, MemoryWrite
from intarsia.conv.engine import ConvEngine
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.isa.kernel import ConvDescriptor
from intarsia.vector.engine import VectorEngine

__all__ = ["Pair"]


class Pair(wiring.Component):
    """Both engines, with one chain between them."""

    def __init__(self, *, config):
        self.config = config
        self._engines = ConvEngine(config=config), VectorEngine(config=config)
        super().__init__({
            "conv": Out(Engine(ConvDescriptor)),
            "vector": Out(Engine(VectorDescriptor)),
            "input_read": Out(MemoryRead(config.lanes, spread=config.packs)),
            **{name: Out(port.signature) for name, port in self._weights()},
            "a_read": Out(MemoryRead(config.lanes)),
            "b_read": Out(MemoryRead(config.lanes)),
            "conv_write": Out(MemoryWrite(config.lanes)),
            "vector_write": Out(MemoryWrite(config.lanes)),
            "forsaken": In(1),
        })

        self.weight_reads = [getattr(self, name) for name, _ in self._weights()]

    def _weights(self):
        """Ports that weights are read by, and their names."""
        return [(f"weight_read{n}", port) for n, port in enumerate(self._engines[0].weight_reads)]

    def elaborate(self, platform):
        m = Module()
        m.submodules.conv, m.submodules.vector = conv, vector = self._engines
        connect(m, flipped(self.conv), conv.engine)
        connect(m, flipped(self.vector), vector.engine)
        connect(m, flipped(self.conv_write), conv.output_write)
        connect(m, flipped(self.vector_write), vector.output_write)
        for name in ("input_read", *dict(self._weights())):
            connect(m, flipped(getattr(self, name)), getattr(conv, name))
        for name in ("a_read", "b_read"):
            connect(m, flipped(getattr(self, name)), getattr(vector, name))
        connect(m, conv=conv.chain, vector=vector.chain)
        m.d.comb += conv.forsaken.eq(self.forsaken)
        return m
