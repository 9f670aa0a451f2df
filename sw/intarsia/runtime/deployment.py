"""A plan on chips: everything in its place, ready for inferences."""

from collections.abc import Mapping, Sequence

import numpy as np

from intarsia.compiler.placement import Placement
from intarsia.compiler.plan import ChipHolder, Fragment, FragmentKind, NodeHolder, Plan
from intarsia.driver.device import Device
from intarsia.driver.errors import ChipFaultError, DriverTimeoutError
from intarsia.driver.transport import Interrupt, Transport
from intarsia.isa.address import LogicalAddress
from intarsia.isa.bits import encode
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.faults import FaultCode
from intarsia.isa.fragment import FRAGMENT_FORMAT, FragmentEntry, Permissions
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE, home_index, homes

__all__ = ["CONTEXT", "Deployment"]

#: The context that a plan's programs run in.
CONTEXT = 0

#: The chip of the plan whose doorbell begins an inference, and whose interrupt ends it.
LEADER = 0

#: Versions that there are; 0 is none.
VERSIONS = 1 << 16

#: Faults that follow from what happened elsewhere.
INDIRECT = (FaultCode.WATCHDOG, FaultCode.LINK)

NODES = {NodeHolder.MEMORY: MEMORY_NODE, NodeHolder.HOST: HOST_NODE}


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

    Raises
    ------
    :exc:`intarsia.driver.errors.DriverError`
        If a chip refuses or reports a fault.
    """

    def __init__(
        self, transport: Transport, plan: Plan, placement: Placement, *, version: int = 1
    ) -> None:
        self._transport = transport
        self._plan = plan
        self._version = (version - 1) % (VERSIONS - 1) + 1
        self._homes = homes()
        self._devices = [Device(transport, node) for node in plan.nodes]
        for device in self._devices:
            device.set_homes(self._homes)
            device.set_routes(transport.topology.routes[device.chip])
        self.deploy(placement)

    def deploy(self, placement: Placement) -> None:
        """Stop what runs, and bring the plan to its places again, which may be other ones."""
        self._placement = placement
        for device in self._devices:
            device.stop(CONTEXT)
        for device in self._devices:
            device.dismiss()
        self._fill_nodes()
        for chip, device in enumerate(self._devices):
            self._prepare(chip, device)
        self._write_programs()
        # The leader, which counts who has arrived at barriers, begins; its count begins with it.
        for device in self._devices:
            device.start(CONTEXT)

    def infer(
        self, inputs: Mapping[str, np.ndarray], *, limit: int
    ) -> tuple[dict[str, np.ndarray], tuple[int, int]]:
        """One inference.

        Parameters
        ----------
        inputs : mapping of str to numpy.ndarray
            int8, by the names of the plan's inputs.
        limit : int
            Cycles after which to give up.

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
        for end in self._plan.inputs:
            content = np.ascontiguousarray(inputs[end.tensor], np.int8).tobytes()
            self._transport.store(HOST_NODE, self._placement.fragments[end.fragment], content)
        begin = self._devices[LEADER].ring(CONTEXT)
        interrupts = self._transport.wait(limit)
        self._raise_faults(interrupts)
        leader = self._devices[LEADER].chip
        if leader not in interrupts:
            raise DriverTimeoutError(f"No inference was complete within {limit:,} cycles")
        outputs = {}
        for end in self._plan.outputs:
            size = self._plan.fragments[end.fragment].size
            base = self._placement.fragments[end.fragment]
            content = self._transport.load(HOST_NODE, base, size)
            outputs[end.tensor] = np.frombuffer(content, np.int8)
        return outputs, (begin, interrupts[leader].cycle)

    def lookups(self) -> list[tuple[int, int]]:
        """Look-ups of each chip that its ATU could answer, and those for which it asked a home."""
        return [device.lookups() for device in self._devices]

    def counters(self) -> list[dict[CounterBank, dict[Activity, int]]]:
        """Cycles counted by each chip since it was reset, by engine and activity."""
        return [device.counters() for device in self._devices]

    def _raise_faults(self, interrupts: Mapping[int, Interrupt]) -> None:
        """Raise the fault that tells most, if there is one."""
        found: list[ChipFaultError] = []
        for device in self._devices:
            if device.chip in interrupts and interrupts[device.chip].faulted:
                try:
                    device.raise_fault()
                except ChipFaultError as error:
                    found.append(error)
        for error in sorted(found, key=lambda error: error.code in INDIRECT):
            raise error

    def _fill_nodes(self) -> None:
        """Content of the nodes that the host owns, and all map entries at their homes."""
        for fragment, base in self._placed():
            held = fragment.holder
            for home in self._homes[home_index(fragment.data_id)]:
                self._transport.keep(home, self._entry(fragment, base))
            if isinstance(held, NodeHolder):
                node = NODES[held]
                permissions = encode(Permissions, _permissions(fragment))
                self._transport.place(
                    node,
                    fragment.data_id,
                    fragment.fragment,
                    base,
                    fragment.size,
                    self._version,
                    permissions,
                )
                if fragment.content is not None:
                    self._transport.store(node, base, fragment.content)

    def _prepare(self, chip: int, device: Device) -> None:
        device.set_owner(CONTEXT, self._plan.owner)
        bases = self._placement.slots[chip]
        for slot in self._plan.chips[chip].slots:
            device.set_slot(CONTEXT, slot.number, bases[slot.number], slot.size)
        device.remove_entries()

    def _write_programs(self) -> None:
        scratch = max(
            (
                base + fragment.size
                for fragment, base in self._placed()
                if fragment.holder is NodeHolder.HOST
            ),
            default=0,
        )
        for fragment, _ in self._placed():
            if fragment.kind is FragmentKind.PROGRAM:
                assert isinstance(fragment.holder, ChipHolder) and fragment.content is not None
                self._transport.store(HOST_NODE, scratch, fragment.content)
                address = encode(
                    LogicalAddress,
                    {
                        "data_id": fragment.data_id,
                        "fragment": fragment.fragment,
                        "version": self._version,
                    },
                )
                self._transport.transfer(
                    write=True,
                    node=self._plan.nodes[fragment.holder.chip],
                    logical_address=address.to_bytes(12, "little"),
                    local=scratch,
                    size=len(fragment.content),
                )

    def _placed(self) -> Sequence[tuple[Fragment, int]]:
        return list(zip(self._plan.fragments, self._placement.fragments, strict=True))

    def _entry(self, fragment: Fragment, base: int) -> bytes:
        """The map entry of a fragment."""
        held = fragment.holder
        chip = isinstance(held, ChipHolder)
        node = self._plan.nodes[held.chip] if chip else NODES[held]
        fields = {
            "data_id": fragment.data_id,
            "fragment": fragment.fragment,
            "permissions": _permissions(fragment),
            "entry_format": FRAGMENT_FORMAT,
            "base": base,
            "node": node,
            "version": self._version,
            "size": fragment.size,
            "replica": node,
        }
        return encode(FragmentEntry, fields).to_bytes(FragmentEntry.as_shape().size // 8, "little")


def _permissions(fragment: Fragment) -> dict[str, int]:
    return {"read": int(fragment.read), "write": int(fragment.write)}
