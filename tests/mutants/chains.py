"""Mutants of chains: what one engine hands on to the other, and who may start when."""

from tests.mutants.runner import Mutant

__all__ = ["CHAINS"]

CONV = "tests/hw/conv/test_engine.py::test_engine[tiny]"
VECTOR = "tests/hw/vector/test_engine.py::test_engine[tiny]"
SEQUENCER = "tests/hw/sequencer/test_sequencer.py::test_sequencer[straight]"
PAIR = "tests/hw/chip/test_chain.py::test_chain[tiny]"
FUSION = "tests/sw/compiler/test_fusion.py"

CHAINS = (
    Mutant(
        "chains: what is handed on is written, too",
        "hw/intarsia/conv/writer.py",
        "request.valid.eq(full & ~self.chained)",
        "request.valid.eq(full)",
        CONV,
    ),
    Mutant(
        "chains: a damaged job hands on fewer vectors",
        "hw/intarsia/conv/writer.py",
        "full.eq(move & (self.chained | ~self.suppress))",
        "full.eq(move & ~self.suppress)",
        PAIR,
    ),
    Mutant(
        "chains: vectors of a damaged job are taken for good",
        "hw/intarsia/conv/writer.py",
        "void.eq(self.suppress)",
        "void.eq(0)",
        CONV,
    ),
    Mutant(
        "chains: what nobody takes is waited for",
        "hw/intarsia/conv/writer.py",
        "chain.ready | self.forsaken, request.ready",
        "chain.ready, request.ready",
        CONV,
    ),
    Mutant(
        "chains: a job that writes says that it delivers",
        "hw/intarsia/conv/drain.py",
        "self.delivers.eq(self.busy & job.chained)",
        "self.delivers.eq(self.busy)",
        CONV,
    ),
    Mutant(
        "chains: channels of a pixel follow one another, as in memory",
        "hw/intarsia/vector/walker.py",
        "plane.eq(work.chained & self.add)",
        "plane.eq(0)",
        VECTOR,
    ),
    Mutant(
        "chains: terms keep their places",
        "hw/intarsia/vector/arithmetic.py",
        "swapped = work.swapped",
        "swapped = Const(0)",
        VECTOR,
    ),
    Mutant(
        "chains: too much or too little goes unnoticed",
        "hw/intarsia/vector/engine.py",
        "state.wrong.eq(self.chain.p.void | (self.chain.p.last ^ step.p.final))",
        "state.wrong.eq(self.chain.p.void)",
        VECTOR,
    ),
    Mutant(
        "chains: what is left of a failed job goes to the next one",
        "hw/intarsia/vector/engine.py",
        "swallows.eq(chained & ~ended)",
        "swallows.eq(0)",
        VECTOR,
    ),
    Mutant(
        "chains: void vectors are reported twice",
        "hw/intarsia/vector/engine.py",
        "fault.valid.eq(fault.p.code != FaultCode.NONE)",
        "fault.valid.eq(1)",
        VECTOR,
    ),
    Mutant(
        "chains: an instruction starts before anything is delivered",
        "hw/intarsia/sequencer/station.py",
        "unmet.eq(self.chained & ~(self.wanted_chain & own).any())",
        "unmet.eq(0)",
        SEQUENCER,
    ),
    Mutant(
        "chains: an instruction takes what is delivered to another context",
        "hw/intarsia/sequencer/station.py",
        "unmet.eq(self.chained & ~(self.wanted_chain & own).any())",
        "unmet.eq(self.chained & ~self.wanted_chain.any())",
        SEQUENCER,
    ),
    Mutant(
        "chains: who has made room is not called when something is delivered",
        "hw/intarsia/sequencer/sequencer.py",
        "watch.changed.eq(tokens.changed | rung | called)",
        "watch.changed.eq(tokens.changed | rung)",
        SEQUENCER,
    ),
    Mutant(
        "chains: two instructions take what is delivered once",
        "hw/intarsia/sequencer/coupling.py",
        "met.eq(self.delivers & (met | self.taken))",
        "met.eq(0)",
        SEQUENCER,
    ),
    Mutant(
        "chains: a context that was stopped is waited for",
        "hw/intarsia/sequencer/coupling.py",
        "alone & ~self.taken & ~(self.alive & own).any()",
        "0",
        SEQUENCER,
    ),
    Mutant(
        "chains: a sum goes into the earlier of two convolutions",
        "sw/intarsia/compiler/fusion.py",
        "and all(other < maker for other in earlier)",
        "",
        FUSION,
    ),
    Mutant(
        "chains: what somebody else wants, too, is not written",
        "sw/intarsia/compiler/fusion.py",
        "and users[name] == 1",
        "",
        FUSION,
    ),
    Mutant(
        "chains: a sum is written over what the convolution reads",
        "sw/intarsia/compiler/allocate.py",
        "        for access in work.used:",
        "        for access in work.accesses:",
        FUSION,
    ),
    Mutant(
        "chains: the convolution engine is held up by what is not there yet",
        "sw/intarsia/compiler/schedule.py",
        "_meet(work.used if leads else work.accesses",
        "_meet(work.accesses",
        FUSION,
    ),
)
