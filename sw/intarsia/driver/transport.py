"""What carries the driver's words to the chips: a simulator, or a board."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from intarsia.isa.topologies import Topology

__all__ = ["Interrupt", "Transport"]


class Interrupt(NamedTuple):
    """A chip wants to be looked at."""

    cycle: int
    """When the last of its interrupts rose."""

    notified: bool
    """It executed a NOTIFY, and its doorbell was not rung since."""

    faulted: bool
    """It has a fault to report."""


class Transport(Protocol):
    """Registers of chips, memory of the nodes that the host owns, and interrupts.

    Driver code is the same over every implementation. Chips are named by their nodes.
    """

    @property
    def chips(self) -> int:
        """Number of chips; their nodes are 0, 1, 2 and so on."""
        ...

    @property
    def topology(self) -> Topology:
        """How they are wired, and by which ports packets are to leave."""
        ...

    def avoid(self, dead: Iterable[int]) -> None:
        """Change `topology` so that nothing passes chips that are dead.

        What is between chips heeds it at once; chips must be told.

        Raises
        ------
        :exc:`intarsia.isa.topologies.TopologyError`
            If others are cut off by that.
        """
        ...

    @property
    def now(self) -> int:
        """Cycles since the system came up."""
        ...

    @property
    def accesses(self) -> int:
        """Register accesses so far."""
        ...

    def read(self, chip: int, address: int) -> int:
        """Read a register.

        Raises
        ------
        :exc:`intarsia.driver.errors.DriverError`
            If the chip refuses.
        :exc:`intarsia.driver.errors.SilentNodeError`
            If it does not answer.
        """
        ...

    def write(self, chip: int, address: int, value: int) -> int:
        """Write a register. Returns the cycle in which the chip accepted it. Raises as `read`."""
        ...

    def store(self, node: int, address: int, content: bytes) -> None:
        """Put bytes into the memory of the memory node or the host node."""
        ...

    def load(self, node: int, address: int, size: int) -> bytes:
        """Bytes in the memory of the memory node or the host node."""
        ...

    def place(
        self,
        node: int,
        data_id: int,
        fragment: int,
        base: int,
        size: int,
        version: int,
        permissions: int,
    ) -> None:
        """Put a fragment on the map of the memory node or the host node, or move it."""
        ...

    def keep(self, node: int, entry: bytes) -> None:
        """Put a map entry into the table of its home, the memory node or the host node.

        Chips that have an earlier entry of the same fragment keep it until they are told to forget.
        """
        ...

    def transfer(
        self, *, write: bool, node: int, logical_address: bytes, local: int, size: int
    ) -> None:
        """Move bytes between the host node's memory and a fragment elsewhere, in packets.

        Returns when all of them have been acknowledged.

        Raises
        ------
        :exc:`intarsia.driver.errors.SilentNodeError`
            If the node does not answer, or no packet reaches it.
        """
        ...

    def reset(self, chip: int) -> None:
        """Pull a chip's reset. Its memory stays as it is."""
        ...

    def rest(self, cycles: int) -> None:
        """Let so many cycles pass, and drop whatever nodes and links report in the meantime.

        Transfers that have not come to an end are forgotten.
        """
        ...

    def wait(self, cycles: int) -> dict[int, Interrupt]:
        """Wait for interrupts, for at most `cycles` cycles.

        Returns the chips that have interrupts up. Interrupts carry their causes: the host need not
        read a register to know them.

        Raises
        ------
        :exc:`intarsia.driver.errors.NetworkError`
            If a link or a node that is no chip reports a fault.
        """
        ...
