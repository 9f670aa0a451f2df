"""Figures of inferences, added up."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from intarsia.compiler.plan import Layer, Plan
from intarsia.cosim.faults import Faults
from intarsia.cosim.transport import SimulatedTransport
from intarsia.isa.counters import ACTIVITIES, Activity
from intarsia.isa.instruction import Stream
from intarsia.runtime.operation import Operation, Restart

__all__ = ["Tally"]


class Tally:
    """What inferences of a network have taken so far.

    Parameters
    ----------
    layers : int
        Operators of the network.

    Members
    -------
    inferences : int
    cycles : int
        From doorbells to interrupts.
    chip_cycles : int
        Simulated, whatever the chips did in them.
    wall, busy : float
        Seconds, and seconds of a CPU, that the simulator took.
    accesses, link_bytes : int
        Accesses to registers; bytes that crossed links.
    mismatches : int or None
        Bytes unlike the golden model's; None while none were compared.
    """

    def __init__(self, layers: int) -> None:
        self.inferences = self.cycles = self.chip_cycles = 0
        self.wall = self.busy = 0.0
        self.accesses = self.link_bytes = 0
        self.mismatches: int | None = None
        self._layer_cycles = [0] * layers
        self._spent = np.zeros((len(Stream), layers + 1, ACTIVITIES), np.int64)
        self._digest = hashlib.sha256()
        self._restarts: list[dict[str, Any]] = []
        self._lost: dict[int, tuple[int, int | None]] = {}
        self._restored: dict[int, int] = {}

    @contextmanager
    def measured(self, transport: SimulatedTransport) -> Iterator[None]:
        """Add what an inference takes to simulate, and what of the system it uses."""
        fabric = transport.fabric
        now, accesses, crossed = fabric.now, transport.accesses, fabric.link_bytes
        begin, busy = time.perf_counter(), time.process_time()
        yield
        self.wall += time.perf_counter() - begin
        self.busy += time.process_time() - busy
        self.chip_cycles += (fabric.now - now) * transport.chips
        self.accesses += transport.accesses - accesses
        self.link_bytes += fabric.link_bytes - crossed

    def add_inference(
        self, spell: tuple[int, int], layers: Sequence[int], booked: np.ndarray
    ) -> None:
        """One inference: when it began and ended, and cycles that each layer has taken.

        `booked` are those of :meth:`intarsia.runtime.stalls.Ledger.book`.
        """
        self.inferences += 1
        self.cycles += spell[1] - spell[0]
        self._layer_cycles = [a + b for a, b in zip(self._layer_cycles, layers, strict=True)]
        self._spent += booked.sum(axis=0)

    def add_outputs(self, outputs: np.ndarray) -> None:
        """What the model returned."""
        self._digest.update(np.ascontiguousarray(outputs).tobytes())

    def add_mismatches(self, count: int) -> None:
        """Bytes of an inference that differ."""
        self.mismatches = (self.mismatches or 0) + count

    def add_losses(self, operation: Operation, faults: Faults) -> None:
        """What has happened so far; what is new happened in the inference that comes next."""
        for node, noticed in operation.lost.items():
            end = faults.end(node)
            latency = None if end is None else noticed - end
            self._lost.setdefault(node, (noticed, latency))
        self._restored = dict(operation.restored)
        for restart in operation.restarts[len(self._restarts) :]:
            self._restarts.append({
                "inference": self.inferences,
                "cause": restart.cause,
                "lost": list(restart.lost),
                "noticed": restart.noticed,
                "latency": _latency(restart, faults),
                "resumed": restart.resumed,
            })

    def restarts(self) -> dict[str, Any]:
        """Figures of what was survived: restarts, nodes that were lost, and each time."""
        return {
            "restarts": len(self._restarts),
            "killed": list(self._lost),
            "recoveries": list(self._restarts),
            "failovers": [
                {
                    "node": node,
                    "noticed": noticed,
                    "latency": latency,
                    "restored": self._restored.get(node),
                }
                for node, (noticed, latency) in self._lost.items()
                if not any(node in restart["lost"] for restart in self._restarts)
            ],
        }

    def figures(self, plan: Plan, chips: int) -> dict[str, Any]:
        """Figures of the whole run; of `chips` chips, some of which may have died since."""
        peak = plan.config.macs * chips
        macs = sum(_macs(layer) for layer in plan.layers) * self.inferences
        return {
            "inferences": self.inferences,
            "cycles": self.cycles,
            "macs": macs,
            "utilization": macs / (self.cycles * peak) if self.cycles else 0.0,
            "link_bytes": self.link_bytes,
            "host_accesses": self.accesses,
            "wall_s": self.wall,
            "chip_cycles_per_s": self.chip_cycles / self.busy if self.busy else 0.0,
            "mismatches": self.mismatches,
            "output_sha256": self._digest.hexdigest(),
        }

    def layers(self, plan: Plan, chips: int) -> list[dict[str, Any]]:
        """Figures of each layer."""
        peak = plan.config.macs * chips
        found = []
        for number, (layer, cycles) in enumerate(zip(plan.layers, self._layer_cycles, strict=True)):
            mean = cycles // max(self.inferences, 1)
            macs = _macs(layer)
            found.append({
                "name": layer.name,
                "op": layer.op,
                "device": str(layer.device),
                "cycles": mean,
                "macs": macs,
                "utilization": macs / (mean * peak) if mean else 0.0,
                "chips": list(layer.macs),
                "engines": self._engines(number),
                "fused": layer.fused,
            })
        return found

    def rest(self) -> dict[str, dict[str, int]]:
        """What engines did after their last instructions of inferences, for no layer."""
        return self._engines(-1)

    def _engines(self, layer: int) -> dict[str, dict[str, int]]:
        """Cycles by engine and activity, of all chips and inferences, of engines that took part."""
        return {
            stream.name.lower(): {
                activity.name.lower(): int(spent[layer, activity.value]) for activity in Activity
            }
            for stream, spent in zip(Stream, self._spent, strict=True)
            if spent[layer].any()
        }


def _latency(restart: Restart, faults: Faults) -> int | None:
    """Most cycles from the death of a chip until it was noticed; None where none had died.

    One that died when chips were being called anyway was noticed by that.
    """
    ends = (faults.end(node) for node in restart.lost)
    found = (
        (restart.noticed if end <= restart.noticed else restart.called) - end
        for end in ends
        if end is not None
    )
    return max(found, default=None)


def _macs(layer: Layer) -> int:
    return max(layer.macs) if layer.replicated else sum(layer.macs)
