"""Weights: read ahead of the array, and held in it."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from intarsia.conv.passes import WeightSet
from intarsia.conv.sharing import Lookup
from intarsia.isa.address import CONTEXT, LOCAL

__all__ = ["WeightLoader", "WeightRegisters", "WeightVector"]

#: Vectors on their way, or waiting for the registers. Five keep one flowing per cycle.
DEPTH = 8


class WeightVector(data.StructLayout):
    """Weights of one column; with `diagonal`, of all of them."""

    def __init__(self, lanes):
        super().__init__({"bytes": data.ArrayLayout(signed(8), lanes), "last": 1})


class WeightLoader(wiring.Component):
    """Reads the vectors of each set, in order, as far ahead as it has room.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    base : In(LOCAL)
        An address in the macro-bank of the weights.
    context : In(CONTEXT)
    i : In(stream.Signature(WeightSet(config)))
        Accepted when the set's last vector is asked for. ``base`` and ``context`` must be held
        until then.
    read : Out(Lookup(lanes))
    o : Out(stream.Signature(WeightVector(lanes)))
        One vector per cycle, as long as reads are granted.
    """

    def __init__(self, *, config):
        self._lanes = config.lanes
        super().__init__({
            "base": In(LOCAL),
            "context": In(CONTEXT),
            "i": In(stream.Signature(WeightSet(config))),
            "read": Out(Lookup(config.lanes)),
            "o": Out(stream.Signature(WeightVector(config.lanes))),
        })

    def elaborate(self, platform):
        m = Module()
        request, arrived = self.read.request, self.read.data

        # Asking: how many vectors of the set have been asked for.
        index = Signal.like(self.i.p.vectors)
        room = Signal(range(DEPTH + 1), init=DEPTH)
        address = Signal.like(self.i.p.address)
        issue, taken = Signal(), Signal()
        m.d.comb += [
            address.eq(self.i.p.address + index * self._lanes),
            request.valid.eq(self.i.valid & (room != 0)),
            request.p.address.eq(Cat(address, self.base[len(address) :])),
            request.p.context.eq(self.context),
            request.p.last.eq(index == self.i.p.vectors - 1),
            issue.eq(request.valid & request.ready),
            taken.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(issue & request.p.last),
        ]
        with m.If(issue):
            m.d.sync += index.eq(Mux(request.p.last, 0, index + 1))
        with m.If(issue & ~taken):
            m.d.sync += room.eq(room - 1)
        with m.If(~issue & taken):
            m.d.sync += room.eq(room + 1)

        # Receiving.
        m.submodules.vectors = vectors = SyncFIFO(width=self.o.p.shape().size, depth=DEPTH)
        vector = Signal(self.o.p.shape())
        m.d.comb += [
            vector.bytes.eq(arrived.p.vector.bytes),
            vector.last.eq(arrived.p.last),
            vectors.w_en.eq(arrived.valid),
            vectors.w_data.eq(vector),
            self.o.valid.eq(vectors.r_rdy),
            self.o.p.eq(vectors.r_data),
            vectors.r_en.eq(self.o.ready),
        ]
        return m


class WeightRegisters(wiring.Component):
    """Holds the weights of a pass, while those of the next one gather behind them.

    Parameters
    ----------
    lanes, columns : int

    Members
    -------
    diagonal : In(1)
        Lane n of a vector goes to column n, all others of the column are 0. Must be held until the
        weights that it holds for are used.
    i : In(stream.Signature(WeightVector(lanes)))
        Columns in order; ``last`` completes a pass.
    release : In(1)
        These weights are no longer used after this cycle. The next ones, if complete, follow in
        the next cycle.
    valid : Out(1)
    weights : Out(data.ArrayLayout(data.ArrayLayout(signed(8), lanes), columns))
        Columns that were not loaded hold anything.
    """

    def __init__(self, *, lanes, columns):
        self._columns = columns
        column = data.ArrayLayout(signed(8), lanes)
        super().__init__({
            "diagonal": In(1),
            "i": In(stream.Signature(WeightVector(lanes))),
            "release": In(1),
            "valid": Out(1),
            "weights": Out(data.ArrayLayout(column, columns)),
        })

    def elaborate(self, platform):
        m = Module()

        gathered, used = (
            [
                Signal(self.weights.shape().elem_shape, name=f"{name}_{n}", reset_less=True)
                for n in range(self._columns)
            ]
            for name in ("gathered", "used")
        )
        complete = Signal()
        index = Signal(range(self._columns))

        free, swap = Signal(), Signal()
        m.d.comb += [
            free.eq(~self.valid | self.release),
            swap.eq(free & complete),
            self.i.ready.eq(~complete | swap),
            self.weights.eq(Cat(used)),
        ]
        with m.If(free):
            m.d.sync += self.valid.eq(complete)
        with m.If(swap):
            m.d.sync += complete.eq(0)
            m.d.sync += [use.eq(column) for use, column in zip(used, gathered, strict=True)]

        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [complete.eq(self.i.p.last), index.eq(Mux(self.i.p.last, 0, index + 1))]
            with m.If(self.diagonal):
                for n, column in enumerate(gathered):
                    m.d.sync += [column.eq(0), column[n].eq(self.i.p.bytes[n])]
            with m.Else(), m.Switch(index):
                for n, column in enumerate(gathered):
                    with m.Case(n):
                        m.d.sync += column.eq(self.i.p.bytes)

        return m
