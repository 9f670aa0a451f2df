"""What a session is asked for: a network, and the system that it is to run on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from intarsia.compiler.compile import compile_network
from intarsia.compiler.plan import Device, Plan
from intarsia.cosim.fabric import Fabric
from intarsia.cosim.faults import Faults, parse_faults
from intarsia.golden import evaluate, evaluate_op
from intarsia.graph import Mode, Network
from intarsia.importer import load
from intarsia.isa.config import config as configuration
from intarsia.isa.topologies import topology as build_topology

__all__ = ["HOMES", "Setup"]

#: Who keeps the map, besides memory nodes and the host.
HOMES = ("memory", "chips")

#: Cycles that an inference may take before the session gives up, per MAC of one chip's array that
#: it would take at full use, and at least.
PATIENCE, LEAST_PATIENCE = 200, 2_000_000


class Setup:
    """A network and a system, as :class:`~intarsia.runtime.session.Session` is given them.

    Members
    -------
    network : Network
    model : str
        What it was read from, or its name.
    mode : Mode
    config : ChipConfig
    chips, replicas : int
    partition, homes : str
    topology : Topology
    faults : Faults
    """

    def __init__(
        self,
        model: str | Path | Network,
        *,
        chips: int,
        config: str,
        mode: Mode | str | None,
        partition: str,
        streamed: bool,
        tiled: bool,
        link_latency: int,
        topology: str,
        replicas: int,
        homes: str,
        faults: Faults | str,
    ) -> None:
        if isinstance(model, Network):
            self.network, self.model = model, model.name
        else:
            self.network, self.model = load(Path(model)), str(model)
        if mode is None:
            mode = Mode.XNNPACK if self.model.endswith(".tflite") else Mode.ONNX
        self.mode = Mode(mode)
        self.config = configuration(config)
        self.faults = parse_faults(faults) if isinstance(faults, str) else faults
        self.faults.check(chips, replicas)
        self.topology = build_topology(topology, chips, replicas)
        self.topology.check([self.config] * chips)
        if homes not in HOMES:
            raise ValueError(f"The map is kept by one of {', '.join(HOMES)}, not {homes!r}")
        self.homes = homes
        self.chips, self.replicas, self.partition = chips, replicas, partition
        self._streamed, self._tiled, self._latency = streamed, tiled, link_latency

    def planned(self, nodes: Sequence[int]) -> Plan:
        """The network over the chips that are these nodes."""
        return compile_network(
            self.network,
            config=self.config,
            chips=len(nodes),
            nodes=nodes,
            mode=self.mode,
            partition=self.partition,
            streamed=self._streamed,
            tiled=self._tiled,
            link_latency=self._latency,
        )

    def fabric(self) -> Fabric:
        """The simulated system."""
        return Fabric(
            [self.config] * self.chips,
            link_latency=self._latency,
            memories=self.replicas,
            faults=self.faults,
            topology=self.topology,
        )

    def limit(self, plan: Plan) -> int:
        """Cycles that an inference may take."""
        macs = sum(max(layer.macs) for layer in plan.layers)
        return max(LEAST_PATIENCE, PATIENCE * macs // self.config.macs)

    def completed(self, plan: Plan, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What chips have `found`, in its shapes, and what the host makes of it."""
        tensors = self.network.tensors
        activations = {name: flat.reshape(tensors[name].shape) for name, flat in found.items()}
        for op, layer in zip(self.network.ops, plan.layers, strict=True):
            if layer.device is Device.HOST:
                x = [activations[name] for name in op.inputs]
                activations[op.output] = evaluate_op(op, x, tensors, self.mode)
        return activations

    def mismatches(self, image: np.ndarray, activations: dict[str, np.ndarray]) -> int:
        """Bytes of the outputs that are not the golden model's."""
        golden = evaluate(self.network, {self.network.inputs[0].tensor: image}, self.mode)
        ends = [end.tensor for end in self.network.outputs]
        return sum(int(np.count_nonzero(golden[name] != activations[name])) for name in ends)
