"""Sessions: a network on simulated chips, as long as it is needed."""

import hashlib
import random
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from intarsia.compiler.compile import compile_network
from intarsia.compiler.placement import place
from intarsia.compiler.plan import Device
from intarsia.cosim.fabric import Fabric
from intarsia.cosim.transport import SimulatedTransport
from intarsia.golden import evaluate, evaluate_op, present_output, quantize_input
from intarsia.graph import Mode, Network
from intarsia.importer import load
from intarsia.isa.config import config as configuration
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.topologies import topology as build_topology
from intarsia.runtime.deployment import Deployment
from intarsia.runtime.recording import Recorder, Recording, counted
from intarsia.runtime.timeline import Event, layer_cycles

__all__ = ["Session"]

#: Cycles that an inference may take before the session gives up, per MAC of one chip's array that
#: it would take at full use, and at least.
PATIENCE, LEAST_PATIENCE = 200, 2_000_000


class Session:
    """A network, compiled and laid over simulated chips.

    Use it as a context manager; the simulation lives until the end of the block::

        with Session("network.onnx", chips=4) as session:
            outputs = session.run(inputs)

    Parameters
    ----------
    model : path or Network
        ``.onnx`` or ``.tflite``.
    chips : int
        Number of chips.
    config : str
        Configuration of every chip; see :mod:`intarsia.isa.config`.
    mode : Mode or str or None
        Numerics mode. By default that of the file's format: ``onnx``, or ``xnnpack`` for
        ``.tflite``.
    partition : str
        How convolutions are split over the chips.
    link_latency : int
        Cycles that a beat takes over a link.
    topology : str
        How chips are joined; see :mod:`intarsia.isa.topologies`.
    record : bool
        Keep every instruction that chips had under way, for :meth:`recording`.

    Raises
    ------
    :exc:`intarsia.importer.ModelError`, :exc:`intarsia.compiler.errors.CompileError`
        If the model can't be read, or not be laid over these chips.
    :exc:`intarsia.isa.topologies.TopologyError`
        If they can't be wired in this way.
    :exc:`ValueError`
        If there is no such configuration or mode.

    Members
    -------
    network : Network
    plan : Plan
    report : dict
        Figures of all inferences so far; the names are those of ``intarsia run --json``.
    """

    def __init__(
        self,
        model: str | Path | Network,
        *,
        chips: int = 1,
        config: str = "large",
        mode: Mode | str | None = None,
        partition: str = "auto",
        link_latency: int = 32,
        topology: str = "star",
        record: bool = False,
    ) -> None:
        if isinstance(model, Network):
            self.network, self._model = model, model.name
        else:
            self.network, self._model = load(Path(model)), str(model)
        if mode is None:
            mode = Mode.XNNPACK if self._model.endswith(".tflite") else Mode.ONNX
        self.mode = Mode(mode)
        self._config = configuration(config)
        self._topology = build_topology(topology, chips)
        self._topology.check([self._config] * chips)
        self.plan = compile_network(
            self.network, config=self._config, chips=chips, mode=self.mode, partition=partition
        )
        self._latency = link_latency
        self._transport: SimulatedTransport | None = None
        self._record = record
        self._recorder: Recorder | None = None
        self._spells: list[tuple[int, int]] = []
        self._inferences = self._cycles = self._mismatches = 0
        self._checked = False
        self._wall = self._busy = 0.0
        self._layer_cycles = [0] * len(self.plan.layers)
        self._accesses = self._link_bytes = self._simulated = 0
        self._digest = hashlib.sha256()
        self._first_lookups: list[tuple[int, int]] = []
        self._lookups: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        fabric = Fabric(
            [self._config] * len(self.plan.chips),
            link_latency=self._latency,
            topology=self._topology,
        )
        self._transport = SimulatedTransport(fabric)
        self._deployment = Deployment(self._transport, self.plan, place(self.plan))
        if self._record:
            self._recorder, self._spells = Recorder(chip.program for chip in self.plan.chips), []
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._transport is not None:
            if kind is None and self._inferences:
                self._lookups = self._deployment.lookups()
            self._transport.fabric.close()
            self._transport = None

    def run(
        self,
        inputs: np.ndarray,
        *,
        check: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> np.ndarray:
        """Inferences, one after another.

        Parameters
        ----------
        inputs : numpy.ndarray
            ``(batch, …)``, with the model's own layout and type.
        check : bool
            Compare every byte with the golden model; the report says how many differ.
        progress : callable or None
            Called with the number of inferences done, after each.

        Returns
        -------
        numpy.ndarray
            ``(batch, …)``: what the model itself would return as its first output.

        Raises
        ------
        :exc:`intarsia.golden.InputError`
            If `inputs` are not what the model takes.
        :exc:`intarsia.driver.errors.DriverError`
            If a chip reports a fault, or nothing for too long.
        """
        end = self.network.inputs[0]
        quantized = quantize_input(end, self.network.tensors[end.tensor], inputs)
        result = self.network.outputs[0]
        found = []
        for number, image in enumerate(quantized):
            activations = self._infer({end.tensor: image})
            found.append(activations[result.tensor])
            if check:
                self._compare(image, activations)
            if progress is not None:
                progress(number + 1)
        outputs = present_output(result, self.network.tensors[result.tensor], np.stack(found))
        self._digest.update(np.ascontiguousarray(outputs).tobytes())
        return outputs

    def relocate(self, seed: int) -> None:
        """Move every slot and fragment to another place, drawn at random, and start again.

        Raises
        ------
        :exc:`RuntimeError`
            If the session records: a recording follows programs from their start.
        """
        if self._recorder is not None:
            raise RuntimeError("A session that records cannot move what it runs")
        self._deployment.deploy(place(self.plan, random.Random(seed)))

    def counters(self) -> list[dict[CounterBank, dict[Activity, int]]]:
        """Cycles counted by each chip since the session began, by engine and activity."""
        return self._deployment.counters()

    def translation(self) -> list[dict[str, Any]]:
        """Of each chip: fragments that it uses, and look-ups of its ATU.

        Those of the first inference, and of bringing everything to its place, are apart: they fill
        the ATUs.
        """
        if self._transport is not None:
            self._lookups = self._deployment.lookups()
        found = []
        for chip, plan in enumerate(self.plan.chips):
            hits, misses = self._lookups[chip] if self._lookups else (0, 0)
            first = self._first_lookups[chip] if self._first_lookups else (hits, misses)
            later = hits - first[0], misses - first[1]
            found.append({
                "working_set": len(plan.fragments),
                "entries": self._config.atu_sets * self._config.atu_ways,
                "hits": hits,
                "misses": misses,
                "later_hit_rate": later[0] / sum(later) if sum(later) else None,
            })
        return found

    def recording(self) -> Recording:
        """What was done since the session began, setup included. Takes simulated time.

        Raises
        ------
        :exc:`RuntimeError`
            If the session is not open, or not made with ``record=True``.
        """
        now = self.fabric.now
        if self._recorder is None:
            raise RuntimeError("The session has no recording: make it with `record=True`")
        self._take_events()
        done = self._recorder.spans(now), tuple(self._spells)
        return Recording(
            self.report, self.network, self.plan, *done, *counted(self.counters(), now)
        )

    @property
    def fabric(self) -> Fabric:
        """The simulated system.

        Raises
        ------
        :exc:`RuntimeError`
            Outside of the session's block.
        """
        if self._transport is None:
            raise RuntimeError("The session is not open: use it as `with Session(…) as session:`")
        return self._transport.fabric

    @property
    def report(self) -> dict[str, Any]:
        """Figures of all inferences so far."""
        chips = len(self.plan.chips)
        peak = self._config.macs * chips
        layers = []
        for layer, cycles in zip(self.plan.layers, self._layer_cycles, strict=True):
            macs = max(layer.macs) if layer.replicated else sum(layer.macs)
            mean = cycles // max(self._inferences, 1)
            layers.append({
                "name": layer.name,
                "op": layer.op,
                "device": str(layer.device),
                "cycles": mean,
                "macs": macs,
                "utilization": macs / (mean * peak) if mean else 0.0,
                "chips": list(layer.macs),
            })
        macs = sum(layer["macs"] for layer in layers) * self._inferences
        return {
            "model": self._model,
            "mode": str(self.mode),
            "chips": chips,
            "config": self._config.name,
            "partition": self.plan.partition,
            "topology": self._topology.name,
            "inferences": self._inferences,
            "cycles": self._cycles,
            "macs": macs,
            "utilization": macs / (self._cycles * peak) if self._cycles else 0.0,
            "link_bytes": self._link_bytes,
            "host_accesses": self._accesses,
            "wall_s": self._wall,
            "chip_cycles_per_s": self._simulated / self._busy if self._busy else 0.0,
            "mismatches": self._mismatches if self._checked else None,
            "output_sha256": self._digest.hexdigest(),
            "atu": self.translation(),
            "layers": layers,
        }

    def _infer(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One inference. Returns the outputs of the chips, and what the host makes of them."""
        fabric = self.fabric
        assert self._transport is not None
        now, accesses, crossed = fabric.now, self._transport.accesses, fabric.link_bytes
        begin, busy = time.perf_counter(), time.process_time()
        flat, (begun, ended) = self._deployment.infer(inputs, limit=self._limit())
        self._wall += time.perf_counter() - begin
        self._busy += time.process_time() - busy
        self._simulated += (fabric.now - now) * len(self.plan.chips)
        self._accesses += self._transport.accesses - accesses
        self._link_bytes += fabric.link_bytes - crossed
        self._inferences += 1
        self._cycles += ended - begun
        self._spells.append((begun, ended))
        events = self._take_events()
        if self._inferences == 1:
            self._first_lookups = self._deployment.lookups()
        spent = layer_cycles(events, len(self.plan.layers))
        self._layer_cycles = [a + b for a, b in zip(self._layer_cycles, spent, strict=True)]

        tensors = self.network.tensors
        activations = {name: content.reshape(tensors[name].shape) for name, content in flat.items()}
        for op, layer in zip(self.network.ops, self.plan.layers, strict=True):
            if layer.device is Device.HOST:
                x = [activations[name] for name in op.inputs]
                activations[op.output] = evaluate_op(op, x, tensors, self.mode)
        return activations

    def _take_events(self) -> list[list[Event]]:
        """What each chip has reported since the last call; the recorder is told."""
        events = [self.fabric.events(chip) for chip in range(len(self.plan.chips))]
        if self._recorder is not None:
            for chip, found in enumerate(events):
                self._recorder.feed(chip, found)
        return events

    def _limit(self) -> int:
        macs = sum(max(layer.macs) for layer in self.plan.layers)
        return max(LEAST_PATIENCE, PATIENCE * macs // self._config.macs)

    def _compare(self, image: np.ndarray, activations: dict[str, np.ndarray]) -> None:
        golden = evaluate(self.network, {self.network.inputs[0].tensor: image}, self.mode)
        self._checked = True
        for end in self.network.outputs:
            differ = golden[end.tensor] != activations[end.tensor]
            self._mismatches += int(np.count_nonzero(differ))
