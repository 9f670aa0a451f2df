"""Each tensor has two homes that live, as long as there are two."""

import itertools

import pytest

from intarsia.isa.topology import HOST_NODE, MEMORY_NODES, homes, rehomed, survivors

KEEPERS = (0, 1, 2, *MEMORY_NODES, HOST_NODE)


@pytest.mark.parametrize("count", range(1, 7))
def test_homes_are_dealt_out(count):
    keepers = KEEPERS[:count]
    table = homes(keepers)
    assert len(table) == 8
    assert {node for pair in table for node in pair} == {*keepers}
    assert all((first == second) == (count == 1) for first, second in table)


@pytest.mark.parametrize("order", [*itertools.permutations(KEEPERS, 3)])
def test_others_stand_in_for_the_dead(order):
    """Pairs without a dead node stay; of the others, the living node is the primary one."""
    table = homes(KEEPERS)
    for count, dead in enumerate(order, 1):
        after = rehomed(table, dead)
        meanwhile = survivors(table, dead)
        left = {*KEEPERS} - {*order[:count]}
        for old, between, new in zip(table, meanwhile, after, strict=True):
            assert between == ((new[0], new[0]) if dead in old else old)
            assert {*new} <= left and new[0] != new[1]
            assert new == old or dead in old
            assert new[0] in old or {*old} == {dead}
        table = after


def test_somebody_must_keep_the_map():
    alone = rehomed(homes((1, 2)), 2)
    assert alone == survivors(alone, 1) == ((1, 1),) * 8
    for step in (lambda: homes(()), lambda: rehomed(alone, 1)):
        with pytest.raises(ValueError, match="At least one node must keep the map"):
            step()
