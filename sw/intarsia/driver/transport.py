"""What carries the driver's words to the chips: a simulator, or a board."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from intarsia.isa.topologies import Topology

__all__ = ["Errand", "ErrandKind", "Interrupt", "Region", "Standing", "State", "Transport"]


class Interrupt(NamedTuple):
    """A chip wants to be looked at."""

    cycle: int
    """When the last of its interrupts rose."""

    notified: bool
    """It executed a NOTIFY, and its doorbell was not rung since."""

    faulted: bool
    """It has a fault to report."""


class ErrandKind(enum.IntEnum):
    """What an errand does."""

    READ = 0
    """Reads a fragment into the host's memory."""

    WRITE = 1
    """Writes a fragment from the host's memory."""

    UPDATE = 2
    """Changes a map entry at a home; done when nobody goes by the earlier one."""

    PLACE = 3
    """Puts a fragment on the map of the memory node or the host node."""


class Region(NamedTuple):
    """Where a fragment lies in the memory node or the host node, and what others may do."""

    base: int
    size: int
    version: int
    permissions: int
    """The bits of :class:`intarsia.isa.fragment.Permissions`."""

    gone: bool = False
    """It lies elsewhere now: who asks for it is refused as VERSION."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """Something that the host's node does while time passes.

    Members
    -------
    kind : ErrandKind
    node : int
        Who is read, written, told, or holds the fragment.
    backup : int or None
        Of UPDATE: who is told as well, at the same time.
    data_id, fragment, version : int
        What it is about. UPDATE needs no version.
    local, size : int
        Of READ and WRITE: where in the host's memory, and how many bytes.
    gentle : bool
        Of READ and WRITE: few and small packets at a time, so that others are hardly delayed.
    entry : bytes
        Of UPDATE: the `FragmentEntry`.
    below : int
        Of UPDATE: nodes below it are told whether or not the home knows that they have the entry.
    region : Region or None
        Of PLACE.
    lane : int
        Errands of a lane are done one after another, lanes beside one another.
    group : int
        Errands of a group are given up when one of them fails; 0 is none.
    earliest : int
        Cycle before which it does not begin.
    """

    kind: ErrandKind
    node: int
    data_id: int
    fragment: int
    backup: int | None = None
    version: int = 0
    local: int = 0
    size: int = 0
    gentle: bool = True
    entry: bytes = bytes(32)
    below: int = 0
    region: Region | None = None
    lane: int = 0
    group: int = 0
    earliest: int = 0


class State(enum.IntEnum):
    """How an errand stands."""

    WAITS = 0
    DONE = 1
    FAILED = 2


class Standing(NamedTuple):
    """How an errand stands, since which cycle, and what was wrong."""

    state: State
    cycle: int
    what: str


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

        Transfers that have not come to an end are forgotten; errands have failed.
        """
        ...

    def write_off(self, node: int) -> None:
        """Raise nothing any more that is reported of a node, or of its link."""
        ...

    def errand(self, errand: Errand) -> int:
        """Queue something to be done after all errands of its lane. Returns its number."""
        ...

    def standing(self, number: int) -> Standing:
        """How an errand stands."""
        ...

    def fence(self, home: int, node: int, fenced: bool) -> None:
        """Tell the memory node or the host node that, as a home, it shall not wait for `node`."""
        ...

    def idle(self, cycles: int) -> None:
        """Let so many cycles pass, whatever interrupts are up. Raises as `wait`."""
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
