"""Layers made up at random are exact on simulated chips, in all numerics modes.

A layer, its inputs, the chips that it is laid over, and all places come from its seed. The seeds
0 to 999 are run, unless INTARSIA_LAYER_SEEDS names others: one, as a failure reports it, or a
range::

    INTARSIA_LAYER_SEEDS=417 pytest tests/system/test_random_layers.py
    INTARSIA_LAYER_SEEDS=1000-4999 pytest -n 2 tests/system/test_random_layers.py
"""

import os

import numpy as np
import pytest

from intarsia.cosim.fabric import FabricError
from intarsia.driver.errors import DriverError
from intarsia.golden import evaluate
from intarsia.golden.convolution import accumulate
from intarsia.graph import Conv, Mode
from tests.system.chips import Chips
from tests.system.layers import Layer, made_up_layer

pytestmark = pytest.mark.system

ENVIRONMENT = "INTARSIA_LAYER_SEEDS"
FIRST, _, LAST = os.environ.get(ENVIRONMENT, "0-999").partition("-")
SEEDS = range(int(FIRST), int(LAST or FIRST) + 1)

#: Seeds that share chips, from a multiple of it on.
BLOCK = 50

#: Configuration and number of chips, block by block in turn.
SYSTEMS = [*[("large", 1)] * 5, ("tiny", 1), *[("large", 2)] * 2, ("large", 1), ("tiny", 2)]

#: Bytes of the largest map, by configuration: what fits, with all that a layer needs besides.
MOST_BYTES = {"large": 20 * 20 * 40, "tiny": 4000}

BLOCKS = sorted({seed // BLOCK for seed in SEEDS})


def system(block):
    return SYSTEMS[block % len(SYSTEMS)]


def layer_of(seed) -> Layer:
    name, _ = system(seed // BLOCK)
    return made_up_layer(seed, MOST_BYTES[name])


def name_of(block):
    name, count = system(block)
    return f"{block * BLOCK}-{name}-{count}"


@pytest.mark.parametrize("block", BLOCKS, ids=name_of)
def test_layers_are_exact(block):
    with Chips(*system(block)) as chips:
        for seed in SEEDS:
            if seed // BLOCK == block:
                assert_exact(chips, layer_of(seed))


def assert_exact(chips, layer):
    told = f"{type(layer.network.ops[0]).__name__}, mode {layer.mode}; to see it alone: " + (
        f"{ENVIRONMENT}={layer.seed} pytest tests/system/test_random_layers.py"
    )
    try:
        found = chips.run(layer.network, layer.mode, layer.inputs, layer.seed)
    except (DriverError, FabricError) as error:
        raise AssertionError(f"layer of seed {layer.seed}: {error}; {told}") from error
    for number, (x, outputs) in enumerate(zip(layer.inputs, found, strict=True)):
        golden = evaluate(layer.network, x, layer.mode)
        for name, y in outputs.items():
            message = f"layer of seed {layer.seed}, inference {number}, {name}; {told}"
            np.testing.assert_array_equal(y, golden[name], err_msg=message)


def rounded(layer):
    """Accumulators of a convolution, on the scale of its output."""
    [op] = layer.network.ops
    source, target = (layer.network.tensors[name] for name in (op.inputs[0], op.output))
    acc = accumulate(op, layer.inputs[0][source.name][np.newaxis], source.zero_point)
    return acc * (source.scale * op.weight_scales.astype(np.float64) / target.scale)


def test_layers_are_of_all_kinds():
    """Of what can be asked for, everything is there; and of ties, many."""
    layers = [made_up_layer(seed, MOST_BYTES["large"]) for seed in range(1000)]
    ops = [op for layer in layers for op in layer.network.ops]
    assert {layer.mode for layer in layers} == set(Mode)
    assert {type(op).__name__ for op in ops} == {
        "Add",
        "AveragePool",
        "Concat",
        "Conv",
        "MaxPool",
        "Mean",
        "Pad",
    }
    convolutions = [op for op in ops if isinstance(op, Conv)]
    windows = [op.window for op in convolutions]
    for axis in range(2):
        assert {window.kernel[axis] for window in windows} == set(range(1, 8))
        assert {window.stride[axis] for window in windows} == {1, 2, 3}
        assert {window.dilation[axis] for window in windows} == {1, 2}
    assert any(op.groups == op.weights.shape[0] > 1 for op in convolutions)
    assert any(1 < op.groups < op.weights.shape[0] for op in convolutions)
    assert any(window.kernel[0] != window.kernel[1] for window in windows)
    assert any(len(set(window.padding)) > 2 for window in windows)
    shapes = [tensor.shape for layer in layers for tensor in layer.network.tensors.values()]
    assert {1, 20} <= {shape[0] for shape in shapes} & {shape[1] for shape in shapes}
    assert {shape[2] for shape in shapes} >= set(range(1, 41))
    for mode in Mode:
        halves = [
            abs(values % 1) == 0.5
            for layer in layers
            if layer.mode is mode and layer.ties and isinstance(layer.network.ops[0], Conv)
            for values in [rounded(layer)]
        ]
        assert sum(map(np.sum, halves)) > 5000
