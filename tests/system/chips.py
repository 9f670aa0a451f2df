"""Simulated chips on which networks are laid one after another, beside the golden model."""

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from intarsia.compiler import compile_network, place
from intarsia.cosim.build import chip_library
from intarsia.cosim.fabric import Fabric
from intarsia.cosim.faults import NO_FAULTS, Faults
from intarsia.cosim.transport import SimulatedTransport
from intarsia.graph import Mode, Network
from intarsia.isa.config import ChipConfig, config
from intarsia.runtime.deployment import Deployment

__all__ = ["Chips"]

#: Bytes of the memory node and of the host node.
NODE_BYTES = 4 << 20

#: Cycles that an inference may take.
PATIENCE = 2_000_000


class Chips:
    """Chips that stay powered up from one network to the next. Use it as a context manager.

    Parameters
    ----------
    name : str
        Configuration.
    count : int
        Number of chips.
    faults : Faults
        What links do to what they carry.
    library : callable
        Library of a chip of a configuration.
    """

    def __init__(
        self,
        name: str,
        count: int,
        *,
        faults: Faults = NO_FAULTS,
        library: Callable[[ChipConfig], Path] = chip_library,
    ):
        self.config, self.count, self.faults = config(name), count, faults
        self.library = library

    def __enter__(self):
        self.fabric = Fabric(
            [self.config] * self.count,
            memory_bytes=NODE_BYTES,
            host_bytes=NODE_BYTES,
            faults=self.faults,
            library=self.library,
        )
        self._transport = SimulatedTransport(self.fabric)
        return self

    def __exit__(self, *_):
        self.fabric.close()

    def repeats(self) -> list[tuple[int, int]]:
        """Packets that each chip's links have sent again, and those that came to it damaged."""
        return self._deployment.repeats()

    def run(
        self,
        network: Network,
        mode: Mode,
        inputs: Sequence[Mapping[str, np.ndarray]],
        seed: int | None,
        partition: str = "auto",
    ) -> list[dict[str, np.ndarray]]:
        """Outputs of `network`, by name and in their shapes, for each of `inputs`.

        Everything lies at places drawn from `seed`, or where it does by default.
        """
        plan = compile_network(
            network, config=self.config, chips=self.count, mode=mode, partition=partition
        )
        rng = None if seed is None else random.Random(seed)
        deployment = Deployment(self._transport, plan, place(plan, rng))
        self._deployment = deployment
        found = []
        for x in inputs:
            outputs, _ = deployment.infer(x, limit=PATIENCE)
            found.append({
                name: y.reshape(network.tensors[name].shape) for name, y in outputs.items()
            })
        return found
