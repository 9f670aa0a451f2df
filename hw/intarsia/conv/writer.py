"""Output bytes on their way to memory, or to the vector engine."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import ChainVector, MemoryWrite
from intarsia.isa.address import LOCAL

__all__ = ["Target", "Writer"]


class Target(data.StructLayout):
    """Where the bytes of a pixel go."""

    def __init__(self, lanes):
        super().__init__({"address": LOCAL, "mask": lanes, "last": 1})


class Writer(wiring.Component):
    """Brings targets and bytes together, and writes, or hands them on.

    Parameters
    ----------
    lanes : int
    depth : int
        Rows that are on their way, or wait for the memory.

    Members
    -------
    target : In(stream.Signature(Target(lanes)))
        Accepted while there is room for the bytes that will follow it.
    bytes : In(stream.Signature(data.ArrayLayout(8, lanes), always_ready=True))
        In the order of targets, but later.
    suppress : In(1)
        Drop what is not on offer to the memory yet; hand it on as void.
    chained : In(1)
        Hand on, do not write. Must not change while anything is inside.
    forsaken : In(1)
        Drop what would be handed on.
    write : Out(MemoryWrite(lanes))
    chain : Out(stream.Signature(ChainVector(lanes)))
    done : Out(1)
        The target that was ``last`` is dealt with.
    """

    def __init__(self, *, lanes, depth):
        self._depth = depth
        super().__init__({
            "target": In(stream.Signature(Target(lanes))),
            "bytes": In(stream.Signature(data.ArrayLayout(8, lanes), always_ready=True)),
            "suppress": In(1),
            "chained": In(1),
            "forsaken": In(1),
            "write": Out(MemoryWrite(lanes)),
            "chain": Out(stream.Signature(ChainVector(lanes))),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        request, chain = self.write.request, self.chain

        m.submodules.targets = targets = SyncFIFO(
            width=self.target.p.shape().size, depth=self._depth
        )
        m.submodules.rows = rows = SyncFIFO(width=len(Value.cast(self.bytes.p)), depth=self._depth)
        m.d.comb += [
            targets.w_data.eq(self.target.p),
            targets.w_en.eq(self.target.valid),
            self.target.ready.eq(targets.w_rdy),
            rows.w_data.eq(self.bytes.p),
            rows.w_en.eq(self.bytes.valid),
        ]

        target = Signal(self.target.p.shape())
        last, full, void = Signal(), Signal(), Signal()
        free, move = Signal(), Signal()
        m.d.comb += [
            target.eq(targets.r_data),
            request.valid.eq(full & ~self.chained),
            chain.valid.eq(full & self.chained & ~self.forsaken),
            chain.p.bytes.eq(request.p.bytes),
            chain.p.last.eq(last),
            chain.p.void.eq(void),
            free.eq(~full | Mux(self.chained, chain.ready | self.forsaken, request.ready)),
            move.eq(rows.r_rdy & free),
            targets.r_en.eq(move),
            rows.r_en.eq(move),
            self.done.eq(last & free),
        ]
        with m.If(free):
            m.d.sync += [
                full.eq(move & (self.chained | ~self.suppress)),
                void.eq(self.suppress),
                last.eq(move & target.last),
            ]
        with m.If(move):
            m.d.sync += [
                request.p.address.eq(target.address),
                request.p.mask.eq(target.mask),
                request.p.bytes.eq(rows.r_data),
            ]
        return m
