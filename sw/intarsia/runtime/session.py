"""Sessions: a network on simulated chips, as long as it is needed."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from intarsia.compiler.placement import place
from intarsia.compiler.plan import Plan
from intarsia.cosim.fabric import Fabric
from intarsia.cosim.faults import NO_FAULTS, Faults
from intarsia.cosim.transport import SimulatedTransport
from intarsia.golden import present_output, quantize_input
from intarsia.graph import Mode, Network
from intarsia.isa.counters import Activity, CounterBank
from intarsia.runtime.deployment import Deployment, Meanwhile
from intarsia.runtime.operation import Operation
from intarsia.runtime.recording import Recording, counted
from intarsia.runtime.setup import HOMES, Setup
from intarsia.runtime.stalls import stalls
from intarsia.runtime.tally import Tally
from intarsia.runtime.translation import Meters
from intarsia.runtime.watch import Watch

__all__ = ["Session"]

Result = TypeVar("Result")


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
    tiled : bool
        Compute in stripes, which come from other nodes and go there, even where the only chip has
        room for all: what is computed once is there earlier.
    link_latency : int
        Cycles that a beat takes over a link.
    topology : str
        How chips are joined; see :mod:`intarsia.isa.topologies`.
    replicas : int
        Memory nodes that hold weights, 1 or 2: with 2, one of them may die.
    homes : str
        Who keeps the map of fragments: ``chips``, where they have room, and memory nodes and host;
        or ``memory``: those alone.
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
        tiled: bool = False,
        link_latency: int = 32,
        topology: str = "star",
        replicas: int = 1,
        homes: str = HOMES[0],
        faults: Faults | str = NO_FAULTS,
        record: bool = False,
    ) -> None:
        self._setup = Setup(
            model,
            chips=chips,
            config=config,
            mode=mode,
            partition=partition,
            streamed=streamed,
            tiled=tiled,
            link_latency=link_latency,
            topology=topology,
            replicas=replicas,
            homes=homes,
            faults=faults,
        )
        self.network, self.mode = self._setup.network, self._setup.mode
        self._plan = self._setup.planned(range(chips))
        self._transport: SimulatedTransport | None = None
        self._record = record
        self._watch: Watch | None = None
        self._tally = Tally(len(self._plan.layers))
        self._meters = Meters()

    def __enter__(self) -> Self:
        self._transport = SimulatedTransport(self._setup.fabric())
        self._operation = Operation(
            self._transport,
            self._plan,
            self._setup.planned,
            self._begin,
            lambda: self._watched.waits(),
            replicas=self._setup.replicas,
            on_chips=self._setup.homes == "chips",
        )
        self._do(lambda _: None)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._transport is None:
            return
        if kind is None and self._tally.inferences:
            self._do(self._meters.read_lookups)
            self._do(self._meters.read_repeats)
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
                self._tally.add_mismatches(self._setup.mismatches(image, activations))
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
        if self._record:
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
            self._do(self._meters.read_lookups)
        return self._meters.translation(self.plan)

    def links(self) -> list[dict[str, int]]:
        """Of each chip: packets that its links have sent again, and those that came damaged."""
        if self._transport is not None:
            self._do(self._meters.read_repeats)
        return self._meters.links()

    def recording(self) -> Recording:
        """What was done since the session began, or the last restart, setup included.

        Takes simulated time.

        Raises
        ------
        :exc:`RuntimeError`
            If the session is not open, or not made with ``record=True``.
        """
        now = self.fabric.now
        recorder = self._watched.recorder
        if recorder is None:
            raise RuntimeError("The session has no recording: make it with `record=True`")
        self._watched.take()
        done = recorder.spans(now), tuple(self._watched.spells)
        about = self.report, self.network, self.plan
        booked = stalls(self._watched.booked) if self._watched.spells else ()
        return Recording(*about, *done, *counted(self.counters(), now), booked)

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
        setup = self._setup
        return {
            "model": setup.model,
            "mode": str(self.mode),
            "chips": setup.chips,
            "config": setup.config.name,
            "partition": self.plan.spread,
            "topology": setup.topology.name,
            "homes": setup.homes,
            **self._tally.figures(self.plan, setup.chips),
            **self._tally.restarts(),
            "packets": dict(self._meters.packets),
            "links": self.links(),
            "atu": self.translation(),
            "layers": self._tally.layers(self.plan, setup.chips),
            "rest": self._tally.rest(),
        }

    def _do(self, step: Callable[[Deployment], Result]) -> Result:
        """What `step` returns, after as many restarts as it takes; they are recorded."""
        try:
            return self._operation.do(step)
        finally:
            self._tally.add_losses(self._operation, self._setup.faults)

    def _begin(self, plan: Plan) -> None:
        """Chips are about to run other programs, from their start."""
        self._plan = plan
        self._watch = Watch(self.fabric, plan, record=self._record)

    @property
    def _watched(self) -> Watch:
        assert self._watch is not None
        return self._watch

    def _infer(
        self, inputs: dict[str, np.ndarray], meanwhile: Meanwhile | None
    ) -> dict[str, np.ndarray]:
        """One inference. Returns the outputs of the chips, and what the host makes of them."""
        assert self._transport is not None
        limit = self._setup.limit(self.plan)
        with self._tally.measured(self._transport):
            found, spell = self._do(
                lambda deployment: deployment.infer(
                    inputs,
                    limit=limit,
                    moved=self._watched.moved,
                    mark=self._watched.mark,
                    meanwhile=meanwhile,
                )
            )
        layers = self._watched.ended(spell)
        self._tally.add_inference(spell, layers, self._watched.booked)
        self._meters.read_packets(self.fabric)
        if self._tally.inferences == 1:
            self._do(self._meters.read_first)
        return self._setup.completed(self.plan, found)
