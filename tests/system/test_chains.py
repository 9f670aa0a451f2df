"""Networks with fused sums and pools are exact on simulated chips, in all numerics modes."""

import random

import numpy as np
import pytest

from intarsia.compiler import compile_network
from intarsia.golden import ScaleError, evaluate
from intarsia.graph import Mode
from tests.sw.compiler.networks import some_input
from tests.sw.compiler.residual import pooled, residual
from tests.system.chips import Chips

pytestmark = pytest.mark.system

#: Seeds of networks, and size of their maps, by configuration.
SIZES = {"tiny": (range(12), 9), "large": (range(100, 124), 30)}

INFERENCES = 2

#: Operators of a network that are fused, on average, by its kind and the number of chips.
LEAST = {(residual, 1): 2, (residual, 2): 2, (pooled, 1): 1, (pooled, 2): 0.3}


@pytest.mark.parametrize("make", [residual, pooled])
@pytest.mark.parametrize(("name", "count"), [("tiny", 1), ("tiny", 2), ("large", 1), ("large", 2)])
def test_chains_are_exact(name, count, make):
    seeds, size = SIZES[name]
    fused = 0
    with Chips(name, count) as chips:
        for seed in seeds:
            network = make(seed, size=size)
            mode = random.Random(seed).choice(list(Mode))
            try:
                plan = compile_network(network, config=chips.config, chips=count, mode=mode)
            except ScaleError:
                continue
            fused += sum(bool(layer.fused) for layer in plan.layers)
            inputs = [some_input(network, 2 * seed + n) for n in range(INFERENCES)]
            found = chips.run(network, mode, inputs, seed)
            for x, outputs in zip(inputs, found, strict=True):
                golden = evaluate(network, x, mode)
                for tensor, y in outputs.items():
                    message = f"network of seed {seed}, {tensor}"
                    np.testing.assert_array_equal(y, golden[tensor], err_msg=message)
    assert fused >= LEAST[make, count] * len(seeds)
