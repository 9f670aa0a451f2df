"""Bytes on a serial line: one start bit, eight bits from the lowest one up, one stop bit."""

from amaranth import *
from amaranth.lib import cdc, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["UartReceiver", "UartTransmitter"]

#: Cycles per bit at least, for the middle of a bit to be told from its ends.
SHORTEST = 4


class UartTransmitter(wiring.Component):
    """Sends bytes, with a cycle between them.

    Parameters
    ----------
    divisor : int
        Cycles per bit.

    Members
    -------
    i : In(stream.Signature(8))
    tx : Out(1)
        The line; high while nothing is sent.
    """

    def __init__(self, *, divisor):
        self.divisor = _checked(divisor)
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        bits = Signal(10)  # Those that follow; above the stop bit a one, which is not sent.
        cycle = Signal(range(self.divisor))
        idle = Signal()
        m.d.comb += [idle.eq(~bits.any()), self.i.ready.eq(idle)]
        with m.If(idle):
            m.d.sync += self.tx.eq(1)
            with m.If(self.i.valid):
                m.d.sync += [
                    bits.eq(Cat(self.i.p, 1, 1)),
                    cycle.eq(self.divisor - 1),
                    self.tx.eq(0),
                ]
        with m.Elif(cycle == 0):
            m.d.sync += [
                self.tx.eq(bits[0]),
                bits.eq(bits >> 1),
                cycle.eq(self.divisor - 1),
            ]
        with m.Else():
            m.d.sync += cycle.eq(cycle - 1)
        return m


class UartReceiver(wiring.Component):
    """Receives bytes; what has no stop bit is dropped.

    Parameters
    ----------
    divisor : int
        Cycles per bit.

    Members
    -------
    rx : In(1)
        The line; need not have to do with the clock.
    o : Out(stream.Signature(8, always_ready=True))
    """

    def __init__(self, *, divisor):
        self.divisor = _checked(divisor)
        super().__init__({
            "rx": In(1, init=1),
            "o": Out(stream.Signature(8, always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        rx = Signal(init=1)
        m.submodules.rx = cdc.FFSynchronizer(self.rx, rx, init=1)
        bits = Signal(8, reset_less=True)
        left = Signal(range(10))  # Bits that are still to be looked at, the stop bit among them.
        begins = Signal()
        cycle = Signal(range(2 * self.divisor))
        m.d.comb += [begins.eq(left == 0), self.o.p.eq(bits)]
        m.d.sync += self.o.valid.eq(0)
        with m.If(begins):
            with m.If(~rx):
                # From now on, to the middle of the first bit.
                m.d.sync += [left.eq(9), cycle.eq(self.divisor + self.divisor // 2 - 2)]
        with m.Elif(cycle != 0):
            m.d.sync += cycle.eq(cycle - 1)
        with m.Else():
            m.d.sync += [left.eq(left - 1), cycle.eq(self.divisor - 1)]
            with m.If(left == 1):
                m.d.sync += self.o.valid.eq(rx)
            with m.Else():
                m.d.sync += bits.eq(Cat(bits[1:], rx))
        return m


def _checked(divisor):
    if not isinstance(divisor, int) or divisor < SHORTEST:
        raise ValueError(f"Divisor must be an integer of at least {SHORTEST}, not {divisor!r}")
    return divisor
