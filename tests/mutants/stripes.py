"""Mutants of weights that lie in stripes, and of instructions with many operands."""

from tests.mutants.runner import Mutant

__all__ = ["STRIPES"]

CONV = "tests/hw/conv/test_engine.py::test_engine_with_weight_ports[2]"
LOADER = "hw/intarsia/conv/weights.py"

STRIPES = (
    Mutant(
        "stripes: a request that was taken is made again until all are",
        LOADER,
        "request.valid.eq(going & used[n] & ~asked[n])",
        "request.valid.eq(going & used[n])",
        CONV,
    ),
    Mutant(
        "stripes: a row is complete without its second vector",
        LOADER,
        "self.o.valid.eq((there | ~Cat(used)).all())",
        "self.o.valid.eq(there[0])",
        CONV,
    ),
    Mutant(
        "stripes: all lie behind the first one's start",
        LOADER,
        "place = (start + distance)",
        "place = (self.starts[0] + distance)",
        CONV,
    ),
    Mutant(
        "stripes: the last row of a block with an odd number of columns is forgotten",
        "hw/intarsia/conv/passes.py",
        "rows = (columns + config.weight_ports - 1) >>",
        "rows = columns >>",
        CONV,
    ),
    Mutant(
        "stripes: damage in the second one is nobody's business",
        "hw/intarsia/conv/engine.py",
        "        for share in shares:\n            weight_data",
        "        for share in shares[:1]:\n            weight_data",
        CONV,
    ),
    Mutant(
        "stripes: every second column is dealt out, the others are not",
        "sw/intarsia/compiler/blobs.py",
        "whole[:, number::ports]",
        "whole[:, ::ports]",
        "tests/sw/compiler/test_blobs.py",
    ),
    Mutant(
        "operands: those of the second unit reach the engine as they were in the program",
        "hw/intarsia/sequencer/fetcher.py",
        "self.body.p.content.eq(Cat(words[PER_UNIT:])),",
        "self.body.p.content.eq(0),",
        "tests/hw/sequencer/test_sequencer.py",
    ),
)
