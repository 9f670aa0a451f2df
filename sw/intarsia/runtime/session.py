"""Sessions: a network on simulated chips, as long as it is needed."""

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from intarsia.compiler.compile import compile_network
from intarsia.compiler.placement import place
from intarsia.compiler.plan import Device, Plan
from intarsia.cosim.fabric import Fabric
from intarsia.cosim.faults import NO_FAULTS, Faults, parse_faults
from intarsia.cosim.transport import SimulatedTransport
from intarsia.golden import evaluate, evaluate_op, present_output, quantize_input
from intarsia.graph import Mode, Network
from intarsia.importer import load
from intarsia.isa.config import config as configuration
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.topologies import topology as build_topology
from intarsia.runtime.deployment import Deployment, Meanwhile
from intarsia.runtime.operation import Operation
from intarsia.runtime.progress import Progress
from intarsia.runtime.recording import Recorder, Recording, counted
from intarsia.runtime.tally import Tally
from intarsia.runtime.timeline import Event, layer_cycles
from intarsia.runtime.translation import translation

__all__ = ["Session"]

Result = TypeVar("Result")

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
    streamed : bool
        Load all weights in every inference, even where chips have room to keep them.
    link_latency : int
        Cycles that a beat takes over a link.
    topology : str
        How chips are joined; see :mod:`intarsia.isa.topologies`.
    replicas : int
        Memory nodes that hold weights, 1 or 2: with 2, one of them may die.
    faults : Faults or str
        What happens to links and nodes; a string as
        :func:`~intarsia.cosim.faults.parse_faults` reads it. Chips that die are left out from then
        on, and what was being done is begun again.
    record : bool
        Keep every instruction that chips had under way, for :meth:`recording`.

    Raises
    ------
    :exc:`intarsia.importer.ModelError`, :exc:`intarsia.compiler.errors.CompileError`
        If the model can't be read, or not be laid over these chips.
    :exc:`intarsia.isa.topologies.TopologyError`
        If they can't be wired in this way.
    :exc:`ValueError`
        If there is no such configuration or mode, or `faults` are none that can happen.

    Members
    -------
    network : Network
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
        streamed: bool = False,
        link_latency: int = 32,
        topology: str = "star",
        replicas: int = 1,
        faults: Faults | str = NO_FAULTS,
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
        self._faults = parse_faults(faults) if isinstance(faults, str) else faults
        self._faults.check(chips, replicas)
        self._replicas = replicas
        self._topology = build_topology(topology, chips, replicas)
        self._topology.check([self._config] * chips)
        self._chips, self._partition, self._latency = chips, partition, link_latency
        self._streamed = streamed
        self._plan = self._planned(range(chips))
        self._transport: SimulatedTransport | None = None
        self._record = record
        self._recorder: Recorder | None = None
        self._spells: list[tuple[int, int]] = []
        self._tally = Tally(len(self._plan.layers))
        self._first_lookups: dict[int, tuple[int, int]] = {}
        self._lookups: dict[int, tuple[int, int]] = {}
        self._repeats: list[tuple[int, int]] = []
        self._link_errors = {"repeated": 0, "damaged": 0}

    def __enter__(self) -> Self:
        fabric = Fabric(
            [self._config] * self._chips,
            link_latency=self._latency,
            memories=self._replicas,
            faults=self._faults,
            topology=self._topology,
        )
        self._transport = SimulatedTransport(fabric)
        self._operation = Operation(
            self._transport,
            self._plan,
            self._planned,
            self._begin,
            self._waits,
            replicas=self._replicas,
        )
        self._do(lambda _: None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._transport is not None:
            if kind is None and self._tally.inferences:
                self._lookups = self._do(self._looked_up)
                self._repeats = self._do(Deployment.repeats)
            self._transport.fabric.close()
            self._transport = None

    def run(
        self,
        inputs: np.ndarray,
        *,
        check: bool = False,
        progress: Callable[[int], None] | None = None,
        meanwhile: Meanwhile | None = None,
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
        meanwhile : callable or None
            Called while chips run; see :meth:`intarsia.runtime.deployment.Deployment.infer`.

        Returns
        -------
        numpy.ndarray
            ``(batch, …)``: what the model itself would return as its first output.

        Raises
        ------
        :exc:`intarsia.golden.InputError`
            If `inputs` are not what the model takes.
        :exc:`intarsia.driver.errors.DriverError`
            If something goes wrong that a restart does not cure.
        """
        end = self.network.inputs[0]
        quantized = quantize_input(end, self.network.tensors[end.tensor], inputs)
        result = self.network.outputs[0]
        found = []
        for number, image in enumerate(quantized):
            activations = self._infer({end.tensor: image}, meanwhile)
            found.append(activations[result.tensor])
            if check:
                self._compare(image, activations)
            if progress is not None:
                progress(number + 1)
        outputs = present_output(result, self.network.tensors[result.tensor], np.stack(found))
        self._tally.add_outputs(outputs)
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
        self._do(lambda deployment: deployment.deploy(place(self.plan, random.Random(seed))))

    def counters(self) -> list[dict[CounterBank, dict[Activity, int]]]:
        """Cycles counted by each chip since the session began, by engine and activity."""
        return self._do(lambda deployment: deployment.counters())

    def translation(self) -> list[dict[str, Any]]:
        """Of each chip: fragments that it uses, and look-ups of its ATU.

        Those of the first inference, and of bringing everything to its place, are apart: they fill
        the ATUs.
        """
        if self._transport is not None:
            self._lookups = self._do(self._looked_up)
        return translation(self.plan, self._lookups, self._first_lookups)

    def links(self) -> list[dict[str, int]]:
        """Of each chip: packets that its links have sent again, and those that came damaged."""
        if self._transport is not None:
            self._repeats = self._do(Deployment.repeats)
        return [{"repeats": repeats, "damaged": damaged} for repeats, damaged in self._repeats]

    def recording(self) -> Recording:
        """What was done since the session began, or the last restart, setup included.

        Takes simulated time.

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
    def plan(self) -> Plan:
        """What is deployed, or was when the session ended: another plan after chips have died."""
        return self._plan

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
        return {
            "model": self._model,
            "mode": str(self.mode),
            "chips": self._chips,
            "config": self._config.name,
            "partition": self._partition,
            "topology": self._topology.name,
            **self._tally.figures(self.plan, self._chips),
            **self._tally.restarts(),
            "packets": dict(self._link_errors),
            "links": self.links(),
            "atu": self.translation(),
            "layers": self._tally.layers(self.plan, self._chips),
        }

    def _planned(self, nodes: Sequence[int]) -> Plan:
        """The network over the chips that are these nodes."""
        return compile_network(
            self.network,
            config=self._config,
            chips=len(nodes),
            nodes=nodes,
            mode=self.mode,
            partition=self._partition,
            streamed=self._streamed,
        )

    def _do(self, step: Callable[[Deployment], Result]) -> Result:
        """What `step` returns, after as many restarts as it takes; they are recorded."""
        try:
            return self._operation.do(step)
        finally:
            self._tally.add_losses(self._operation, self._faults)

    def _begin(self, plan: Plan) -> None:
        """Chips are about to run other programs, from their start."""
        for chip in range(self._chips):
            self.fabric.events(chip)
        self._plan, self._progress = plan, Progress(plan)
        self._events: list[list[Event]] = [[] for _ in plan.chips]
        if self._record:
            self._recorder, self._spells = Recorder(chip.program for chip in plan.chips), []

    def _waits(self) -> list[str]:
        """What chips are doing, or waiting for."""
        self._take_events()
        return self._progress.waits()

    def _looked_up(self, deployment: Deployment) -> dict[int, tuple[int, int]]:
        """Look-ups of the ATU of each node."""
        return dict(zip(self.plan.nodes, deployment.lookups(), strict=True))

    def _attempt(
        self,
        deployment: Deployment,
        inputs: dict[str, np.ndarray],
        meanwhile: Meanwhile | None,
    ) -> tuple[dict[str, np.ndarray], tuple[int, int]]:
        """An inference, if nothing comes in between."""
        return deployment.infer(inputs, limit=self._limit(), moved=self._moved, meanwhile=meanwhile)

    def _infer(
        self, inputs: dict[str, np.ndarray], meanwhile: Meanwhile | None
    ) -> dict[str, np.ndarray]:
        """One inference. Returns the outputs of the chips, and what the host makes of them."""
        fabric, tally = self.fabric, self._tally
        assert self._transport is not None
        now, accesses, crossed = fabric.now, self._transport.accesses, fabric.link_bytes
        begin, busy = time.perf_counter(), time.process_time()
        flat, spell = self._do(lambda deployment: self._attempt(deployment, inputs, meanwhile))
        tally.wall += time.perf_counter() - begin
        tally.busy += time.process_time() - busy
        tally.chip_cycles += (fabric.now - now) * self._chips
        tally.accesses += self._transport.accesses - accesses
        tally.link_bytes += fabric.link_bytes - crossed
        tally.inferences += 1
        tally.cycles += spell[1] - spell[0]
        self._link_errors = {"repeated": fabric.repeated, "damaged": fabric.damaged}
        self._spells.append(spell)
        self._take_events()
        if tally.inferences == 1:
            self._first_lookups = self._do(self._looked_up)
        tally.add_layers(layer_cycles(self._events, len(self.plan.layers)))
        for events in self._events:
            events.clear()

        tensors = self.network.tensors
        activations = {name: content.reshape(tensors[name].shape) for name, content in flat.items()}
        for op, layer in zip(self.network.ops, self.plan.layers, strict=True):
            if layer.device is Device.HOST:
                x = [activations[name] for name in op.inputs]
                activations[op.output] = evaluate_op(op, x, tensors, self.mode)
        return activations

    def _take_events(self) -> bool:
        """Take in what chips have reported. Whether that is anything."""
        events = [self.fabric.events(node) for node in self.plan.nodes]
        for chip, found in enumerate(events):
            self._events[chip] += found
            self._progress.feed(chip, found)
            if self._recorder is not None:
                self._recorder.feed(chip, found)
        return any(events)

    def _moved(self) -> bool:
        """Whether chips do something, or are watched by their watchdogs."""
        return self._take_events() or self._progress.busy()

    def _limit(self) -> int:
        macs = sum(max(layer.macs) for layer in self.plan.layers)
        return max(LEAST_PATIENCE, PATIENCE * macs // self._config.macs)

    def _compare(self, image: np.ndarray, activations: dict[str, np.ndarray]) -> None:
        golden = evaluate(self.network, {self.network.inputs[0].tensor: image}, self.mode)
        for end in self.network.outputs:
            differ = golden[end.tensor] != activations[end.tensor]
            self._tally.add_mismatches(int(np.count_nonzero(differ)))
