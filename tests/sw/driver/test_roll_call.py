"""Nodes count as dead when they fail twice, by whichever way; the others are left as they are."""

import pytest

from intarsia.driver.errors import DriverError, NetworkError, SilentNodeError
from intarsia.driver.roll_call import PAUSES, SETTLING, begin_anew
from intarsia.isa.bits import decode
from intarsia.isa.fragment import FragmentEntry
from intarsia.isa.registers import IDENTITY, Register
from intarsia.isa.topology import HOST_NODE, MEMORY_NODES

CHIPS = (1, 4)
MEMORY, OTHER = MEMORY_NODES


class System:
    """Control ports and a network; what is in `silent` or `unreachable` fails so many times."""

    def __init__(self, silent=None, unreachable=None):
        self.silent, self.unreachable = silent or {}, unreachable or {}
        self.log, self.kept, self.numbers = [], {}, {}

    def fail(self, failures, node, error):
        if failures.get(node, 0):
            failures[node] -= 1
            raise error

    def read(self, chip, register):
        self.fail(self.silent, chip, SilentNodeError(chip, f"chip {chip} says nothing"))
        return IDENTITY if register == Register.ID.value else 0

    def write(self, chip, register, value):
        if register == Register.NODE.value:
            self.numbers[chip] = value
        return 0

    def reset(self, chip):
        self.log.append(("reset", chip))

    def rest(self, cycles):
        self.log.append(("rest", cycles))

    def place(self, node, *_):
        self.log.append(("place", node))

    def keep(self, home, entry):
        found = decode(FragmentEntry, int.from_bytes(entry, "little"))
        self.kept.setdefault(found.node, set()).add(home)

    def transfer(self, *, node, write, **_):
        self.log.append(("write" if write else "read", node))
        assert write == (node in CHIPS)
        assert not write or self.numbers[node] == node
        self.fail(self.unreachable, node, NetworkError(f"nothing gets to node {node}"))


FOREVER = 1 << 30


def test_all_are_reset_before_any_is_called():
    system = System()
    assert begin_anew(system, CHIPS, [MEMORY]) == {}
    assert system.log[:3] == [("reset", 1), ("reset", 4), ("rest", SETTLING)]
    assert [what for what in system.log if what[0] in ("read", "write")] == [
        ("read", MEMORY),
        ("write", 1),
        ("write", 4),
    ]


def test_silent_chips_are_dead():
    system = System(silent={4: FOREVER})
    assert begin_anew(system, CHIPS, [MEMORY]) == {4: "chip 4 says nothing"}
    assert ("write", 4) not in system.log


def test_chips_that_nothing_reaches_are_dead():
    assert begin_anew(System(unreachable={1: FOREVER}), CHIPS, [MEMORY]) == {
        1: "nothing gets to node 1"
    }


@pytest.mark.parametrize("how", ["silent", "unreachable"])
def test_one_failure_is_forgiven_after_a_pause(how):
    system = System(**{how: {4: len(PAUSES) - 1}})
    assert begin_anew(system, CHIPS, [MEMORY]) == {}
    assert system.log.count(("rest", SETTLING)) == 2


def test_memory_nodes_are_called_first_and_then_keep_the_map():
    system = System(unreachable={MEMORY: FOREVER})
    assert begin_anew(system, CHIPS, MEMORY_NODES) == {MEMORY: f"nothing gets to node {MEMORY}"}
    assert system.kept.keys() == {*CHIPS}
    assert all(homes <= {OTHER, HOST_NODE} for homes in system.kept.values())


def test_what_is_no_chip_is_not_dead_but_an_error():
    system = System()
    system.read = lambda *_: 0
    with pytest.raises(DriverError, match="identifies itself"):
        begin_anew(system, CHIPS, [MEMORY])
