"""All four roundings of the requantizer agree with their definitions, at ties and extremes too."""

from fractions import Fraction

import numpy as np
import pytest

from intarsia.golden.requantize import (
    Requantization,
    double_integers,
    fp32_integers,
    reciprocal,
    requantize,
    round_accumulators,
)
from intarsia.isa.numerics import Rounding
from tests.sim.golden.reference import double_rounding, float32, nearest_even

FULL = 1 << 31


def accumulators(rng, count):
    """int32 of all magnitudes, and the extremes."""
    magnitudes = 2.0 ** rng.uniform(0, 31, count)
    values = (magnitudes * rng.choice([-1, 1], count)).astype(np.int64)
    extremes = [-FULL, FULL - 1, -FULL + 1, -1, 0, 1, (1 << 24) + 1, -(1 << 25) - 2]
    return np.concatenate([values, extremes])


def fp32_reference(acc, multiplier, shift):
    scaled = float32(float32(Fraction(acc)) * multiplier)
    return nearest_even(scaled / Fraction(2) ** shift)


@pytest.mark.parametrize("shift", [14, 23, 31, 40, 50, 57])
def test_fp32_is_two_roundings_to_24_bits_and_one_to_an_integer(shift):
    rng = np.random.default_rng(shift)
    acc = accumulators(rng, 500)
    multiplier = int(rng.integers(1 << 23, 1 << 24))
    by = Requantization(Rounding.FP32, multiplier, shift)
    expected = [fp32_reference(int(value), multiplier, shift) for value in acc]
    assert round_accumulators(acc, by).tolist() == expected


def test_fp32_rounds_ties_to_even():
    acc = np.array([-7, -5, -3, -1, 1, 3, 5, 7])
    by = Requantization(Rounding.FP32, 1 << 23, 24)  # halves
    assert round_accumulators(acc, by).tolist() == [-4, -2, -2, 0, 0, 2, 2, 4]


def test_fp32_rounds_its_product_before_its_sum():
    acc, multiplier = 16777213, 12582914
    assert 0 < Fraction(3, 2) - Fraction(acc * multiplier, 1 << 47) < Fraction(1, 1 << 24)
    by = Requantization(Rounding.FP32, multiplier, 47)
    assert round_accumulators(np.array([acc]), by).tolist() == [2]  # rounded once, it would be 1


def test_fp32_integers_are_the_multiplier():
    rng = np.random.default_rng(1)
    reals = (2.0 ** rng.uniform(-34, 9, 1000)).astype(np.float32)
    multiplier, shift = fp32_integers(reals)
    np.testing.assert_array_equal(np.ldexp(multiplier.astype(float), -shift), reals)
    assert multiplier.min() >= 1 << 23
    assert multiplier.max() < 1 << 24
    assert shift.min() >= 14
    assert shift.max() <= 57


@pytest.mark.parametrize("real", [0.0, 1e-44, 2.0**-34.5, 2.0**9, 2.0**9.5, 1e30, np.inf])
@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_fp32_integers_of_extremes_give_the_same_bytes(real, zero_point):
    acc = accumulators(np.random.default_rng(2), 200).astype(np.int32)
    real = np.float32(real)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        product = np.nan_to_num(acc.astype(np.float32) * real, nan=0.0)
    expected = np.clip(np.rint(product) + zero_point, -128, 127)
    integers = fp32_integers(np.array(real))
    by = Requantization(Rounding.FP32, *integers, zero_point)
    np.testing.assert_array_equal(requantize(acc, by), expected)


def test_fp32_is_numpys_float32():
    rng = np.random.default_rng(3)
    acc = accumulators(rng, 100_000).astype(np.int32)
    real = (2.0 ** rng.uniform(-30, 2, len(acc))).astype(np.float32)
    expected = np.clip(np.rint(acc.astype(np.float32) * real).astype(np.int64) - 7, -128, 127)
    by = Requantization(Rounding.FP32, *fp32_integers(real), zero_point=-7)
    np.testing.assert_array_equal(requantize(acc, by), expected)


@pytest.mark.parametrize("shift", [-31, -20, -9, -1, 0, 1, 4])
@pytest.mark.parametrize("multiplier", [0, 1 << 30, (1 << 31) - 1, 1_518_500_250, 77])
def test_double_is_gemmlowps(shift, multiplier):
    acc = accumulators(np.random.default_rng(shift & 0xFF), 500)
    by = Requantization(Rounding.DOUBLE, multiplier, shift)
    expected = [double_rounding(int(value), multiplier, shift) for value in acc]
    assert round_accumulators(acc, by).tolist() == expected


def test_double_integers_keep_the_shape():
    multiplier, shift = double_integers(np.array([[0.5, 0.25], [3.0, 0.0]]))
    assert multiplier.tolist() == [[1 << 30, 1 << 30], [3 << 29, 0]]
    assert shift.tolist() == [[0, -1], [2, 0]]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 9, 25, 49, 64, 125, 1000, 1024])
def test_mean_is_a_division_half_away_from_zero(count):
    largest = 128 * count
    acc = np.unique(np.linspace(-largest, largest, 40_001).astype(np.int64))
    half = count // 2
    by = Requantization(Rounding.MEAN, *reciprocal(count, largest + half), half=half)
    expected = np.sign(acc) * ((2 * np.abs(acc) + count) // (2 * count))
    np.testing.assert_array_equal(round_accumulators(acc, by), expected)


@pytest.mark.parametrize("divisor", [1, 2, 3, 5, 6, 7, 11, 63, 64, 65, 127, 641])
def test_reciprocal_is_exact_and_fits(divisor):
    largest = 129 * divisor
    multiplier, shift = reciprocal(divisor, largest)
    x = np.arange(largest + 1)
    np.testing.assert_array_equal((x * multiplier) >> shift, x // divisor)
    assert multiplier < 1 << 32


def test_half_up_rounds_ties_up():
    acc = np.array([-7, -6, -5, -3, -2, -1, 0, 1, 2, 3])
    by = Requantization(Rounding.HALF_UP, 1, 2)
    assert round_accumulators(acc, by).tolist() == [-2, -1, -1, -1, 0, 0, 0, 0, 1, 1]


def test_half_up_multiplies():
    acc = accumulators(np.random.default_rng(4), 500)
    by = Requantization(Rounding.HALF_UP, 40_503, 21)
    expected = [(int(value) * 40_503 + (1 << 20)) >> 21 for value in acc]
    assert round_accumulators(acc, by).tolist() == expected


def test_channels_have_their_own_integers_and_results_are_clamped():
    acc = np.array([[100, 100, -100], [3, 3, -3]])
    by = Requantization(
        Rounding.DOUBLE,
        np.array([1 << 30] * 3),
        np.array([1, 0, -1]),
        zero_point=10,
        low=-10,
        high=100,
    )
    assert requantize(acc, by).tolist() == [[100, 60, -10], [13, 12, 9]]
