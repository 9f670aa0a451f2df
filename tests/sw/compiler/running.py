"""Plans run on the model of whole chips, beside the golden model."""

import random

import numpy as np

from intarsia.compiler import Plan, place
from intarsia.golden import evaluate
from intarsia.graph import Network
from intarsia.model.machine import Machine
from tests.sw.compiler.networks import some_input

__all__ = ["assert_exact"]


def assert_exact(network: Network, plan: Plan, seed: int, inferences: int = 2) -> Machine:
    """Every output byte is golden, at random places and in a random order of instructions."""
    rng = random.Random(seed)
    machine = Machine(plan, place(plan, rng), rng)
    for inference in range(inferences):
        inputs = some_input(network, seed + inference)
        golden = evaluate(network, inputs, plan.mode)
        for name, found in machine.infer(inputs).items():
            np.testing.assert_array_equal(found, golden[name].reshape(-1), err_msg=name)
    return machine
