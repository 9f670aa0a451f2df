"""Nodes of the star that simulated systems are built as."""

__all__ = ["HOST_NODE", "MEMORY_NODE", "ROUTES"]

#: Entries of a node's routing table, found by the lower bits of the destination.
ROUTES = 64

#: DRAM behind a link.
MEMORY_NODE = 32

#: The host's memory.
HOST_NODE = 33
