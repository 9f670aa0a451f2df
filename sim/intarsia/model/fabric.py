"""Nodes that hold fragments, and the transfers between them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from intarsia.isa.faults import FaultCode
from intarsia.model.faults import ModelFaultError
from intarsia.model.transfer import Rows, gather, scatter, summed

__all__ = ["Entry", "Fabric", "Node"]

#: Data ID and fragment.
Name = tuple[int, int]


@dataclass(frozen=True)
class Entry:
    """One fragment in a node's map; see :class:`~intarsia.isa.fragment.FragmentEntry`."""

    node: int
    base: int
    size: int
    read: bool
    write: bool
    accumulate: bool = False


@dataclass
class Node:
    """Memory and map of a node.

    Members
    -------
    number : int
    memory : numpy.ndarray
        uint8.
    entries : dict
        By data ID and fragment.
    """

    number: int
    memory: np.ndarray
    entries: dict[Name, Entry]


class Fabric:
    """All nodes.

    Members
    -------
    nodes : mapping of int to Node
    moved : int
        Bytes that were moved between nodes.
    """

    def __init__(self, nodes: Mapping[int, Node]):
        self.nodes = nodes
        self.moved = 0

    def read(self, node: int, name: Name, rows: Rows) -> np.ndarray:
        """What a READ of `node` brings.

        Parameters
        ----------
        node : int
            Who asks.
        name : (int, int)
            Data ID and fragment.
        rows : Rows
            Addresses count from the start of the fragment.

        Raises
        ------
        :exc:`ModelFaultError`
            ATU_MISS, PERMISSION or BOUNDS.
        """
        holder, entry = self._resolve(node, name, rows, "read")
        moved = gather(holder.memory, rows.moved(entry.base))
        self.moved += moved.size
        return moved

    def write(self, node: int, name: Name, rows: Rows, moved: np.ndarray) -> None:
        """Commits a WRITE of `node`; as :meth:`read`."""
        holder, entry = self._resolve(node, name, rows, "write")
        scatter(holder.memory, rows.moved(entry.base), moved)
        self.moved += moved.size

    def accumulate(self, node: int, name: Name, rows: Rows, moved: np.ndarray) -> None:
        """Commits an ACCUMULATE of `node`; as :meth:`read`."""
        holder, entry = self._resolve(node, name, rows, "accumulate")
        place = rows.moved(entry.base)
        scatter(holder.memory, place, summed(gather(holder.memory, place), moved))
        self.moved += moved.size

    def _resolve(self, node: int, name: Name, rows: Rows, what: str) -> tuple[Node, Entry]:
        holder = self.nodes[self._entry(self.nodes[node], name).node]
        entry = self._entry(holder, name)
        about = f"data ID {name[0]:#x}, fragment {name[1]} at node {holder.number}"
        if not getattr(entry, what):
            raise ModelFaultError(FaultCode.PERMISSION, f"node {node} may not {what} {about}")
        _, stop = rows.extent()
        if stop > entry.size:
            raise ModelFaultError(
                FaultCode.BOUNDS,
                f"node {node} asks for bytes up to {stop} of {about}, which has {entry.size}",
            )
        return holder, entry

    def _entry(self, node: Node, name: Name) -> Entry:
        entry = node.entries.get(name)
        if entry is None:
            raise ModelFaultError(
                FaultCode.ATU_MISS,
                f"node {node.number} has no entry for data ID {name[0]:#x}, fragment {name[1]}",
            )
        return entry
