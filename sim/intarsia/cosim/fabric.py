"""Simulated systems: chips and a hub, with a memory node and a host node behind it."""

import ctypes
import enum
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from intarsia.cosim.build import chip_library
from intarsia.cosim.faults import NO_FAULTS, Faults
from intarsia.cosim.native import TraceEvent, core
from intarsia.driver.transport import Errand, ErrandKind, Standing, State
from intarsia.isa.address import LogicalAddress
from intarsia.isa.bits import encode
from intarsia.isa.config import ChipConfig
from intarsia.isa.counters import ACTIVITIES
from intarsia.isa.instruction import Stream
from intarsia.isa.routes import HUB
from intarsia.isa.topologies import Topology
from intarsia.isa.topologies import topology as build_topology
from intarsia.isa.topology import HOST_NODE, MEMORY_NODES

__all__ = ["Fabric", "FabricError", "Reason", "SilenceError"]

#: Bytes a cycle of the links of memory node and host node.
MEMORY_LINK_BYTES = 16


class FabricError(RuntimeError):
    """Something went wrong in a node that is a model, or time ran out; the message says where."""

    @property
    def nodes(self) -> tuple[int, ...]:
        """Nodes that the lines of the message begin with."""
        found = re.findall(r"^(?:hub, port of )?node (\d+):", str(self), re.MULTILINE)
        return tuple(dict.fromkeys(int(node) for node in found))


class SilenceError(FabricError):
    """A node does not answer."""


class Reason(enum.IntEnum):
    """Why a run came back."""

    ENDED = 0
    INTERRUPT = 1
    ACCESSED = 2
    TRANSFERRED = 3
    FAULT = 4


