"""Streams of packets that part by kind, and that join."""

from functools import reduce
from operator import or_

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import PacketBeat
from intarsia.isa.packet import PacketHeader

__all__ = ["PacketMerge", "PacketSplit"]


class PacketSplit(wiring.Component):
    """Passes packets to one of several sinks, by their kind, within the cycle.

    Parameters
    ----------
    kinds : sequence of PacketKind
        Kinds that have a sink of their own.
    link_bytes : int

    Members
    -------
    packet : In(stream.Signature(PacketBeat(link_bytes)))
    sink0, sink1, … : Out(stream.Signature(PacketBeat(link_bytes)))
        In the order of `kinds`.
    rest : Out(stream.Signature(PacketBeat(link_bytes)))
        All others.
    """

    def __init__(self, kinds, *, link_bytes):
        self.kinds = tuple(kinds)
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            "packet": In(beat),
            **{f"sink{n}": Out(beat) for n in range(len(self.kinds))},
            "rest": Out(beat),
        })

    @property
    def sinks(self):
        """All sinks, `rest` last."""
        return [*(getattr(self, f"sink{n}") for n in range(len(self.kinds))), self.rest]

    def elaborate(self, platform):
        m = Module()
        packet = self.packet
        sinks = self.sinks
        header = Signal(PacketHeader)
        held = Signal(len(sinks))
        chosen = Signal.like(held)
        own = [header.kind == kind for kind in self.kinds]
        m.d.comb += [
            header.eq(packet.p.data),
            chosen.eq(Mux(packet.p.first, Cat(*own, ~reduce(or_, own)), held)),
            packet.ready.eq((chosen & Cat(sink.ready for sink in sinks)).any()),
        ]
        for sink, here in zip(sinks, chosen, strict=True):
            m.d.comb += [sink.p.eq(packet.p), sink.valid.eq(packet.valid & here)]
        with m.If(packet.valid & packet.p.first):
            m.d.sync += held.eq(chosen)
        return m


class PacketMerge(wiring.Component):
    """Passes the packets of several sources, each as a whole, in turn, within the cycle.

    Parameters
    ----------
    sources : int
    link_bytes : int

    Members
    -------
    source0, source1, … : In(stream.Signature(PacketBeat(link_bytes)))
    packet : Out(stream.Signature(PacketBeat(link_bytes)))
    """

    def __init__(self, *, sources, link_bytes):
        beat = stream.Signature(PacketBeat(link_bytes))
        super().__init__({
            **{f"source{n}": In(beat) for n in range(sources)},
            "packet": Out(beat),
        })
        self.sources = [getattr(self, f"source{n}") for n in range(sources)]

    def elaborate(self, platform):
        m = Module()
        sources = self.sources
        count = len(sources)

        # The source whose packet is passing, or the next one after it that has a packet.
        holding = Signal()
        holder = Signal(range(count))
        chosen = Signal.like(holder)
        m.d.comb += chosen.eq(holder)
        with m.If(~holding), m.Switch(holder):
            for last in range(count):
                with m.Case(last):
                    for step in reversed(range(1, count)):
                        following = (last + step) % count
                        with m.If(sources[following].valid):
                            m.d.comb += chosen.eq(following)
        with m.Switch(chosen):
            for n, source in enumerate(sources):
                with m.Case(n):
                    m.d.comb += [
                        self.packet.p.eq(source.p),
                        self.packet.valid.eq(source.valid),
                        source.ready.eq(self.packet.ready),
                    ]
        with m.If(self.packet.valid):
            m.d.sync += [
                holding.eq(~(self.packet.ready & self.packet.p.last)),
                holder.eq(chosen),
            ]
        return m
