"""Nodes of the star that simulated systems are built as."""

__all__ = ["HOMES", "HOST_NODE", "MEMORY_NODE", "ROUTES", "home"]

#: Entries of a node's routing table, found by the lower bits of the destination.
ROUTES = 64

#: DRAM behind a link.
MEMORY_NODE = 32

#: The host's memory.
HOST_NODE = 33

#: Nodes that keep tables of map entries; a power of two of them.
HOMES = (MEMORY_NODE,)


def home(data_id: int) -> int:
    """Node that keeps the map entries of all fragments of a tensor.

    Homes are spread by the lower bits of the data ID.
    """
    return HOMES[data_id & (len(HOMES) - 1)]