class Fabric:
    """Verilated chips, nodes 0, 1, …, with a memory node and a host node, wired in some way.

    Time passes only within :meth:`run` and the methods that wait for something; it passes in quanta
    of `link_latency` cycles. The same calls give the same cycles.

    Parameters
    ----------
    configs : sequence of ChipConfig
        One per chip; chips may differ.
    link_latency : int
        Cycles that a beat takes from one end of a link to the other.
    memories : int
        Memory nodes, 1 or 2.
    memory_bytes, host_bytes : int
        Sizes of each memory node, and of the host node.
    memory_latency : int
        Cycles from a request's turn at such a node until its reply leaves.
    faults : Faults
        What happens to links and nodes.
    topology : Topology or None
        Which ports are joined, and the routes of the hub; those of chips are the driver's to write.
        By default a star.
    library : callable
        Library of a chip of a configuration.

    Raises
    ------
    :exc:`intarsia.isa.topologies.TopologyError`
        If these chips can't be wired in this way.
    :exc:`intarsia.cosim.native.NativeError`
        If links have no latency.
    :exc:`intarsia.cosim.faults.FaultsError`
        If something is to happen to a node that is not there.
    """

    def __init__(
        self,
        configs: Sequence[ChipConfig],
        *,
        link_latency: int = 32,
        memories: int = 1,
        memory_bytes: int = 64 << 20,
        host_bytes: int = 64 << 20,
        memory_latency: int = 32,
        faults: Faults = NO_FAULTS,
        topology: Topology | None = None,
        library: Callable[[ChipConfig], Path] = chip_library,
    ) -> None:
        self.configs, self.faults = tuple(configs), faults
        faults.check(len(self.configs), memories)
        self.topology = topology or build_topology("star", len(self.configs), memories)
        self.topology.check(self.configs)
        libraries: dict[ChipConfig, Path] = {}
        for config in self.configs:
            if config not in libraries:
                libraries[config] = library(config)
        self._core = core()
        self._fabric = self._core.create(link_latency)
        for config in self.configs:
            self._core.add_chip(self._fabric, str(libraries[config]).encode())
        sizes = dict.fromkeys(MEMORY_NODES[:memories], memory_bytes) | {HOST_NODE: host_bytes}
        for node, size in sizes.items():
            self._core.add_memory(self._fabric, node, size, MEMORY_LINK_BYTES, memory_latency)
        for link in self.topology.links:
            near, far = sorted(link, key=lambda end: end.node == HUB)
            self._core.join(self._fabric, *near, *far)
        self._route_hub()
        if faults.ber or faults.drop:
            self._core.disturb(self._fabric, faults.ber, faults.drop, faults.seed)
        for node, cycle in faults.cut.items():
            self._core.cut(self._fabric, node, cycle)
        for node, cycle in faults.kill.items():
            self._core.kill(self._fabric, node, cycle)
        for flip in faults.flips(self.configs):
            self._core.flip(self._fabric, flip.chip, flip.cycle, flip.address, flip.bit)

    def close(self) -> None:
        """Free the simulation."""
        if self._fabric is not None:
            self._core.destroy(self._fabric)
            self._fabric = None

    def avoid(self, dead: Iterable[int]) -> None:
        """Route packets round chips that are dead. Other chips must be told their new routes.

        Raises
        ------
        :exc:`intarsia.isa.topologies.TopologyError`
            If others are cut off by that.
        """
        self.topology = self.topology.without(dead)
        self._route_hub()

    def _route_hub(self) -> None:
        for node, port in self.topology.routes[HUB].items():
            self._core.route(self._fabric, node, port)

    @property
    def now(self) -> int:
        """Cycles that have passed."""
        return self._core.now(self._fabric)

    @property
    def link_bytes(self) -> int:
        """Bytes that have crossed links, headers included."""
        return self._core.link_bytes(self._fabric)

    @property
    def repeated(self) -> int:
        """Packets that the hub, the memory node and the host node have sent more than once."""
        return self._core.repeated(self._fabric)

    @property
    def damaged(self) -> int:
        """Packets that came damaged to the hub, the memory node and the host node."""
        return self._core.damaged(self._fabric)

    @property
    def hash(self) -> int:
        """Of everything that the chips have put on their links, and when."""
        return self._core.hash(self._fabric)

    @property
    def last_commit(self) -> int:
        """Cycle in which the host node last committed bytes that a chip wrote."""
        return self._core.last_commit(self._fabric, HOST_NODE)

    def run(self, cycles: int, *, until_interrupt: bool = False) -> Reason:
        """Let `cycles` cycles pass, or fewer if a chip interrupts and that is waited for.

        Raises
        ------
        :exc:`FabricError`
            If a model of a node or link reports a fault.
        """
        return self._run(cycles, int(until_interrupt), 0)

    def _run(self, cycles: int, wanted: int, node: int) -> Reason:
        reason = Reason(self._core.run(self._fabric, cycles, wanted, node))
        if reason is Reason.FAULT:
            raise FabricError(self._core.faults(self._fabric).decode().strip())
        return reason

    def rest(self, cycles: int) -> None:
        """Let `cycles` cycles pass whatever happens, and forget what nodes and links have reported.

        Transfers that are under way are forgotten as well.
        """
        self._core.abandon(self._fabric, HOST_NODE)
        self._core.run(self._fabric, cycles, 8, 0)
        self._core.heed(self._fabric)

    def write_off(self, node: int) -> None:
        """Raise nothing any more that is reported of a node."""
        self._core.write_off(self._fabric, node)

    def reset(self, chip: int) -> None:
        """Reset a chip, in the cycles that come. Its memory stays; a killed one stays dead."""
        self._core.reset(self._fabric, chip)

    def access(self, chip: int, address: int, data: int | None = None) -> tuple[int, int, int]:
        """Write `data` to a register of a chip through its control port, or read it.

        Returns the data, the AXI response, and the cycle of the response.
        """
        self._core.access(self._fabric, chip, int(data is not None), address, data or 0)
        if self._run(ACCESS_CYCLES, 2, chip) is not Reason.ACCESSED:
            raise SilenceError(f"Chip {chip} does not answer at its control port")
        value, response, cycle = ctypes.c_uint32(), ctypes.c_uint32(), ctypes.c_uint64()
        self._core.accessed(self._fabric, chip, value, response, cycle)
        return value.value, response.value, cycle.value

    def interrupted(self) -> dict[int, tuple[int, int]]:
        """Chips with interrupts that are up: which ones, a bit each, and when the last one rose."""
        since = ctypes.c_uint64()
        return {
            chip: (interrupts, since.value)
            for chip in range(len(self.configs))
            if (interrupts := self._core.interrupts(self._fabric, chip, since))
        }

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
        """Put a fragment on the map of the memory node or host node, or move it.

        `permissions` are the bits of :class:`intarsia.isa.fragment.Permissions`.
        """
        self._core.place(self._fabric, node, data_id, fragment, base, size, version, permissions)

    def keep(self, node: int, entry: bytes) -> None:
        """Put an entry (:class:`intarsia.isa.fragment.FragmentEntry`) into the table of its home.

        It replaces the one of the same data ID and fragment. Chips that have that one keep it.
        """
        self._core.keep(self._fabric, node, entry)

    def store(self, node: int, address: int, content: bytes) -> None:
        """Put bytes into the memory of the memory node or host node."""
        self._core.store(self._fabric, node, address, content, len(content))

    def load(self, node: int, address: int, size: int) -> bytes:
        """Bytes in the memory of the memory node or host node."""
        content = ctypes.create_string_buffer(size)
        self._core.load(self._fabric, node, address, content, size)
        return content.raw

    def transfer(
        self, *, write: bool, node: int, logical_address: bytes, local: int, size: int
    ) -> None:
        """Move bytes between the host node's memory and a fragment of another node, in packets.

        Returns when all of them were acknowledged.
        """
        address = (ctypes.c_uint8 * len(logical_address)).from_buffer_copy(logical_address)
        self._core.transfer(self._fabric, HOST_NODE, int(write), node, address, local, size)
        limit = TRANSFER_CYCLES + size
        if self._run(limit, 4, HOST_NODE) is not Reason.TRANSFERRED:
            raise SilenceError(
                f"Node {node} has not answered the host's {'WRITE' if write else 'READ'} of "
                f"{size} bytes within {limit} cycles"
            )

    def fence(self, home: int, node: int, fenced: bool) -> None:
        """Let the memory node or host node, as a home, wait for `node` no more, or again."""
        self._core.fence(self._fabric, home, node, int(fenced))

    def errand(self, errand: Errand, *, source: int = HOST_NODE) -> int:
        """Queue what the host node, or the memory node, shall do while time passes.

        Returns its number among those of that node.
        """
        if errand.kind is ErrandKind.PLACE:
            if errand.region is None:
                raise FabricError("An errand that places a fragment needs its region")
            *place, gone = errand.region
            when = errand.lane, errand.group, errand.earliest
            about = errand.node, errand.data_id, errand.fragment
            return self._core.errand_place(self._fabric, source, *when, *about, *place, int(gone))
        fields = {
            "data_id": errand.data_id,
            "fragment": errand.fragment,
            "version": errand.version,
            "offset": errand.below,
        }
        return self._core.errand(
            self._fabric,
            source,
            errand.kind,
            errand.lane,
            errand.group,
            errand.earliest,
            errand.node,
            errand.node if errand.backup is None else errand.backup,
            encode(LogicalAddress, fields).to_bytes(12, "little"),
            errand.local,
            errand.size,
            int(errand.gentle),
            errand.entry,
        )

    def standing(self, number: int, *, source: int = HOST_NODE) -> Standing:
        """How an errand of the host node, or of the memory node, stands."""
        cycle, what = ctypes.c_uint64(), ctypes.c_char_p()
        state = self._core.errand_standing(self._fabric, source, number, cycle, what)
        return Standing(State(state), cycle.value, (what.value or b"").decode())

    def events(self, chip: int) -> list[tuple[int, int, int, int, bool, list[int]]]:
        """What streams of a chip began and finished since the last call.

        Tuples of cycle, stream, context, layer (of those that began), whether it finished, and for
        how many cycles before the stream was at each :class:`~intarsia.isa.counters.Activity`.
        """
        pointer = ctypes.POINTER(TraceEvent)()
        count = self._core.events(self._fabric, chip, pointer)
        content = ctypes.string_at(pointer, count * ctypes.sizeof(TraceEvent)) if count else b""
        self._core.forget_events(self._fabric, chip)
        events: np.ndarray = np.frombuffer(content, TraceEvent)
        columns = (events[str(field[0])].tolist() for field in TraceEvent._fields_)
        return list(zip(*columns, strict=True))

    def activities(self, chip: int, cycle: int) -> np.ndarray:
        """For how many cycles before `cycle` each stream of a chip was at each activity.

        Rows are streams. A chip that is dead is idle.

        Raises
        ------
        :exc:`intarsia.cosim.native.NativeError`
            If `cycle` is long past: 65,536 cycles are remembered.
        """
        found = np.zeros((len(Stream), ACTIVITIES), np.uint64)
        counts = found.ctypes.data_as(ctypes.POINTER(ctypes.c_uint64))
        self._core.activities(self._fabric, chip, cycle, counts)
        return found.astype(np.int64)


#: Cycles that an access to a register may take.
ACCESS_CYCLES = 10_000

#: Cycles that a transfer of the host may take on top of one per byte.
TRANSFER_CYCLES = 100_000
