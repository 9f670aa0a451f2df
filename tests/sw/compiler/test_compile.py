"""Plans compute what the golden model computes, wherever everything lies, and are reproducible."""

import random
from dataclasses import replace

import numpy as np
import pytest

from intarsia.compiler import PARTITIONS, CompileError, Device, compile_network, place
from intarsia.compiler import compile as passes
from intarsia.compiler.supply import Strategy
from intarsia.golden import ScaleError, evaluate
from intarsia.graph import Mode
from intarsia.graph.ops import Window
from intarsia.isa.config import CONFIGS, config
from intarsia.model.machine import Machine
from tests.sw.compiler.networks import Builder, made_up, some_input
from tests.sw.compiler.running import assert_exact

SEEDS = range(60)


def drawn(seed):
    """A network and the way it is compiled, both from `seed`."""
    rng = random.Random(seed)
    how = dict(
        config=config(rng.choice(list(CONFIGS))),
        chips=rng.choice([1, 2, 3, 4, 5]),
        mode=rng.choice(list(Mode)),
        partition=rng.choice(PARTITIONS),
    )
    return made_up(seed, rng.randint(1, 8)), how


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks_are_exact(seed):
    network, how = drawn(seed)
    try:
        plan = compile_network(network, **how)
    except (ScaleError, CompileError) as error:
        expected = "fragments in its map" if isinstance(error, CompileError) else "scales"
        assert expected in str(error)
        return
    assert_exact(network, plan, seed)


@pytest.mark.parametrize("prefetch", [0, 1, 2])
@pytest.mark.parametrize("seed", range(100, 110))
def test_streamed_weights_are_exact(monkeypatch, seed, prefetch):
    network, how = drawn(seed)
    how["config"] = config("large")
    streamed = Strategy(kept=15 if prefetch else 0, prefetch=prefetch, blob_bytes=1500)
    monkeypatch.setattr(passes, "_strategies", lambda _: [streamed])
    plan = compile_network(network, **how)
    assert not plan.resident
    assert_exact(network, plan, seed)


def large_layers():
    builder = Builder(3, (1, 1, 300))
    first = builder.conv("input", Window(kernel=(1, 1)), 320, groups=1)
    second = builder.conv(first, Window(kernel=(1, 1)), 300, groups=1)
    return builder.network([second])


def test_weights_larger_than_a_bank_and_than_memory_are_streamed():
    network, chip = large_layers(), replace(config("ecp5-85k"), memory_bytes=128 << 10)
    plan = compile_network(network, config=chip, chips=1, mode=Mode.ONNX)
    assert not plan.resident
    weights = sum(op.weights.size for op in network.ops)
    assert weights > chip.memory_bytes
    assert min(op.weights.size for op in network.ops) > chip.bank_bytes
    assert_exact(network, plan, 0)


def test_weights_that_fit_are_loaded_once():
    network, chip = large_layers(), config("large")
    plan = compile_network(network, config=chip, chips=2, mode=Mode.ONNX)
    assert plan.resident
    machine = Machine(plan)
    machine.infer(some_input(network))
    before = machine.fabric.moved
    machine.infer(some_input(network))
    assert machine.fabric.moved - before < 3000


def test_relocation_changes_no_byte_of_a_program():
    network, how = drawn(17)
    how["chips"] = 2
    plan = compile_network(network, **how)
    inputs = some_input(network)
    golden = evaluate(network, inputs, plan.mode)
    for seed in range(20):
        placed = place(plan, random.Random(seed))
        machine = Machine(plan, placed)
        for number, chip in enumerate(plan.chips):
            start = placed.slots[number][0]
            stored = machine.fabric.nodes[number].memory[start : start + len(chip.program)]
            assert stored.tobytes() == chip.program
        for name, found in machine.infer(inputs).items():
            np.testing.assert_array_equal(found, golden[name].reshape(-1))


def test_is_deterministic():
    network, how = drawn(23)
    assert compile_network(network, **how) == compile_network(network, **how)


def test_macs_are_those_that_are_done():
    builder = Builder(2, (12, 10, 8))
    first = builder.conv("input", Window(kernel=(3, 3), padding=(1, 1, 1, 1)), 16, groups=1)
    last = builder.conv(first, Window(kernel=(3, 3), stride=(2, 2)), 24, groups=1)
    network = builder.network([last])
    plan = compile_network(network, config=config("large"), chips=4, mode=Mode.TFLITE)
    machine = assert_exact(network, plan, 0, inferences=1)
    assert [layer.macs for layer in plan.layers] == [machine.macs(0), machine.macs(1)]


def test_softmax_is_left_to_the_host():
    builder = Builder(2, (1, 1, 30))
    logits = builder.conv("input", Window(kernel=(1, 1)), 10, groups=1)
    network = builder.network([builder.softmax(logits)])
    plan = compile_network(network, config=config("tiny"), chips=2, mode=Mode.XNNPACK)
    assert [layer.device for layer in plan.layers] == [Device.CHIP, Device.HOST]
    assert [end.tensor for end in plan.outputs] == [logits]


def test_refuses_softmax_in_the_middle():
    builder = Builder(2, (1, 1, 30))
    middle = builder.softmax("input")
    network = builder.network([builder.conv(middle, Window(kernel=(1, 1)))])
    with pytest.raises(CompileError, match="'conv1' takes 'softmax0', which the host computes"):
        compile_network(network, config=config("tiny"), chips=1, mode=Mode.ONNX)


@pytest.mark.parametrize("chips", [-1, 0, 33])
def test_refuses_numbers_of_chips(chips):
    with pytest.raises(CompileError, match=rf"chips must be in 1\.\.32, not {chips}"):
        compile_network(made_up(0), config=config("tiny"), chips=chips, mode=Mode.ONNX)


def test_refuses_maps_of_which_no_bank_holds_a_row():
    builder = Builder(2, (3, 70, 70))
    network = builder.network([builder.pool("input")])
    with pytest.raises(CompileError, match=r"'made1': Operator 'pool0' does not fit .*row by row"):
        compile_network(network, config=config("tiny"), chips=1, mode=Mode.ONNX)


def test_refuses_maps_that_no_bank_holds_on_several_chips():
    builder = Builder(2, (70, 70, 1))
    network = builder.network([builder.mean("input")])
    with pytest.raises(CompileError, match=r"'made1': Operator 'mean0' does not fit .*row by row"):
        compile_network(network, config=config("tiny"), chips=2, mode=Mode.ONNX)


def test_refuses_weights_of_one_channel_that_no_bank_holds():
    builder = Builder(2, (1, 1, 4090))
    network = builder.network([builder.conv("input", Window(kernel=(1, 1)), 2, groups=1)])
    with pytest.raises(CompileError, match=r"'conv0': weights of one output channel are 4092 "):
        compile_network(network, config=config("tiny"), chips=1, mode=Mode.ONNX)
