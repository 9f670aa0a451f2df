"""Nodes that don't answer any more."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.isa.address import NODE
from intarsia.isa.registers import FenceWord

__all__ = ["NODES", "Fence"]

#: Nodes that are told apart, by the lower bits of their numbers; and as many as share a row.
NODES = 64
ROW = 4


class Fence(wiring.Component):
    """Remembers which nodes are dead.

    After a reset none is. It takes 16 cycles to forget those of before, in which nothing must be
    asked.

    Parameters
    ----------
    questions : int
        Nodes that can be asked for at once.

    Members
    -------
    ready : Out(1)
        Nodes can be asked for.
    word : In(stream.Signature(FenceWord))
        From the host.
    lost : In(stream.Signature(16))
        A node that has not answered.
    node : In(16).array(questions)
    dead : Out(questions)
        Whether each node is dead, in the same cycle.
    """

    def __init__(self, *, questions):
        self.questions = questions
        super().__init__({
            "ready": Out(1),
            "word": In(stream.Signature(FenceWord)),
            "lost": In(stream.Signature(NODE)),
            "node": In(NODE).array(questions),
            "dead": Out(questions),
        })

    def elaborate(self, platform):
        m = Module()
        rows = NODES // ROW
        split = exact_log2(rows)

        def place(node):
            """Row of `node`, and where it is in that."""
            return node[:split], node[split : exact_log2(NODES)]

        m.submodules.table = table = memory.Memory(shape=unsigned(ROW), depth=rows, init=[])
        for n, node in enumerate(self.node):
            read = table.read_port(domain="comb")
            row, bit = place(node)
            m.d.comb += [read.addr.eq(row), self.dead[n].eq(read.data.bit_select(bit, 1))]

        # A row is read and written in one cycle.
        cleared = Signal(split + 1)
        write, old = table.write_port(), table.read_port(domain="comb")
        named = Signal(exact_log2(NODES))
        row, bit = place(named)
        dead = Signal()
        mark = Signal(ROW)
        m.d.comb += [
            self.ready.eq(cleared[-1]),
            self.word.ready.eq(self.ready),
            named.eq(Mux(self.word.valid, self.word.p.node, self.lost.p)),
            dead.eq(~self.word.valid | self.word.p.dead),
            mark.eq(1 << bit),
            self.lost.ready.eq(~self.word.valid),
            old.addr.eq(row),
            write.addr.eq(Mux(self.ready, row, cleared)),
            write.data.eq(Mux(dead, old.data | mark, old.data & ~mark) & self.ready.replicate(ROW)),
            write.en.eq(~self.ready | self.word.valid | self.lost.valid),
        ]
        with m.If(~self.ready):
            m.d.sync += cleared.eq(cleared + 1)

        return m
