"""Errands of one group say what is done where, in an order that leaves nobody without the bytes."""

import pytest

from intarsia.driver.steps import RemapError, Steps
from intarsia.driver.transport import Errand, ErrandKind
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE, home_index, homes

CHIPS = 4
TENSOR = 0x123_000_0001


def steps(dead=()):
    errand = Errand(kind=ErrandKind.PLACE, node=0, data_id=0, fragment=0, lane=3, group=9)
    return Steps(homes((0, 1, MEMORY_NODE)), set(dead), CHIPS, errand)


def entry(node, **fields):
    return {
        "data_id": TENSOR,
        "fragment": 2,
        "node": node,
        "replica": node,
        "base": 0x100,
        "size": 64,
        "version": 5,
        "permissions": {"read": 1},
        **fields,
    }


def kinds(made):
    return [errand.kind.name for errand in made.errands]


def test_all_are_of_one_lane_and_group():
    made = steps()
    made.move(entry(MEMORY_NODE), entry(2, version=6), 0)
    assert {(errand.lane, errand.group) for errand in made.errands} == {(3, 9)}


def test_the_new_place_is_told_when_the_copy_is_complete():
    """And the old one is left only then."""
    made = steps()
    stands = made.move(entry(MEMORY_NODE), entry(HOST_NODE, version=6), 0)
    assert kinds(made) == ["PLACE", "READ", "WRITE", "PLACE", "UPDATE", "PLACE", "PLACE"]
    assert stands == kinds(made).index("UPDATE")
    left = made.errands[stands + 1].region
    assert left is not None and left.gone
    assert [errand.gentle for errand in made.errands[1:3]] == [False, False]


def test_writers_are_held_off():
    """By the first update, and let in by the last one of the fragment."""
    made = steps()
    writable = {"read": 1, "write": 1}
    made.move(entry(2, permissions=writable), entry(3, version=6, permissions=writable), 0)
    assert kinds(made) == [
        "UPDATE",  # held off
        "UPDATE",  # the copy is staged
        "READ",
        "WRITE",
        "UPDATE",  # the new place, still held off
        "UPDATE",  # let in
        "UPDATE",  # the copy is no more
    ]
    assert all(errand.gentle for errand in made.errands[2:4])


def test_replicas_keep_their_versions():
    """The fragment stays; its entry says where the replica is once that is there."""
    made = steps()
    after = entry(MEMORY_NODE, replica=HOST_NODE, replica_base=0x700)
    assert made.replicate(entry(MEMORY_NODE), after, 0) == len(made.errands) - 1
    assert kinds(made) == ["PLACE", "READ", "WRITE", "PLACE", "UPDATE", "PLACE"]
    placed = made.errands[3]
    assert placed.region is not None
    assert (placed.node, placed.region.base, placed.region.version) == (HOST_NODE, 0x700, 5)


def test_both_copies_know_a_new_version():
    made = steps()
    made.know(entry(MEMORY_NODE, replica=HOST_NODE, replica_base=0x700, version=6))
    assert [(errand.kind.name, errand.node) for errand in made.errands[:2]] == [
        ("PLACE", MEMORY_NODE),
        ("PLACE", HOST_NODE),
    ]


def test_dead_homes_are_left_out():
    """Then all chips are told, as nobody knows who asked the dead one."""
    primary, backup = homes((0, 1, MEMORY_NODE))[home_index(TENSOR)]
    both, alone = steps(), steps([primary])
    both.update(entry(2))
    alone.update(entry(2))
    [told], [left] = both.errands, alone.errands
    assert (told.node, told.backup, told.below) == (primary, backup, 0)
    assert (left.node, left.backup, left.below) == (backup, backup, CHIPS)
    with pytest.raises(RemapError, match=r"Fragment 2 of data ID .* has no home that lives"):
        steps([primary, backup]).update(entry(2))
