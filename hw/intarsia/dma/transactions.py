"""Requests whose replies have yet to come."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.dma.pieces import Span
from intarsia.isa.address import NODE

__all__ = ["IN_FLIGHT", "JOBS", "TRANSACTION", "Transaction", "Transactions"]

#: Number of a transaction. The lower bits are its place in the table.
TRANSACTION = unsigned(16)

#: Requests in flight, at most: places of the table. A power of two.
IN_FLIGHT = 8

#: Jobs that may have begun and not be done. A power of two.
JOBS = 4


class Transaction(data.Struct):
    """What must be known when the reply comes."""

    number: TRANSACTION
    """As in the packets."""

    node: NODE
    """Node that was asked."""

    write: 1
    """WRITE, or else READ."""

    job: range(JOBS)
    """Job that it belongs to."""

    span: Span
    """This side of it."""


class Transactions(wiring.Component):
    """Table of the requests in flight.

    Transactions are numbered as they are opened; they may be closed in any order, but a place is
    used again only once all those before it are closed.

    Members
    -------
    open : In(stream.Signature(Transaction))
        Enters a transaction; its number is not looked at.
    number : Out(16)
        Number of the transaction that is opened next.
    oldest : Out(16)
        All transactions before this one are closed.
    asked : In(16)
        Number of a transaction to look up, in the same cycle.
    known : Out(1)
        It is open.
    found : Out(Transaction)
        What is known of it.
    close : In(stream.Signature(16, always_ready=True))
        Number of an open transaction, to be closed.
    """

    open: In(stream.Signature(Transaction))
    number: Out(TRANSACTION)
    oldest: Out(TRANSACTION)
    asked: In(TRANSACTION)
    known: Out(1)
    found: Out(Transaction)
    close: In(stream.Signature(TRANSACTION, always_ready=True))

    def elaborate(self, platform):
        m = Module()

        m.submodules.table = table = memory.Memory(shape=Transaction, depth=IN_FLIGHT, init=[])
        write = table.write_port()
        read = table.read_port(domain="comb")
        pending = Signal(IN_FLIGHT)
        place = range(IN_FLIGHT)

        def index(number):
            return number[: Shape.cast(place).width]

        opens = Signal()
        m.d.comb += [
            self.open.ready.eq((self.number - self.oldest)[: len(self.number)] < IN_FLIGHT),
            opens.eq(self.open.valid & self.open.ready),
            write.addr.eq(index(self.number)),
            write.data.eq(self.open.p),
            write.data.number.eq(self.number),
            write.en.eq(opens),
            read.addr.eq(index(self.asked)),
            self.found.eq(read.data),
            self.known.eq(
                pending.bit_select(index(self.asked), 1) & (self.found.number == self.asked)
            ),
        ]

        with m.If(self.close.valid):
            m.d.sync += pending.bit_select(index(self.close.p), 1).eq(0)
        with m.If(opens):
            m.d.sync += self.number.eq(self.number + 1)
            m.d.sync += pending.bit_select(index(self.number), 1).eq(1)
        with m.If((self.oldest != self.number) & ~pending.bit_select(index(self.oldest), 1)):
            m.d.sync += self.oldest.eq(self.oldest + 1)

        return m
