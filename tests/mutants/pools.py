"""Mutants of pools with several windows of what a convolution hands on."""

from tests.mutants.runner import Mutant

__all__ = ["POOLS"]

VECTOR = "tests/hw/vector/test_engine.py::test_engine[tiny]"
FUSION = "tests/sw/compiler/test_fusion.py"

POOLS = (
    Mutant(
        "pools: a window forgets its rows where a column of it begins",
        "hw/intarsia/vector/windows.py",
        "tap.p.first.eq(begins.all())",
        "tap.p.first.eq(begins.any())",
        VECTOR,
    ),
    Mutant(
        "pools: windows that the map cuts off do not end",
        "hw/intarsia/vector/windows.py",
        "ends[n].eq(axis.last | (axis.ends & (number == 0)))",
        "ends[n].eq(axis.ends & (number == 0))",
        VECTOR,
    ),
    Mutant(
        "pools: a job is done before all vectors have come",
        "hw/intarsia/vector/windows.py",
        "given = ~(partials.o.p.final & self.busy)",
        "given = Const(1)",
        VECTOR,
    ),
    Mutant(
        "pools: void vectors are pooled",
        "hw/intarsia/vector/windows.py",
        "self.wrong.eq(chain.p.void | (chain.p.last ^ final))",
        "self.wrong.eq(chain.p.last ^ final)",
        VECTOR,
    ),
    Mutant(
        "pools: the tap before is not seen",
        "hw/intarsia/vector/partials.py",
        "transparent_for=(write,)",
        "transparent_for=()",
        VECTOR,
    ),
    Mutant(
        "pools: more windows begin than there are",
        "hw/intarsia/vector/axis.py",
        "begins.eq((wait == 1) & ~self.all_begun)",
        "begins.eq(wait == 1)",
        VECTOR,
    ),
    Mutant(
        "pools: windows of a chip that has no room for them are begun",
        "hw/intarsia/vector/inspector.py",
        "self.windowed.eq(axes.any() if self._windows else 0)",
        "self.windowed.eq(axes.any())",
        "tests/hw/vector/test_engine.py::test_engine[ecp5-85k]",
    ),
    Mutant(
        "pools: a slow pool holds up other convolutions",
        "sw/intarsia/compiler/fusion.py",
        "or (not overlapped and _is_awaited(workload, maker, op))",
        "or not overlapped",
        FUSION,
    ),
    Mutant(
        "pools: there is always room for windows",
        "sw/intarsia/compiler/pooling.py",
        "or _open(window, columns) > config.pool_entries",
        "or not config.pool_entries",
        FUSION,
    ),
    Mutant(
        "pools: windows of different sizes have one divisor",
        "sw/intarsia/compiler/pooling.py",
        "return all(fields == first for fields in rest)",
        "return True",
        FUSION,
    ),
    Mutant(
        "pools: a stripe's windows begin at the top of the map",
        "sw/intarsia/compiler/pooling.py",
        "above = taken.top - (box.top * window.stride[0] - window.padding[0])",
        "above = window.padding[0]",
        FUSION,
    ),
)
