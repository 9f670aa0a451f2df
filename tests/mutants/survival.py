"""Mutants of what survives the failure of links, nodes and memories."""

from tests.mutants.runner import Mutant

__all__ = ["SURVIVAL"]

OPERATION = "tests/sw/runtime/test_operation.py"
ROLL_CALL = "tests/sw/driver/test_roll_call.py"

SURVIVAL = (
    Mutant(
        "sync: absent nodes are released too",
        "hw/intarsia/sync/port.py",
        "message.valid.eq(~absent[0])",
        "message.valid.eq(1)",
        "tests/hw/sync/test_port.py::test_port[tiny]",
    ),
    Mutant(
        "compiler: a group has no holes",
        "sw/intarsia/compiler/lower.py",
        "absent=sum(1 << node - first for node in absent)",
        "absent=0",
        "tests/sim/model/test_machine.py::test_chips_may_be_any_nodes",
    ),
    Mutant(
        "recovery: what passes is begun again for ever",
        "sw/intarsia/runtime/operation.py",
        "len(self.restarts) - before < MOST_RESTARTS",
        "True",
        OPERATION,
    ),
    Mutant(
        "recovery: the dead are planned for",
        "sw/intarsia/runtime/operation.py",
        "left = [node for node in self.plan.nodes if node not in lost]",
        "left = list(self.plan.nodes)",
        OPERATION,
    ),
    Mutant(
        "recovery: nobody is told who is dead",
        "sw/intarsia/runtime/operation.py",
        "fenced=[*self.lost]",
        "fenced=[]",
        OPERATION,
    ),
    Mutant(
        "roll call: who fails once is dead",
        "sw/intarsia/driver/roll_call.py",
        "PAUSES = (SETTLING, TIMEBASE)",
        "PAUSES = (SETTLING,)",
        ROLL_CALL,
    ),
    Mutant(
        "roll call: chips are called while others still run",
        "sw/intarsia/driver/roll_call.py",
        "    transport.rest(SETTLING)\n    permissions",
        "    permissions",
        ROLL_CALL,
    ),
    Mutant(
        "faults: a byte may be hit twice",
        "sim/intarsia/cosim/faults.py",
        "found.setdefault((chip, address), flip)",
        "found[len(found), 0] = flip",
        "tests/sim/cosim/test_spec.py",
    ),
)
