"""The MAC array: a dot product per output channel."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

__all__ = ["MacArray"]

#: Products that are added before the first register.
GROUP = 4


class MacArray(wiring.Component):
    """Multiplies a vector with the weights of every column, and sums up each column.

    Takes one vector per cycle; sums follow two cycles later, and hold while no vector follows.

    Parameters
    ----------
    lanes, columns : int
    taps : int
        Lanes in which columns may see bytes of their own: the first ones.

    Members
    -------
    valid : In(1)
        Take ``bytes`` and ``weights``.
    bytes : In(data.ArrayLayout(signed(8), lanes))
    sliding : In(1)
        The first `taps` lanes see ``windows`` instead. Both are there if `taps` is not 0.
    windows : In(data.ArrayLayout(data.ArrayLayout(signed(8), taps), columns))
    weights : In(data.ArrayLayout(data.ArrayLayout(signed(8), lanes), columns))
    sums : Out(data.ArrayLayout(signed(16 + log2(lanes)), columns))
    """

    def __init__(self, *, lanes, columns, taps):
        self._lanes = lanes
        self._columns = columns
        self._taps = taps
        vector = data.ArrayLayout(signed(8), lanes)
        super().__init__({
            "valid": In(1),
            "bytes": In(vector),
            **self._windows(taps, columns),
            "weights": In(data.ArrayLayout(vector, columns)),
            "sums": Out(data.ArrayLayout(signed(16 + ceil_log2(lanes)), columns)),
        })

    @staticmethod
    def _windows(taps, columns):
        if not taps:
            return {}
        window = data.ArrayLayout(signed(8), taps)
        return {"sliding": In(1), "windows": In(data.ArrayLayout(window, columns))}

    def elaborate(self, platform):
        m = Module()

        summing = Signal()
        m.d.sync += summing.eq(self.valid)
        for column in range(self._columns):
            seen = Signal(self.bytes.shape(), name=f"seen_{column}")
            m.d.comb += seen.eq(self.bytes)
            if self._taps:
                with m.If(self.sliding):
                    m.d.comb += Cat(seen[n] for n in range(self._taps)).eq(self.windows[column])
            products = [seen[n] * self.weights[column][n] for n in range(self._lanes)]
            parts = []
            for first in range(0, self._lanes, GROUP):
                part = sum(products[first : first + GROUP])
                register = Signal(
                    signed(16 + ceil_log2(GROUP)), name=f"part_{column}_{first}", reset_less=True
                )
                with m.If(self.valid):
                    m.d.sync += register.eq(part)
                parts.append(register)
            with m.If(summing):
                m.d.sync += self.sums[column].eq(sum(parts))

        return m
