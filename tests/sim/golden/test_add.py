"""Sums of all 65,536 pairs of bytes come out as each mode's own implementations have them."""

from fractions import Fraction

import numpy as np
import pytest

from intarsia.golden.add import Addition, add, add_integers, addition
from intarsia.golden.requantize import Requantization, ScaleError
from intarsia.graph import Add, Mode, Tensor
from intarsia.isa.numerics import Rounding
from tests.sim.golden.reference import (
    double_integers,
    double_rounding,
    nearest_even,
    random_scale,
    random_zero_point,
    run_onnx,
)

A, B = np.meshgrid(*[np.arange(-128, 128, dtype=np.int8)] * 2)
PAIRS = A.ravel(), B.ravel()


def operands(rng):
    return tensors(
        [random_scale(rng) for _ in range(3)], [random_zero_point(rng) for _ in range(3)]
    )


def tensors(scales, zero_points):
    a, b, y = (
        Tensor(name, (1, 1, 65536), np.float32(scale), int(zero_point))
        for name, scale, zero_point in zip("aby", scales, zero_points, strict=True)
    )
    return a, b, y


def operator(**clamp):
    return Add(name="sum", inputs=("a", "b"), output="y", **clamp)


def onnxruntimes(of):
    a, b, y = of
    terms = [
        term
        for x, t in zip(PAIRS, (a, b), strict=True)
        for term in ((x,), t.scale, np.int8(t.zero_point))
    ]
    return run_onnx("QLinearAdd", [*terms, y.scale, np.int8(y.zero_point)])


@pytest.mark.parametrize("seed", range(12))
def test_onnx_is_onnxruntimes(seed):
    of = operands(np.random.default_rng(seed))
    np.testing.assert_array_equal(add(operator(), PAIRS, of, Mode.ONNX), onnxruntimes(of))


@pytest.mark.parametrize(
    ("scales", "zero_points"),
    [
        ((1.826, 1.217, 0.732), (80, 33, 11)),
        ((1.298, 1.235, 0.39), (43, -11, 127)),
        ((0.679, 0.309, 0.456), (101, 75, 52)),
        ((0.606, 0.851, 0.038), (-127, -97, -126)),
    ],
)
def test_onnx_rounds_constants_and_inner_sums(scales, zero_points):
    """At these, leaving out any one of the roundings to 24 bits changes bytes."""
    of = tensors(scales, zero_points)
    expected = onnxruntimes(of)
    np.testing.assert_array_equal(add(operator(), PAIRS, of, Mode.ONNX), expected)
    by = addition(operator(), of, Mode.ONNX)
    np.testing.assert_array_equal(add_integers(*PAIRS, by), expected)


@pytest.mark.parametrize("seed", range(30))
def test_onnx_is_the_same_in_integers(seed):
    rng = np.random.default_rng(seed)
    low = int(rng.integers(-14, 9))
    scales = random_scale(rng, low, low + 6), random_scale(rng, low, low + 6), 1
    of = tensors(scales, [random_zero_point(rng) for _ in range(3)])
    by = addition(operator(), of, Mode.ONNX)
    expected = add(operator(), PAIRS, of, Mode.ONNX)
    np.testing.assert_array_equal(add_integers(*PAIRS, by), expected)


@pytest.mark.parametrize("seed", range(6))
def test_xnnpack_rounds_once(seed):
    a, b, y = operands(np.random.default_rng(seed))
    ratios = [np.float32(t.scale) / np.float32(y.scale) for t in (a, b)]
    shift = 20
    while Fraction(float(max(ratios))) * 2**shift >= 1 << 21:
        shift -= 1
    while Fraction(float(max(ratios))) * 2**shift < 1 << 20:
        shift += 1
    factors = [nearest_even(Fraction(float(ratio)) * Fraction(2) ** shift) for ratio in ratios]
    total = sum(
        (x.astype(np.int64) - t.zero_point) * factor
        for x, t, factor in zip(PAIRS, (a, b), factors, strict=True)
    )
    expected = np.clip(np.floor(total / 2.0**shift + 0.5) + y.zero_point, -128, 127)
    np.testing.assert_array_equal(add(operator(), PAIRS, (a, b, y), Mode.XNNPACK), expected)


@pytest.mark.parametrize("seed", range(4))
def test_tflite_rounds_thrice(seed):
    rng = np.random.default_rng(seed)
    a, b, y = operands(rng)
    twice = 2 * max(Fraction(float(a.scale)), Fraction(float(b.scale)))
    rescales = [double_integers(Fraction(float(t.scale)) / twice) for t in (a, b)]
    last = double_integers(twice / 2**20 / Fraction(float(y.scale)))

    def expected(pair):
        parts = (
            double_rounding((x - t.zero_point) << 20, *rescale)
            for x, t, rescale in zip(pair, (a, b), rescales, strict=True)
        )
        return min(max(double_rounding(sum(parts), *last) + y.zero_point, -128), 127)

    some = rng.choice(65536, 3000, replace=False)
    pairs = PAIRS[0][some], PAIRS[1][some]
    sums = add(operator(), pairs, (a, b, y), Mode.TFLITE)
    assert sums.tolist() == [expected(pair) for pair in np.stack(pairs, axis=-1).tolist()]


def test_tflite_rounds_inputs_before_their_sum():
    once = Requantization(Rounding.DOUBLE, 1 << 30, 1)  # times 1
    by = Addition(
        zero_a=5,
        zero_b=-7,
        scale_a=1001,
        scale_b=701,
        bias=0,
        requantization=once,
        shift_a=1,
        shift_b=2,
    )
    expected = [
        double_rounding((a - 5) << 20, 1001, -1) + double_rounding((b + 7) << 20, 701, -2)
        for a, b in np.stack(PAIRS, axis=-1).tolist()
    ]
    np.testing.assert_array_equal(add_integers(*PAIRS, by), np.clip(expected, -128, 127))


@pytest.mark.parametrize("mode", Mode)
def test_activation_is_clamped(mode):
    of = tensors((0.1, 0.3, 0.25), (3, -4, 5))
    free = add(operator(), PAIRS, of, mode)
    clamped = add(operator(low=5, high=60), PAIRS, of, mode)
    np.testing.assert_array_equal(clamped, np.clip(free, 5, 60))


def test_onnx_integers_fit_while_scales_are_within_2_to_the_7():
    largest = np.nextafter(np.float32(128), np.float32(0))
    for smaller in (2.0**-15, 1 + 2.0**-23, 2.0**15):
        of = tensors((smaller, np.float32(smaller) * largest, 1), (-128, 127, -128))
        by = addition(operator(), of, Mode.ONNX)
        assert max(by.scale_a, by.scale_b) < 1 << 31
        assert abs(by.bias) < 1 << 46
        expected = add(operator(), PAIRS, of, Mode.ONNX)
        np.testing.assert_array_equal(add_integers(*PAIRS, by), expected)


@pytest.mark.parametrize(
    ("mode", "scales"),
    [
        (Mode.ONNX, (1 + 2.0**-23, 256 + 2.0**-15, 1)),
        (Mode.ONNX, (2.0**-30 * 1.1, 2.0**-30 * 1.3, 1)),
        (Mode.XNNPACK, (2.0**-11, 2.0**-12, 1)),
        (Mode.XNNPACK, (256, 1, 1)),
        (Mode.TFLITE, (2.0**20, 1, 1)),
    ],
)
def test_impossible_scales_are_refused_by_name(mode, scales):
    of = tensors(scales, (1, 1, 1))
    with pytest.raises(ScaleError, match=r"^Add 'sum': [^\n]* use another numerics mode"):
        addition(operator(), of, mode)
