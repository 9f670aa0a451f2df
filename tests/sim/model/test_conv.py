"""A convolution descriptor computes the convolution it describes, padding and tails included."""

import numpy as np
import pytest

from intarsia.golden import Requantization, requantize
from intarsia.golden.convolution import accumulate
from intarsia.graph import Conv
from intarsia.graph.ops import Window
from intarsia.isa.config import config
from intarsia.isa.numerics import Rounding
from intarsia.model import conv
from tests.sim.model.layers import conv_case

CASES = {
    "plain": (Window(kernel=(3, 3), padding=(1, 1, 1, 1)), 5, 9, 1),
    "strided": (Window(kernel=(3, 2), stride=(2, 3), padding=(0, 1, 1, 0)), 3, 6, 1),
    "dilated": (Window(kernel=(3, 3), dilation=(2, 2), padding=(2, 2, 2, 2)), 6, 5, 1),
    "pointwise": (Window(kernel=(1, 1)), 11, 4, 1),
    "depthwise": (Window(kernel=(3, 3), stride=(2, 1), padding=(1, 1, 0, 1)), 10, 10, 10),
    "depthwise-dilated": (Window(kernel=(2, 3), dilation=(1, 2), padding=(1, 2, 0, 2)), 3, 3, 3),
}


def layer(name):
    window, depth, channels, groups = CASES[name]
    rng = np.random.default_rng(3)
    op = Conv(
        name=name,
        inputs=("x",),
        output="y",
        window=window,
        groups=groups,
        weights=rng.integers(-127, 128, (channels, *window.kernel, depth // groups), np.int8),
        weight_scales=np.ones(channels, np.float32),
        bias=rng.integers(-(2**31), 2**31, channels, np.int32),
        low=-100,
    )
    x = rng.integers(-128, 128, (7, 8, depth), np.int8)
    return op, x


@pytest.mark.parametrize("size", ["tiny", "large"])
@pytest.mark.parametrize("name", CASES)
def test_equals_golden(name, size):
    op, x = layer(name)
    memory, work = conv_case(op, x, (-7, 5), config(size))
    before = memory.copy()
    conv.convolve(memory, work, config(size))

    acc = accumulate(op, x[None], -7)
    by = Requantization(Rounding.FP32, 1 << 23, 31, 5, op.low, op.high)
    expected = requantize(acc, by)
    [(start, stop)] = conv.write_extents(work).values()
    assert memory[start:stop].tobytes() == expected.tobytes()
    memory[start:stop] = before[start:stop]
    assert (memory == before).all()


def test_reads_only_what_it_says():
    op, x = layer("strided")
    memory, work = conv_case(op, x, (-7, 5), config("tiny"))
    poisoned = np.random.default_rng(1).permutation(memory)
    for start, stop in conv.read_extents(work, config("tiny")).values():
        poisoned[start:stop] = memory[start:stop]
    conv.convolve(memory, work, config("tiny"))
    conv.convolve(poisoned, work, config("tiny"))
    [(start, stop)] = conv.write_extents(work).values()
    assert (memory[start:stop] == poisoned[start:stop]).all()


def test_addresses_wrap_in_the_macro_bank_of_the_input():
    op, x = layer("plain")
    memory, work = conv_case(op, x, (-7, 5), config("tiny"))
    moved, other = memory.copy(), config("tiny").bank_bytes
    moved[:other] = np.roll(moved[:other], -100)  # the first window begins before the bank
    fields = work.shape()
    shifted = fields.from_bits(work.as_bits() - 100)
    conv.convolve(memory, work, config("tiny"))
    conv.convolve(moved, shifted, config("tiny"))
    [(start, stop)] = conv.write_extents(work).values()
    assert (memory[start:stop] == moved[start:stop]).all()
