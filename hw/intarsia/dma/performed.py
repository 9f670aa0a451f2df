"""Which transactions have been performed, so that none is performed twice."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.isa.address import NODE
from intarsia.isa.packet import TransactionNumber
from intarsia.isa.registers import FenceWord

__all__ = ["SOURCES", "Performed"]

#: Nodes that are told apart: by the lower bits of their numbers.
SOURCES = 64

NUMBER = TransactionNumber.as_shape()


class _Row(data.Struct):
    """What is known of one place of one source."""

    known: 1
    """Something was performed."""

    count: NUMBER["count"].shape
    """The latest that was."""


class Performed(wiring.Component):
    """Remembers, for each place of each source, which transaction was performed last.

    None comes twice, unless it says so; what uses the same place comes later. What is asked for is
    looked at in the next cycle. What is remembered outlasts a reset, as memory does.

    Members
    -------
    fence : In(stream.Signature(FenceWord))
        A node is dead, or has begun anew: what it has sent before counts no more. Takes as many
        cycles as there are places.
    asks : In(1)
        Something is asked for; held, with its fields, until it is answered and recorded.
    source, number : In(16), In(TransactionNumber)
        Namely this transaction.
    answered : Out(1)
        There is an answer, which counts in this cycle.
    repeated : Out(1)
        The transaction was performed.
    record : In(1)
        With `answered`: it is performed now.
    """

    fence: In(stream.Signature(FenceWord))
    asks: In(1)
    source: In(NODE)
    number: In(TransactionNumber)
    answered: Out(1)
    repeated: Out(1)
    record: In(1)

    def elaborate(self, platform):
        m = Module()
        places = 1 << NUMBER["place"].width
        split = exact_log2(SOURCES)
        m.submodules.rows = rows = memory.Memory(shape=_Row, depth=SOURCES * places, init=[])
        read, write = rows.read_port(), rows.write_port()
        row = read.data

        cleared = Signal(range(places))
        current = Signal()  # The row was read since anything was written.
        m.d.comb += [
            self.fence.ready.eq(cleared == places - 1),
            read.addr.eq(Cat(self.number.place, self.source[:split])),
            read.en.eq(self.asks),
            self.answered.eq(current & self.asks & ~self.fence.valid),
            self.repeated.eq(self.number.repeated & row.known & (row.count == self.number.count)),
        ]
        m.d.sync += current.eq(self.asks & ~write.en)
        with m.If(self.fence.valid):
            m.d.comb += [
                write.en.eq(1),
                write.addr.eq(Cat(cleared, self.fence.p.node[:split])),
            ]
            m.d.sync += cleared.eq(cleared + 1)
        with m.Elif(self.record):
            m.d.comb += [
                write.en.eq(1),
                write.addr.eq(read.addr),
                write.data.known.eq(1),
                write.data.count.eq(self.number.count),
            ]
        return m
