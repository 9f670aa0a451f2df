"""Per inference, the host rings one doorbell and waits; chips do all the rest."""

import numpy as np
import pytest

from intarsia.cosim.transport import SimulatedTransport
from intarsia.digits import MODEL, data
from intarsia.graph import Mode
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.instruction import Stream
from intarsia.isa.registers import Register
from intarsia.isa.topology import HOST_NODE
from intarsia.runtime import Session, watch
from tests.inputs import goldens

pytestmark = pytest.mark.system

LEADER = 0


@pytest.fixture
def calls(monkeypatch):
    """What the host does to chips and nodes: what, and where."""
    seen = []

    def spy(name, where):
        original = getattr(SimulatedTransport, name)

        def call(self, *arguments, **named):
            seen.append((name, *where(*arguments, **named)))
            return original(self, *arguments, **named)

        monkeypatch.setattr(SimulatedTransport, name, call)

    spy("read", lambda chip, address: (chip, Register(address)))
    spy("write", lambda chip, address, value: (chip, Register(address)))
    spy("store", lambda node, address, content: (node,))
    spy("load", lambda node, address, size: (node,))
    spy("place", lambda *_: ())
    spy("transfer", lambda **_: ())
    spy("wait", lambda cycles: ())
    return seen


@pytest.fixture
def traces(monkeypatch):
    """Events of each chip, by inference."""
    seen = []
    layer_cycles = watch.layer_cycles

    def spy(events, layers):
        seen.append([list(chip) for chip in events])
        return layer_cycles(events, layers)

    monkeypatch.setattr(watch, "layer_cycles", spy)
    return seen


def test_host_rings_once_and_waits(calls):
    images, _ = data.held_out()
    with Session(MODEL, chips=4, config="large") as session:
        session.run(images[:1])
        for image in images[1:4]:
            calls.clear()
            session.run(image[np.newaxis])
            assert calls == [
                ("store", HOST_NODE),
                ("write", LEADER, Register.DOORBELL),
                ("wait",),
                ("load", HOST_NODE),
            ]
        assert session.report["host_accesses"] == 4


def test_all_chips_convolve(inputs_folder, traces):
    """ResNet-8: each convolution runs on each chip, which is busy as long as its MACs take."""
    name = "resnet8_cifar10_int8"
    x, _ = goldens(inputs_folder, name, Mode.XNNPACK)
    with Session(inputs_folder / "models" / f"{name}.tflite", chips=4) as session:
        session.run(x[:1])
        counters = session.counters()
    convolutions = {n for n, layer in enumerate(session.plan.layers) if min(layer.macs) > 0}
    assert len(convolutions) == 9
    for chip, events in enumerate(traces[0]):
        begun = {
            layer
            for _, stream, _, layer, done, _ in events
            if stream == Stream.CONV.value and not done
        }
        assert begun >= convolutions
        busy = counters[chip][CounterBank.CONV][Activity.BUSY]
        macs = sum(layer.macs[chip] for layer in session.plan.layers)
        assert macs / session.plan.config.macs <= busy <= session.report["cycles"]


def test_layers_take_the_time_that_they_need():
    """On one chip, layers run one after another, each for at least as long as its work takes.

    Those that are fused run with the one that they follow.
    """
    images, _ = data.held_out()
    with Session(MODEL, chips=1, config="large") as session:
        session.run(images[:1])
        loading = session.report["cycles"]
        session.run(images[:1])
        report, network = session.report, session.network
    lanes = session.plan.config.lanes
    for layer, op in zip(report["layers"], network.ops, strict=True):
        size = np.prod(network.tensors[op.output].shape)
        assert layer["cycles"] >= layer["macs"] / session.plan.config.macs
        assert layer["cycles"] >= size / lanes
        assert 0 <= layer["utilization"] <= 1
    spent = sum(layer["cycles"] for layer in report["layers"] if not layer["fused"])
    cycles = report["cycles"] - loading
    assert 0.8 * cycles <= spent <= cycles
