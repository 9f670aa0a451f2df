"""Puts results together, and writes them where they belong."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryWrite
from intarsia.isa.address import LOCAL

__all__ = ["Place", "Writer"]


class Place(data.StructLayout):
    """Where a vector of results goes; ``final`` marks the last one of a job."""

    def __init__(self, lanes):
        super().__init__({"address": LOCAL, "mask": lanes, "final": 1})


class Writer(wiring.Component):
    """Writes vectors to places that were announced before.

    A place is accepted if there will be room for its vector. So ``group`` never has to wait. Up to
    one vector per cycle.

    Parameters
    ----------
    lanes : int
        Bytes of a vector.
    group : int
        Values that arrive at once; divides `lanes`.
    depth : int
        Places announced and not yet written.

    Members
    -------
    place : In(stream.Signature(Place(lanes)))
    group : In(stream.Signature(data.ArrayLayout(signed(8), group), always_ready=True))
        Values, ``lanes // group`` times for each place.
    memory : Out(MemoryWrite(lanes))
    written : Out(1)
        A vector is accepted by the memory.
    done : Out(1)
        It's the last one of its job.
    """

    def __init__(self, *, lanes, group, depth):
        self.lanes = lanes
        self.depth = depth
        self._group = group
        values = data.ArrayLayout(signed(8), group)
        super().__init__({
            "place": In(stream.Signature(Place(lanes))),
            "group": In(stream.Signature(values, always_ready=True)),
            "memory": Out(MemoryWrite(lanes)),
            "written": Out(1),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        groups = self.lanes // self._group
        width = 8 * self.lanes
        m.submodules.places = places = fifo.SyncFIFO(width=Place(self.lanes).size, depth=self.depth)
        m.submodules.vectors = vectors = fifo.SyncFIFO(width=width, depth=self.depth)
        request = self.memory.request

        # All but the last group of a vector wait for the last one.
        complete = Const(1)
        vector = Cat(self.group.p)
        if groups > 1:
            number = Signal(range(groups))
            complete = number == groups - 1
            earlier = Signal(width - len(vector), reset_less=True)
            vector = Cat(earlier, vector)
            with m.If(self.group.valid):
                m.d.sync += earlier.eq(vector[-len(earlier) :])
                m.d.sync += number.eq(Mux(complete, 0, number + 1))
        m.d.comb += [
            vectors.w_en.eq(self.group.valid & complete),
            vectors.w_data.eq(vector),
        ]

        place = Signal(Place(self.lanes))
        m.d.comb += [
            places.w_en.eq(self.place.valid),
            places.w_data.eq(self.place.p),
            self.place.ready.eq(places.w_rdy),
            place.eq(places.r_data),
            request.valid.eq(vectors.r_rdy),
            request.p.address.eq(place.address),
            request.p.mask.eq(place.mask),
            request.p.bytes.eq(vectors.r_data),
            self.written.eq(request.valid & request.ready),
            self.done.eq(self.written & place.final),
            places.r_en.eq(self.written),
            vectors.r_en.eq(self.written),
        ]
        return m
