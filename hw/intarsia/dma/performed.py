"""Which transactions have been performed, so that none is performed twice."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.isa.address import NODE
from intarsia.isa.registers import FenceWord

__all__ = ["SOURCES", "WINDOW", "Performed"]

#: Nodes that are told apart: by the lower bits of their numbers.
SOURCES = 64

#: Transactions of each that are remembered. A power of two.
WINDOW = 16


class _Row(data.Struct):
    """What is known of one source."""

    known: 1
    """It has sent something."""

    latest: 16
    """Its latest transaction that was performed; they are compared modulo 2^16."""

    performed: WINDOW
    """Bit *n*: the one *n* before that was performed, too."""


class Performed(wiring.Component):
    """Remembers, per source, which of its last `WINDOW` transactions were performed.

    What is asked for is looked at in the next cycle. After a reset nothing is known of anybody;
    until that is written, for `SOURCES` cycles, there are no answers.

    Members
    -------
    fence : In(stream.Signature(FenceWord, always_ready=True))
        A node is dead, or has begun anew: what it has sent before counts no more.
    asks : In(1)
        Something is asked for; held, with its fields, until it is answered and recorded.
    source, number : In(16), In(16)
        Namely this transaction.
    answered : Out(1)
        There is an answer, which counts in this cycle.
    repeated : Out(1)
        The transaction was performed.
    outdated : Out(1)
        It is older than what is remembered.
    record : In(1)
        With `answered`, where it is neither: it is performed now.
    """

    fence: In(stream.Signature(FenceWord, always_ready=True))
    asks: In(1)
    source: In(NODE)
    number: In(16)
    answered: Out(1)
    repeated: Out(1)
    outdated: Out(1)
    record: In(1)

    def elaborate(self, platform):
        m = Module()
        m.submodules.rows = rows = memory.Memory(shape=_Row, depth=SOURCES, init=[])
        read, write = rows.read_port(), rows.write_port()
        row = read.data

        swept = Signal(range(SOURCES + 1))
        sweeping = Signal()
        current = Signal()  # The row was read since anything was written.
        m.d.comb += [
            sweeping.eq(swept != SOURCES),
            read.addr.eq(self.source),
            read.en.eq(self.asks),
            self.answered.eq(current & self.asks & ~self.fence.valid),
        ]
        m.d.sync += current.eq(self.asks & ~write.en)

        after = Signal(16)
        before = Signal(16)
        with m.If(current):
            m.d.comb += [
                after.eq(self.number - row.latest),
                before.eq(row.latest - self.number),
            ]
        newer = Signal()
        recent = Signal()
        place = before[: exact_log2(WINDOW)]
        m.d.comb += [
            newer.eq(~row.known | (~after[-1] & (after != 0))),
            recent.eq(before < WINDOW),
            self.repeated.eq(~newer & recent & row.performed.bit_select(place, 1)),
            self.outdated.eq(~newer & ~recent),
        ]

        with m.If(self.fence.valid):
            m.d.comb += [write.en.eq(1), write.addr.eq(self.fence.p.node)]
        with m.Elif(sweeping):
            m.d.comb += [write.en.eq(1), write.addr.eq(swept)]
            m.d.sync += swept.eq(swept + 1)
        with m.Elif(self.record):
            m.d.comb += [
                write.en.eq(1),
                write.addr.eq(self.source),
                write.data.known.eq(1),
                write.data.latest.eq(Mux(newer, self.number, row.latest)),
            ]
            with m.If(~newer):
                m.d.comb += write.data.performed.eq(row.performed | (1 << place))
            with m.Elif(row.known & (after < WINDOW)):
                m.d.comb += write.data.performed.eq((row.performed << after[: len(place)]) | 1)
            with m.Else():
                m.d.comb += write.data.performed.eq(1)

        return m
