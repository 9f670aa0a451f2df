"""Real networks, laid over one, two and four chips, give the bytes that their own runtimes gave."""

from functools import cache

import numpy as np
import pytest

from intarsia.compiler import compile_network, place
from intarsia.compiler.partition import SHARED_MACS
from intarsia.golden import evaluate_op, present_output, quantize_input
from intarsia.graph import Mode
from intarsia.importer import load
from intarsia.isa.config import config
from intarsia.model.machine import Machine
from tests.inputs import NETWORKS, goldens

read = cache(load)


def run(network, plan, x):
    """What the model itself would return for `x`, NHWC; the host's part is done here."""
    [source], [result] = network.inputs, network.outputs
    machine = Machine(plan, place(plan))
    outputs = []
    for image in quantize_input(source, network.tensors[source.tensor], x):
        found = machine.infer({source.tensor: image})
        known = {name: y.reshape(network.tensors[name].shape) for name, y in found.items()}
        for op, layer in zip(network.ops, plan.layers, strict=True):
            if layer.device == "host":
                inputs = [known[name] for name in op.inputs]
                known[op.output] = evaluate_op(op, inputs, network.tensors, plan.mode)
        outputs.append(known[result.tensor])
    return present_output(result, network.tensors[result.tensor], np.stack(outputs))


@pytest.mark.parametrize("chips", [1, 2, 4])
@pytest.mark.parametrize("size", ["ecp5-85k", "large"])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_exact(inputs_folder, name, size, chips):
    mode = list(Mode)[(NETWORKS.index(name) + chips) % 3]
    network = read(inputs_folder / "models" / f"{name}.tflite")
    x, expected = goldens(inputs_folder, name, mode)
    plan = compile_network(network, config=config(size), chips=chips, mode=mode)
    shape = (2, *network.inputs[0].model_shape)
    y = run(network, plan, x[:2].reshape(shape))
    np.testing.assert_array_equal(y.reshape(2, -1), expected[:2])
    for layer in plan.layers:
        if chips == 4 and sum(layer.macs) >= SHARED_MACS and not layer.replicated:
            assert min(layer.macs) >= 0.15 * sum(layer.macs), layer
