"""Each of CMSIS-NN's single layers comes out of simulated chips byte for byte."""

from dataclasses import replace

import numpy as np
import pytest

from intarsia.golden.add import addition
from intarsia.golden.convolution import requantization
from intarsia.graph import Add, Mode, Network, NetworkInput, NetworkOutput, Tensor
from tests.sim.golden.cmsis_nn import (
    ADDITIONS,
    CONVOLUTIONS,
    POOLS,
    read_add,
    read_conv,
    read_pool,
)
from tests.system.chips import Chips

pytestmark = pytest.mark.system


@pytest.fixture(scope="module", params=["tiny", "large"])
def chips(request):
    with Chips(request.param, 1) as chips:
        yield chips


def factor(multiplier, shift):
    """What the integers of a rescale in double rounding stand for."""
    return np.ldexp(np.asarray(multiplier, np.float64), np.asarray(shift) - 31)


def network_of(op, *tensors):
    """A network of `op`, whose output is the last of `tensors`."""

    def end(kind, tensor):
        return kind(tensor.name, tensor.shape, None, np.dtype(np.int8))

    return Network(
        op.name,
        {tensor.name: tensor for tensor in tensors},
        (op,),
        tuple(end(NetworkInput, tensor) for tensor in tensors[:-1]),
        (end(NetworkOutput, tensors[-1]),),
    )


def outputs(chips, network, *x):
    """What comes out for each inference of `x`, one array per input."""
    names = [end.tensor for end in network.inputs]
    inputs = [dict(zip(names, arrays, strict=True)) for arrays in zip(*x, strict=True)]
    found = chips.run(network, Mode.TFLITE, inputs, seed=0)
    return np.stack([y[network.outputs[0].tensor] for y in found])


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_is_exact(inputs_folder, chips, name):
    case = read_conv(inputs_folder, name)
    # Scales of 53 bits, from which the compiler gets the very integers of the case.
    scales = np.broadcast_to(factor(case.by.multiplier, case.by.shift), len(case.op.bias))
    op = replace(case.op, weight_scales=scales)
    source = Tensor("x", case.x.shape[1:], np.float64(1), case.zero_point)
    target = Tensor("y", case.y.shape[1:], np.float64(1), case.by.zero_point)
    by = requantization(op, source, target, Mode.TFLITE)
    np.testing.assert_array_equal(by.multiplier, case.by.multiplier)
    np.testing.assert_array_equal(by.shift, case.by.shift)
    y = outputs(chips, network_of(op, source, target), case.x)
    np.testing.assert_array_equal(y, case.y)


@pytest.mark.parametrize("name", POOLS)
def test_pool_is_exact(inputs_folder, chips, name):
    case = read_pool(inputs_folder, name)
    y = outputs(chips, network_of(case.op, *case.tensors.values()), case.x)
    np.testing.assert_array_equal(y, case.y)


@pytest.mark.parametrize("name", ADDITIONS)
def test_add_is_exact(inputs_folder, chips, name):
    case = read_add(inputs_folder, name)
    shape = 1, 1, case.y.size
    scales = [factor(case.by.scale_a, -case.by.shift_a), factor(case.by.scale_b, -case.by.shift_b)]
    total = case.by.requantization
    scales.append(2 * max(scales) / factor(total.multiplier, total.shift) / 2.0**20)
    zeros = case.by.zero_a, case.by.zero_b, total.zero_point
    tensors = tuple(
        Tensor(n, shape, scale, zero) for n, scale, zero in zip("aby", scales, zeros, strict=True)
    )
    op = Add(name=name, inputs=("a", "b"), output="y", low=total.low, high=total.high)
    assert addition(op, tensors, Mode.TFLITE) == case.by
    y = outputs(
        chips, network_of(op, *tensors), case.a.reshape(1, *shape), case.b.reshape(1, *shape)
    )
    np.testing.assert_array_equal(y.reshape(-1), case.y)
