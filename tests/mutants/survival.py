"""Mutants of what survives the failure of links, nodes and memories."""

from tests.mutants.runner import Mutant

__all__ = ["SURVIVAL"]

OPERATION = "tests/sw/runtime/test_operation.py"
ROLL_CALL = "tests/sw/driver/test_roll_call.py"

REMAP = "tests/sw/driver/test_remap.py"

SURVIVAL = (
    Mutant(
        "remap: who writes is not held off",
        "sw/intarsia/driver/steps.py",
        "writers = writable(before)",
        "writers = False",
        "tests/sw/driver/test_steps.py",
    ),
    Mutant(
        "remap: all moves are made one after another",
        "sw/intarsia/driver/remap.py",
        "return loads.index(min(loads))",
        "return 0",
        f"{REMAP}::test_moves_are_made_at_once",
    ),
    Mutant(
        "remap: the new place is told before the copy is there",
        "sw/intarsia/driver/steps.py",
        "        self._copy(before, copy, scratch)\n        self.know({**after, **held})\n",
        "        self.know({**after, **held})\n        self._copy(before, copy, scratch)\n",
        "tests/sw/driver/test_steps.py",
    ),
    Mutant(
        "remap: a replica keeps the version that it had",
        "sw/intarsia/driver/steps.py",
        'for copy in (entry, replica) if entry["replica"] != entry["node"] else (entry,):',
        "for copy in (entry,):",
        "tests/sw/driver/test_steps.py",
    ),
    Mutant(
        "homes: the dead stay homes",
        "hw/intarsia/isa/topology.py",
        "if dead not in old:",
        "if dead in old:",
        "tests/hw/isa/test_topology.py",
    ),
    Mutant(
        "homes: chips are not told of the dead before homes are",
        "sw/intarsia/runtime/deployment.py",
        "            self._fence(device)\n        self.atlas.rehome()\n",
        "            pass\n        self.atlas.rehome()\n",
        "tests/system/test_homes.py::test_a_memory_node_dies",
    ),
    Mutant(
        "tables: a chip's room is used twice",
        "sw/intarsia/runtime/tables.py",
        "found += [(start, base), (end, stop)]",
        "found += [(start, base), (base, stop)]",
        "tests/sw/runtime/test_tables.py",
    ),
    Mutant(
        "recovery: lost replicas are not made up for",
        "sw/intarsia/runtime/deployment.py",
        "if HOST_NODE not in self.stores:",
        "if self.stores is None:",
        "tests/system/test_survival.py::test_replicas_are_made_anew",
    ),
    Mutant(
        "sync: absent nodes are released too",
        "hw/intarsia/sync/port.py",
        "message.valid.eq(~absent[0])",
        "message.valid.eq(1)",
        "tests/hw/sync/test_port.py::test_port[tiny]",
    ),
    Mutant(
        "compiler: a group has no holes",
        "sw/intarsia/compiler/barriers.py",
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
