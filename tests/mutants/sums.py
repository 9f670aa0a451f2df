"""Mutants of what adds sums exactly once, and of what says that nothing moves any more."""

from tests.mutants.runner import Mutant

__all__ = ["SUMS"]

ACCUMULATE = "tests/hw/dma/test_accumulate.py::test_accumulate[tiny]"
RESPONDER = "tests/hw/dma/test_responder.py::test_responder[tiny]"

SUMS = (
    Mutant(
        "sums: what is repeated is added again",
        "hw/intarsia/dma/performed.py",
        "self.repeated.eq(self.number.repeated & row.known",
        "self.repeated.eq(0 & row.known",
        ACCUMULATE,
    ),
    Mutant(
        "sums: what has a number that came before is taken for repeated",
        "hw/intarsia/dma/performed.py",
        "self.repeated.eq(self.number.repeated & row.known",
        "self.repeated.eq(row.known",
        ACCUMULATE,
    ),
    Mutant(
        "sums: what is repeated, but never came, is not added",
        "hw/intarsia/dma/performed.py",
        "(row.count == self.number.count)",
        "1",
        ACCUMULATE,
    ),
    Mutant(
        "sums: places are not told apart",
        "hw/intarsia/dma/performed.py",
        "read.addr.eq(Cat(self.number.place, self.source[:split]))",
        "read.addr.eq(Cat(Const(0, 3), self.source[:split]))",
        ACCUMULATE,
    ),
    Mutant(
        "sums: who is fenced is remembered",
        "hw/intarsia/dma/performed.py",
        "write.addr.eq(Cat(cleared, self.fence.p.node[:split]))",
        "write.addr.eq(Cat(cleared, ~self.fence.p.node[:split]))",
        ACCUMULATE,
    ),
    Mutant(
        "sums: half of who is fenced is remembered",
        "hw/intarsia/dma/performed.py",
        "self.fence.ready.eq(cleared == places - 1)",
        "self.fence.ready.eq(cleared == places // 2 - 1)",
        ACCUMULATE,
    ),
    Mutant(
        "sums: they are added to damaged bytes",
        "hw/intarsia/dma/responder.py",
        "scatter.void.eq(adding & (spoiled | gather.spoiled))",
        "scatter.void.eq(0)",
        ACCUMULATE,
    ),
    Mutant(
        "sums: those behind damaged bytes are added",
        "hw/intarsia/dma/responder.py",
        "scatter.void.eq(adding & (spoiled | gather.spoiled))",
        "scatter.void.eq(adding & gather.spoiled)",
        ACCUMULATE,
    ),
    Mutant(
        "sums: they are added to a replica",
        "hw/intarsia/dma/responder.py",
        "(found.replica == self.node) & (head.kind != PacketKind.ACCUMULATE)",
        "found.replica == self.node",
        ACCUMULATE,
    ),
    Mutant(
        "sums: what a READ still reads is taken for what is there",
        "hw/intarsia/dma/responder.py",
        "with m.Elif(gather.empty):",
        "with m.Elif(gather.span.ready):",
        ACCUMULATE,
    ),
    Mutant(
        "dma: the responder is quiet while it still reads",
        "hw/intarsia/dma/gather.py",
        "self.reading.eq(piece.valid)",
        "self.reading.eq(0)",
        RESPONDER,
    ),
)
