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

from intarsia.golden.convolution import accumulate
from intarsia.graph import Conv, Mode
from tests.system.blocks import BLOCK, MOST_BYTES, complaint_with_room, layer_of, system
from tests.system.chips import Chips
from tests.system.layers import made_up_layer

pytestmark = pytest.mark.system

ENVIRONMENT = "INTARSIA_LAYER_SEEDS"
FIRST, _, LAST = os.environ.get(ENVIRONMENT, "0-999").partition("-")
SEEDS = range(int(FIRST), int(LAST or FIRST) + 1)

BLOCKS = sorted({seed // BLOCK for seed in SEEDS})


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
    told, _ = complaint_with_room(chips, layer)
    again = f"{ENVIRONMENT}={layer.seed} pytest tests/system/test_random_layers.py"
    assert not told, f"{told}; to see it alone: {again}"


def rounded(layer):
    """Accumulators of the convolution that comes first, on the scale of its output."""
    op = layer.network.ops[0]
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
