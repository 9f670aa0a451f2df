"""Weights: read ahead of the array, and held in it."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from intarsia.conv.passes import WeightSet
from intarsia.conv.sharing import Lookup
from intarsia.isa.address import CONTEXT, LOCAL

__all__ = ["WeightLoader", "WeightRegisters", "WeightRow"]

#: Rows on their way, or waiting for the registers. Five keep one flowing per cycle.
DEPTH = 8


class WeightRow(data.StructLayout):
    """A vector of each piece: weights of one column, or, of ``diagonal``, of all of them."""

    def __init__(self, *, lanes, ports):
        vector = data.ArrayLayout(signed(8), lanes)
        super().__init__({"vectors": data.ArrayLayout(vector, ports), "last": 1})


class WeightLoader(wiring.Component):
    """Reads the rows of each set, in order, as far ahead as it has room.

    Vectors of a row are asked for in one cycle, or as soon as each port takes its request; those of
    the next row when all of them are.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    starts : In(LOCAL).array(weight_ports)
        First byte of each piece.
    striped : In(1)
        There are as many pieces as ports. Otherwise there is one, and one port is in use.
    context : In(CONTEXT)
    i : In(stream.Signature(WeightSet(config)))
        Accepted when the set's last row is asked for. ``starts``, ``striped`` and ``context`` must
        be held until the rows are accepted.
    read0, read1, … : Out(Lookup(lanes))
    o : Out(stream.Signature(WeightRow(lanes=…, ports=…)))
        One row per cycle, as long as reads are granted. Vectors of ports that are not in use hold
        anything.
    """

    def __init__(self, *, config):
        self._lanes = config.lanes
        row = WeightRow(lanes=config.lanes, ports=config.weight_ports)
        super().__init__({
            "starts": In(LOCAL).array(config.weight_ports),
            "striped": In(1),
            "context": In(CONTEXT),
            "i": In(stream.Signature(WeightSet(config))),
            **{f"read{n}": Out(Lookup(config.lanes)) for n in range(config.weight_ports)},
            "o": Out(stream.Signature(row)),
        })
        self.reads = [getattr(self, f"read{n}") for n in range(config.weight_ports)]

    def elaborate(self, platform):
        m = Module()
        ports = len(self.reads)
        used = [Const(1)] + [self.striped] * (ports - 1)

        # Asking: how many rows of the set have been asked for, and which vectors of the next one.
        index = Signal.like(self.i.p.vectors)
        asked, issued = Signal(ports), Signal(ports)
        room = Signal(range(DEPTH + 1), init=DEPTH)
        distance = Signal.like(self.i.p.distance)
        last, going, complete, taken = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            distance.eq(self.i.p.distance + index * self._lanes),
            last.eq(index == self.i.p.vectors - 1),
            going.eq(self.i.valid & (room != 0)),
            complete.eq(going & (asked | issued | ~Cat(used)).all()),
            taken.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(complete & last),
        ]
        for n, (read, start) in enumerate(zip(self.reads, self.starts, strict=True)):
            request = read.request
            place = (start + distance)[: len(distance)]
            m.d.comb += [
                request.valid.eq(going & used[n] & ~asked[n]),
                request.p.address.eq(Cat(place, start[len(distance) :])),
                request.p.context.eq(self.context),
                request.p.last.eq(last),
                issued[n].eq(request.valid & request.ready),
            ]
        with m.If(complete):
            m.d.sync += [index.eq(Mux(last, 0, index + 1)), asked.eq(0)]
        with m.Elif(going):
            m.d.sync += asked.eq(asked | issued)
        with m.If(complete & ~taken):
            m.d.sync += room.eq(room - 1)
        with m.If(~complete & taken):
            m.d.sync += room.eq(room + 1)

        # Receiving. A port's vectors come in order; rows are made of what has come.
        there = Signal(ports)
        m.d.comb += self.o.valid.eq((there | ~Cat(used)).all())
        for n, read in enumerate(self.reads):
            arrived = read.data
            vectors = SyncFIFO(width=8 * self._lanes + 1, depth=DEPTH)
            m.submodules[f"vectors{n}"] = vectors
            m.d.comb += [
                vectors.w_en.eq(arrived.valid),
                vectors.w_data.eq(Cat(arrived.p.vector.bytes, arrived.p.last)),
                there[n].eq(vectors.r_rdy),
                self.o.p.vectors[n].eq(vectors.r_data[:-1]),
                vectors.r_en.eq(taken & used[n]),
            ]
            if n == 0:
                m.d.comb += self.o.p.last.eq(vectors.r_data[-1])
        return m


class WeightRegisters(wiring.Component):
    """Holds the weights of a pass, while those of the next one gather behind them.

    Parameters
    ----------
    lanes, columns, ports : int

    Members
    -------
    diagonal : In(1)
        Lane n of a vector goes to column n, all others of the column are 0. Must be held until the
        weights that it holds for are used, as must ``striped``.
    striped : In(1)
        Each vector of a row goes to a column, not only the first one.
    i : In(stream.Signature(WeightRow(lanes=…, ports=…)))
        Columns in order; ``last`` completes a pass.
    release : In(1)
        These weights are no longer used after this cycle. The next ones, if complete, follow in
        the next cycle.
    valid : Out(1)
    weights : Out(data.ArrayLayout(data.ArrayLayout(signed(8), lanes), columns))
        Columns that were not loaded hold anything.
    """

    def __init__(self, *, lanes, columns, ports):
        self._columns = columns
        self._ports = ports
        column = data.ArrayLayout(signed(8), lanes)
        super().__init__({
            "diagonal": In(1),
            "striped": In(1),
            "i": In(stream.Signature(WeightRow(lanes=lanes, ports=ports))),
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
            vectors = self.i.p.vectors
            with m.If(self.diagonal):
                for n, column in enumerate(gathered):
                    m.d.sync += [column.eq(0), column[n].eq(vectors[0][n])]
            if self._ports > 1:
                with m.Elif(self.striped), m.Switch(index):
                    for n in range(self._columns // self._ports):
                        with m.Case(n):
                            columns = gathered[n * self._ports :][: self._ports]
                            m.d.sync += Cat(columns).eq(Cat(vectors))
            with m.Else(), m.Switch(index):
                for n, column in enumerate(gathered):
                    with m.Case(n):
                        m.d.sync += column.eq(vectors[0])

        return m
