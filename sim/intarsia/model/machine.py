"""Several chips, a memory node and a host that run a plan, without gateware and without time."""

import random
from collections.abc import Mapping

import numpy as np

from intarsia.compiler import ChipHolder, FragmentKind, NodeHolder, Placement, Plan, place
from intarsia.isa.address import PROGRAM_SLOT
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE
from intarsia.model.barrier import Barriers
from intarsia.model.chip import Chip
from intarsia.model.fabric import Entry, Fabric, Node
from intarsia.model.faults import DeadlockError

__all__ = ["Machine"]

_NODES = {NodeHolder.MEMORY: MEMORY_NODE, NodeHolder.HOST: HOST_NODE}


class Machine:
    """Runs a plan.

    Instructions of different streams and chips happen in an order that tokens and barriers allow,
    and in no other; which of them, is drawn from `rng`. Memory begins with random bytes.

    Parameters
    ----------
    plan : Plan
    placement : Placement or None
        None for the plain one.
    rng : random.Random or None
        None for an order in which streams take turns.

    Raises
    ------
    :exc:`ModelFaultError`
        If a program, a slot or a map is refused. Methods raise it where the hardware would report
        a fault.
    """

    def __init__(
        self, plan: Plan, placement: Placement | None = None, rng: random.Random | None = None
    ):
        self.plan = plan
        self._rng = rng
        self._placement = placement or place(plan)
        noise = np.random.default_rng(rng.getrandbits(32) if rng else 0)
        nodes = {
            number: Node(number, noise.integers(0, 256, size).astype(np.uint8), {})
            for number, size in self._sizes().items()
        }
        self._fill_maps(nodes)
        self.fabric = Fabric(nodes)
        barriers = Barriers()
        self.chips: list[Chip] = []
        for number, chip, bases in zip(plan.nodes, plan.chips, self._placement.slots, strict=True):
            slots = [(base, slot.size) for base, slot in zip(bases, chip.slots, strict=True)]
            start = bases[PROGRAM_SLOT]
            program = nodes[number].memory[start : start + len(chip.program)].tobytes()
            self.chips.append(
                Chip(
                    nodes[number],
                    plan.config,
                    slots,
                    program,
                    plan.owner,
                    self.fabric,
                    barriers,
                )
            )

    def infer(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One inference.

        Parameters
        ----------
        inputs : mapping of str to numpy.ndarray
            For each input of the plan, int8.

        Returns
        -------
        dict of str to numpy.ndarray
            For each output of the plan, int8, flat.

        Raises
        ------
        :exc:`ModelFaultError`
            As the hardware would report it.
        :exc:`DeadlockError`
            If no chip can go on before the NOTIFY.
        """
        for end in self.plan.inputs:
            self._host(end.fragment)[:] = inputs[end.tensor].reshape(-1).view(np.uint8)
        leader = self.chips[0]
        seen = len(leader.notified)
        leader.rings += 1
        while len(leader.notified) == seen and self._step():
            pass
        if len(leader.notified) == seen:
            waiting = "; ".join(text for chip in self.chips for text in chip.waiting())
            raise DeadlockError(f"Nobody can go on: {waiting}")
        return {
            end.tensor: self._host(end.fragment).view(np.int8).copy() for end in self.plan.outputs
        }

    def macs(self, layer: int) -> tuple[int, ...]:
        """Multiplications by weights that each chip has done so far for a layer."""
        return tuple(chip.macs[layer] for chip in self.chips)

    def _step(self) -> bool:
        """Something that may happen, happens; False, if nothing may."""
        acted = False
        for chip in self._shuffled(self.chips):
            for stream, action in self._shuffled(chip.actions()):
                if (stream, action) in chip.actions():
                    chip.act(stream, action, self._rng.randrange(2) if self._rng else 0)
                    acted = True
                    if self._rng is not None:
                        return True
        return acted

    def _shuffled(self, items):
        items = list(items)
        if self._rng is not None:
            self._rng.shuffle(items)
        return items

    def _host(self, fragment: int) -> np.ndarray:
        start = self._placement.fragments[fragment]
        memory = self.fabric.nodes[HOST_NODE].memory
        return memory[start : start + self.plan.fragments[fragment].size]

    def _sizes(self) -> dict[int, int]:
        """Bytes of each node's memory."""
        sizes = dict.fromkeys(self.plan.nodes, self.plan.config.memory_bytes)
        for holder, node in _NODES.items():
            sizes[node] = max(
                (
                    base + fragment.size
                    for base, fragment in self._placed()
                    if fragment.holder is holder
                ),
                default=0,
            )
        return sizes

    def _placed(self):
        return zip(self._placement.fragments, self.plan.fragments, strict=True)

    def _fill_maps(self, nodes: Mapping[int, Node]) -> None:
        """Maps of all nodes, and what fragments hold from the start."""
        known = {
            node: set(chip.fragments)
            for node, chip in zip(self.plan.nodes, self.plan.chips, strict=True)
        }
        for number, (base, fragment) in enumerate(self._placed()):
            held = fragment.holder
            home = self.plan.nodes[held.chip] if isinstance(held, ChipHolder) else _NODES[held]
            entry = Entry(home, base, fragment.size, fragment.read, fragment.write)
            for node in nodes.values():
                if number in known.get(node.number, ()) or node.number == home:
                    node.entries[fragment.data_id, fragment.fragment] = entry
            if fragment.content is not None:
                stored = np.frombuffer(fragment.content, np.uint8)
                nodes[home].memory[base : base + fragment.size] = stored
        assert all(
            fragment.content is not None
            for fragment in self.plan.fragments
            if fragment.kind in (FragmentKind.PROGRAM, FragmentKind.WEIGHTS)
        )
