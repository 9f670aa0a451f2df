"""Nodes of the star that simulated systems are built as, and who keeps the map."""

from collections.abc import Sequence

__all__ = [
    "HOME_ENTRIES",
    "HOST_NODE",
    "MEMORY_NODE",
    "MEMORY_NODES",
    "ROUTES",
    "SHARER_PATIENCE",
    "Homes",
    "home_index",
    "homes",
    "rehomed",
    "survivors",
]

#: Entries of a node's routing table, found by the lower bits of the destination.
ROUTES = 64

#: DRAM behind a link.
MEMORY_NODE = 32

#: The host's memory.
HOST_NODE = 33

#: Nodes that are DRAM, as far as a system has them: replicas lie at the second one.
MEMORY_NODES = (MEMORY_NODE, 34)

#: Entries of a node's table of homes; see `home_index`.
HOME_ENTRIES = 8

#: Pulses of the timebase that nodes may take to say that they have forgotten an entry.
SHARER_PATIENCE = 24

#: Primary and backup home of tensors, by `home_index`.
Homes = Sequence[tuple[int, int]]


def home_index(data_id: int) -> int:
    """Which entry of the table of homes is that of a tensor: the lower bits of its data ID."""
    return data_id & (HOME_ENTRIES - 1)


def homes(keepers: Sequence[int] = (MEMORY_NODE, HOST_NODE)) -> Homes:
    """Homes, where the nodes `keepers` keep the map: in turn, each the backup of the one before.

    Raises
    ------
    :exc:`ValueError`
        If nobody keeps the map.
    """
    if not keepers:
        raise ValueError("At least one node must keep the map")
    return tuple(
        (keepers[index % len(keepers)], keepers[(index + 1) % len(keepers)])
        for index in range(HOME_ENTRIES)
    )


def survivors(table: Homes, dead: int) -> Homes:
    """Homes that know all entries when one of them has just died: the other one of each pair.

    They are to be asked until :func:`rehomed` ones have been told. Pairs stay that have no other.
    """

    def pair(old: tuple[int, int]) -> tuple[int, int]:
        first = next((node for node in old if node != dead), dead)
        return (first, first) if dead in old else old

    return tuple(pair(old) for old in table)


def rehomed(table: Homes, dead: int) -> Homes:
    """Homes without one that is dead: another one of the table stands in for it.

    Where the primary one is dead, its backup becomes the primary one; all others stay.

    Raises
    ------
    :exc:`ValueError`
        If no other is left.
    """
    left = [node for node in dict.fromkeys(sum(table, ())) if node != dead]
    if not left:
        raise ValueError("At least one node must keep the map")

    def pair(index: int, old: tuple[int, int]) -> tuple[int, int]:
        if dead not in old:
            return old
        first = next((node for node in old if node != dead), left[0])
        others = [node for node in left if node != first] or [first]
        return first, others[index % len(others)]

    return tuple(pair(index, old) for index, old in enumerate(table))
