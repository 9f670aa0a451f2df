"""Each of CMSIS-NN's single layers comes out byte for byte, in numerics mode `tflite`."""

import numpy as np
import pytest

from intarsia.golden.add import add_integers
from intarsia.golden.convolution import accumulate
from intarsia.golden.network import evaluate_op
from intarsia.golden.requantize import requantize
from intarsia.graph import Mode
from tests.sim.golden.cmsis_nn import (
    ADDITIONS,
    CONVOLUTIONS,
    POOLS,
    read_add,
    read_conv,
    read_pool,
)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_is_exact(inputs_folder, name):
    case = read_conv(inputs_folder, name)
    y = requantize(accumulate(case.op, case.x, case.zero_point), case.by)
    np.testing.assert_array_equal(y, case.y)


@pytest.mark.parametrize("name", POOLS)
def test_pool_is_exact(inputs_folder, name):
    case = read_pool(inputs_folder, name)
    y = evaluate_op(case.op, [case.x], case.tensors, Mode.TFLITE)
    np.testing.assert_array_equal(y, case.y)


@pytest.mark.parametrize("name", ADDITIONS)
def test_add_is_exact(inputs_folder, name):
    case = read_add(inputs_folder, name)
    np.testing.assert_array_equal(add_integers(case.a, case.b, case.by), case.y)
