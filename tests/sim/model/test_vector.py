"""The vector engine's descriptors compute what loops over their definition compute."""

import numpy as np
import pytest

from intarsia.golden import Requantization, requantize
from intarsia.isa.bits import decode, encode
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.isa.instruction import VectorOp
from intarsia.isa.numerics import Rounding
from intarsia.model import vector

STEPS = dict(row_step=61, pixel_step=7, out_row_step=40, out_pixel_step=6)
SHAPE = dict(out_height=3, out_width=4, channels=5)


def described(**fields):
    places = dict(a=dict(offset=50), b=dict(offset=900), output=dict(offset=2000))
    return decode(VectorDescriptor, encode(VectorDescriptor, places | STEPS | SHAPE | fields))


def run(opcode, work):
    memory = np.random.default_rng(7).integers(0, 256, 4096).astype(np.uint8)
    before = memory.view(np.int8).astype(int).copy()
    vector.combine(memory, opcode, work)
    return before, memory.view(np.int8)


def pixels():
    return np.ndindex(SHAPE["out_height"], SHAPE["out_width"], SHAPE["channels"])


@pytest.mark.parametrize("opcode", [VectorOp.POOL_MAX, VectorOp.POOL_SUM])
def test_pool(opcode):
    taps = dict(taps_y=2, taps_x=3, tap_row_step=60, tap_step=6)
    clamp = dict(low=-90, high=80)
    rounding = dict(rounding=Rounding.MEAN, multiplier=171, shift=10, scale_a=3, out_zero_point=2)
    if opcode is VectorOp.POOL_MAX:
        rounding = {}
    work = described(**taps, **clamp, **rounding, bias=-11)
    before, after = run(opcode, work)
    for oy, ox, c in pixels():
        start = 50 + oy * 61 + ox * 7 + c
        window = [before[start + ky * 60 + kx * 6] for ky in range(2) for kx in range(3)]
        expected = np.clip(max(window), -90, 80)
        if opcode is VectorOp.POOL_SUM:
            by = Requantization(Rounding.MEAN, 171, 10, 2, -90, 80, half=3)
            expected = requantize(np.array([sum(window) - 11]), by)[0]
        assert after[2000 + oy * 40 + ox * 6 + c] == expected


@pytest.mark.parametrize("rounding", [Rounding.FP32, Rounding.HALF_UP, Rounding.DOUBLE])
def test_add(rounding):
    zeros = (0, 0) if rounding is Rounding.FP32 else (-3, 9)
    scales = dict(scale_a=12_345_677, scale_b=9_876_543)
    multiplier, shift = {
        Rounding.FP32: (1 << 23, 24 + 23),
        Rounding.HALF_UP: (1, 24),
        Rounding.DOUBLE: (1 << 30, -9),
    }[rounding]
    bias = 0 if rounding is Rounding.DOUBLE else 1_234_567
    work = described(
        tap_row_step=30,
        tap_step=6,
        rounding=rounding,
        multiplier=multiplier,
        shift=shift,
        **scales,
        zero_a=zeros[0],
        zero_b=zeros[1],
        shift_a=1,
        shift_b=2,
        low=-128,
        high=127,
        bias=bias,
    )
    before, after = run(VectorOp.ADD, work)
    for oy, ox, c in pixels():
        pa = (before[50 + oy * 61 + ox * 7 + c] - zeros[0]) * scales["scale_a"]
        pb = (before[900 + oy * 30 + ox * 6 + c] - zeros[1]) * scales["scale_b"]
        acc = pa + pb + bias
        if rounding is Rounding.FP32:
            acc = pa + int(np.float32(pb + bias))
        if rounding is Rounding.DOUBLE:
            acc = sum(
                int(np.sign(high) * ((abs(high) + (1 << shift - 1)) >> shift))
                for high, shift in (((pa + 1024) >> 11, 1), ((pb + 1024) >> 11, 2))
            )
        by = Requantization(rounding, multiplier, shift)
        assert after[2000 + oy * 40 + ox * 6 + c] == requantize(np.array([acc]), by)[0]


def test_extents_are_first_and_last_byte():
    work = described(taps_y=2, taps_x=3, tap_row_step=60, tap_step=6)
    last = 50 + 2 * 61 + 3 * 7 + 60 + 2 * 6 + 4
    assert vector.read_extents(VectorOp.POOL_MAX, work) == {"a": (50, last + 1)}
    assert vector.write_extents(work) == {"output": (2000, 2000 + 2 * 40 + 3 * 6 + 4 + 1)}
