"""A plan on chips: everything in its place, ready for inferences."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from intarsia.compiler.placement import Placement
from intarsia.compiler.plan import End, NodeHolder, Plan
from intarsia.driver.device import Device
from intarsia.driver.errors import DriverTimeoutError, NetworkError
from intarsia.driver.keeping import keep_map
from intarsia.driver.remap import Move
from intarsia.driver.transport import Interrupt, Transport
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE
from intarsia.runtime.atlas import Atlas
from intarsia.runtime.blame import raise_faults
from intarsia.runtime.stock import Stock
from intarsia.runtime.tables import Tables, laid_out

__all__ = ["CONTEXT", "Deployment", "Meanwhile"]

#: The context that a plan's programs run in.
CONTEXT = 0

#: The chip of the plan whose doorbell begins an inference, and whose interrupt ends it.
LEADER = 0

#: Cycles in which something should happen; more than the chips' watchdogs need.
STANDSTILL = 250_000

#: Cycles between two looks at what moves.
PACE = 512

#: Versions that there are; 0 is none.
VERSIONS = 1 << 16

#: What may be done while chips run; see `Deployment.infer`.
Meanwhile = Callable[["Deployment", Sequence[Move]], None]


class Deployment:
    """Puts `plan` onto the chips behind `transport`, at the places of `placement`, and starts it.

    Where fragments lie is told to their homes alone; chips ask for what they need. Programs and
    weights travel as packets: the chips fetch weights themselves, and programs are
    written into their memory by the host node.

    Parameters
    ----------
    transport : Transport
    plan : Plan
    placement : Placement
    version : int
        Of every fragment, from 1 on. What is still under way for an earlier one is refused.
    stores : sequence of int
        Nodes that hold weights; the second one, their replicas. They keep the map, with the host.
    fenced : iterable of int
        Nodes that count as dead.
    on_chips : bool
        Chips that have room for it keep parts of the map, too.

    Members
    -------
    transport, plan
        Those that were given.
    placement : Placement
        The latest.
    stores : tuple of int
        Nodes that hold weights now, or will.
    tables : Tables
        Parts of the map that chips keep.
    lost : dict of int to int
        Stores that were lost since then, each with the cycle in which that was noticed. Chips were
        told, and go on with replicas; new ones are made in the host's memory meanwhile.
    restored : dict of int to int
        Cycle in which the last of those was complete, by the store that was lost.

    Raises
    ------
    :exc:`intarsia.driver.errors.DriverError`
        If a chip refuses or reports a fault.
    """

    def __init__(
        self,
        transport: Transport,
        plan: Plan,
        placement: Placement,
        *,
        version: int = 1,
        stores: Sequence[int] = (MEMORY_NODE,),
        fenced: Iterable[int] = (),
        on_chips: bool = False,
    ) -> None:
        self.transport = transport
        self.plan = plan
        self._version = (version - 1) % (VERSIONS - 1) + 1
        self.stores = tuple(stores)
        self._fenced = tuple(fenced)
        self._on_chips = on_chips
        self.tables: Tables = {}
        self.lost: dict[int, int] = {}
        self.restored: dict[int, int] = {}
        self._meanwhile: Meanwhile | None = None
        self._atlas: Atlas | None = None
        self._devices = [Device(transport, node) for node in plan.nodes]
        for device in self._devices:
            device.set_routes(transport.topology.routes[device.chip])
        self.deploy(placement)

    def deploy(self, placement: Placement) -> None:
        """Stop what runs, and bring the plan to its places again, which may be other ones."""
        self.placement = placement
        if self._atlas is not None:
            self._meanwhile = None
            self._let_settle()
        for device in self._devices:
            device.stop(CONTEXT)
        for device in self._devices:
            device.dismiss()
            if self._on_chips:
                device.keep_map(0, 0)
        self._store()
        for chip, device in enumerate(self._devices):
            self._prepare(chip, device)
        self._stock.write_programs(self.transport)
        # The leader, which counts who has arrived at barriers, begins; its count begins with it.
        for device in self._devices:
            device.start(CONTEXT)

    def infer(
        self,
        inputs: Mapping[str, np.ndarray],
        *,
        limit: int,
        moved: Callable[[], bool] = lambda: True,
        mark: Callable[[int], None] = lambda _: None,
        meanwhile: Meanwhile | None = None,
    ) -> tuple[dict[str, np.ndarray], tuple[int, int]]:
        """One inference.

        Parameters
        ----------
        inputs : mapping of str to numpy.ndarray
            int8, by the names of the plan's inputs.
        limit : int
            Cycles after which to give up.
        moved : callable
            Asked every :data:`STANDSTILL` cycles whether any chip does something, or has done
            since then. If not, and none interrupts, they are given up.
        mark : callable
            Called with the cycle of the acceptance of the doorbell, and with that of the interrupt,
            before anything else is done.
        meanwhile : callable or None
            Called every :data:`PACE` cycles with this deployment, and what has come to its new
            place since the last time.

        Returns
        -------
        (dict of str to numpy.ndarray, (int, int))
            Outputs of the plan, int8, flat, by name; the cycles of the acceptance of the doorbell
            and of the interrupt.

        Raises
        ------
        :exc:`intarsia.driver.errors.ChipFaultError`
            If a chip reports a fault.
        :exc:`intarsia.driver.errors.DriverTimeoutError`
            If no interrupt comes in time.
        """
        self._meanwhile = meanwhile
        for end in self.plan.inputs:
            content = np.ascontiguousarray(inputs[end.tensor], np.int8).tobytes()
            entry = self._settled(end)
            self.transport.store(entry["node"], entry["base"], content)
        begin = self._devices[LEADER].ring(CONTEXT)
        mark(begin)
        interrupts: Mapping[int, Interrupt] = {}
        while limit > 0 and not interrupts:
            interrupts = self._wait(min(limit, STANDSTILL))
            limit -= STANDSTILL
            if not interrupts and not moved():
                raise DriverTimeoutError(f"Nothing has happened for {STANDSTILL:,} cycles")
        faulty = [chip for chip, each in interrupts.items() if each.faulted]
        raise_faults(device for device in self._devices if device.chip in faulty)
        leader = self._devices[LEADER].chip
        if leader not in interrupts:
            raise DriverTimeoutError("The inference was not complete in time")
        end = interrupts[leader].cycle
        mark(end)
        outputs = {}
        for result in self.plan.outputs:
            entry = self._settled(result)
            content = self.transport.load(entry["node"], entry["base"], entry["size"])
            outputs[result.tensor] = np.frombuffer(content, np.int8)
        return outputs, (begin, end)

    @property
    def atlas(self) -> Atlas:
        """Where fragments lie, which may have moved since they were brought to their places."""
        assert self._atlas is not None
        return self._atlas

    def lookups(self) -> list[tuple[int, int]]:
        """Look-ups of each chip that its ATU could answer, and those for which it asked a home."""
        return [device.lookups() for device in self._devices]

    def repeats(self) -> list[tuple[int, int]]:
        """Packets that each chip's links have sent again, and those that came to it damaged."""
        return [device.repeats() for device in self._devices]

    def counters(self) -> list[dict[CounterBank, dict[Activity, int]]]:
        """Cycles counted by each chip since it was reset, by engine and activity."""
        return [device.counters() for device in self._devices]

    def _wait(self, cycles: int) -> Mapping[int, Interrupt]:
        """Wait for interrupts. Chips go on where a store is lost that another one can replace."""
        end = self.transport.now + cycles
        while True:
            watched = self._meanwhile is not None or self.atlas.under_way()
            step = max(end - self.transport.now, 0)
            try:
                found = self.transport.wait(min(step, PACE) if watched else step)
                self._tend()
                if found or self.transport.now >= end:
                    return found
            except NetworkError as error:
                if not error.nodes or not all(self._replace(node) for node in error.nodes):
                    raise

    def _replace(self, store: int) -> bool:
        """Let the other store, and the host, take over. Whether there is another one."""
        if store not in self.stores or store == HOST_NODE or not self.atlas.can_lose(store):
            return False
        self.stores = tuple(node for node in self.stores if node != store)
        self.lost[store] = self.transport.now
        self.transport.write_off(store)
        # Chips learn of it before homes do, which may be chips that wait for this one.
        self.atlas.lose(store)
        for device in self._devices:
            self._fence(device)
        self.atlas.rehome()
        for device in self._devices:
            device.set_homes(self.atlas.homes)
            device.remove_entries()
        if HOST_NODE not in self.stores:
            self.stores = (*self.stores, HOST_NODE)
            self.atlas.replicate(
                index
                for index, fragment in enumerate(self.plan.fragments)
                if fragment.holder is NodeHolder.MEMORY and not fragment.write
            )
        return True

    def _tend(self) -> None:
        """See what has moved."""
        ended = self.atlas.settle()
        if self.lost and ended and not self.atlas.under_way():
            self.restored = dict.fromkeys(self.lost, ended[-1].cycle) | self.restored
        if self._meanwhile is not None:
            self._meanwhile(self, ended)

    def _settled(self, end: End) -> Mapping[str, Any]:
        """Where an input or output lies, when it does not move."""
        self._let_settle(end.fragment)
        return self.atlas.entries[end.fragment]

    def _let_settle(self, fragment: int | None = None) -> None:
        """Let time pass while a fragment moves; any, if none is given."""
        while self.atlas.under_way(fragment):
            self.transport.idle(1)
            self._tend()

    def _fence(self, device: Device) -> None:
        """Tell a chip who is dead, and who keeps the map."""
        for node in (*self._fenced, *self.lost):
            device.fence(node)
        device.set_homes(self.atlas.homes)

    def _store(self) -> None:
        """Bring constant fragments to stores, and the map to them and to the host."""
        self._stock = Stock(self.plan, self.placement, self.stores, self._version)
        self._stock.fill(self.transport)
        nodes = tuple(dict.fromkeys((*self.stores, HOST_NODE)))
        if self._on_chips:
            self.tables = laid_out(self.plan, self.placement, self._stock.entries, nodes)
        for device in self._devices:
            if table := self.tables.get(device.chip):
                keep_map(self.transport, device, *table, scratch=self._stock.free)
        programs = max(len(program) for _, program in self._stock.programs())
        self._atlas = Atlas(
            self.transport,
            self._stock,
            (*self.tables, *nodes),
            (*self._fenced, *self.lost),
            self._stock.free + programs,
        )

    def _prepare(self, chip: int, device: Device) -> None:
        self._fence(device)
        device.set_owner(CONTEXT, self.plan.owner)
        bases = self.placement.slots[chip]
        for slot in self.plan.chips[chip].slots:
            device.set_slot(CONTEXT, slot.number, bases[slot.number], slot.size)
        device.remove_entries()
