"""Nodes that don't answer any more."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import NODE
from intarsia.isa.registers import FenceWord

__all__ = ["NODES", "Fence"]

#: Nodes that are told apart: by the lower bits of their numbers.
NODES = 64


class Fence(wiring.Component):
    """Remembers which nodes are dead. After a reset none is.

    Parameters
    ----------
    questions : int
        Nodes that can be asked for at once.

    Members
    -------
    word : In(stream.Signature(FenceWord, always_ready=True))
        From the host.
    lost : In(stream.Signature(16))
        A node that has not answered. Waits while there is a `word`.
    node : In(16).array(questions)
    dead : Out(questions)
        Whether each node is dead, in the same cycle.
    """

    def __init__(self, *, questions):
        self.questions = questions
        super().__init__({
            "word": In(stream.Signature(FenceWord, always_ready=True)),
            "lost": In(stream.Signature(NODE)),
            "node": In(NODE).array(questions),
            "dead": Out(questions),
        })

    def elaborate(self, platform):
        m = Module()

        dead = Signal(NODES)
        index = range(NODES)
        named = Signal(index)
        m.d.comb += [
            named.eq(Mux(self.word.valid, self.word.p.node, self.lost.p)),
            self.lost.ready.eq(~self.word.valid),
        ]
        with m.If(self.word.valid | self.lost.valid):
            m.d.sync += dead.bit_select(named, 1).eq(~self.word.valid | self.word.p.dead)
        for n, node in enumerate(self.node):
            m.d.comb += self.dead[n].eq(dead.bit_select(node[: len(named)], 1))

        return m
