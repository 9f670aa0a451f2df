"""Mutants of what accounts for cycles."""

from tests.mutants.runner import Mutant

__all__ = ["ACCOUNTS"]

LEDGER = "sw/intarsia/runtime/stalls.py"
STALLS = "tests/sw/runtime/test_stalls.py"

ACCOUNTS = (
    Mutant(
        "stalls: waiting counts for what was before",
        LEDGER,
        "yield layer if cycle < end else self._layers",
        "yield self._under_way[chip, stream]",
        STALLS,
    ),
    Mutant(
        "stalls: waiting for the next inference counts for its first layer",
        LEDGER,
        "yield layer if cycle < end else self._layers",
        "yield layer",
        STALLS,
    ),
    Mutant(
        "stalls: what is complete goes on",
        LEDGER,
        "self._under_way[chip, stream] = self._layers\n",
        "pass\n",
        STALLS,
    ),
    Mutant(
        "stalls: cycles outside of the inference count",
        LEDGER,
        "np.diff(np.clip(marks, first, last), axis=0)",
        "np.diff(marks, axis=0)",
        STALLS,
    ),
    Mutant(
        "activities: the cycle that is asked for counts",
        "sim/intarsia/cosim/core/activities.hpp",
        "for (uint64_t n = cycle; n < end; ++n)",
        "for (uint64_t n = cycle + 1; n < end; ++n)",
        "tests/system/test_stalls.py",
    ),
    Mutant(
        "activities: what is forgotten was not counted",
        "sim/intarsia/cosim/core/activities.hpp",
        "        counted_ -= KEPT;\n",
        "        counted_ = 0;\n",
        "tests/system/test_stalls.py",
    ),
    Mutant(
        "chip: the trace tells of one stream what another does",
        "hw/intarsia/chip/chip.py",
        "self.trace_activity[n].eq(sequencer.activity[n]),",
        "self.trace_activity[n].eq(sequencer.activity[0]),",
        "tests/system/test_stalls.py",
    ),
)
