"""Roundings agree with exact rationals, and with gemmlowp's own words."""

from fractions import Fraction

import numpy as np
import pytest

from intarsia.golden.rounding import fma32, quantize_multiplier, round_to_float32
from tests.sim.golden.reference import float32


def fma_reference(a, b, c):
    return float(float32(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))))


@pytest.mark.parametrize("spread", [2, 20, 40])
def test_fma32_rounds_once(spread):
    rng = np.random.default_rng(spread)
    a, b, c = rng.standard_normal((3, 2000)) * 2.0 ** rng.integers(-spread, spread, (3, 2000))
    a, b, c = (x.astype(np.float32) for x in (a, b, c))
    expected = [fma_reference(*operands) for operands in zip(a, b, c, strict=True)]
    np.testing.assert_array_equal(fma32(a, b, c).astype(float), expected)


@pytest.mark.parametrize("addend", [-(2.0**-80), 0.0, 2.0**-80])
@pytest.mark.parametrize("factors", [(97, 172961), (1549, 10831)])
def test_fma32_sees_what_float64_drops(factors, addend):
    """Products 1 + 2**-24 and 1 + 3 * 2**-24 are ties of float32, which only the addend decides."""
    a, b = np.float32(factors[0]), np.float32(factors[1] * 2.0**-24)
    assert float(fma32(a, b, addend)) == fma_reference(a, b, addend)


def test_fma32_leaves_odd_float64_alone():
    """1 + 2**-24 + 2**-52, less a little: its even neighbour would be a tie of float32."""
    a, b = np.float32(11865838), np.float32(11860729 * 2.0**-71)
    assert float(np.float64(a) * np.float64(b) + 1) == 1 + 2.0**-24 + 2.0**-52
    assert float(fma32(a, b, 1)) == fma_reference(a, b, 1) == 1 + 2.0**-23


def test_round_to_float32_keeps_24_bits():
    exact, tie = (1 << 24) - 1, (1 << 24) + 1
    values = np.array([exact, -exact, tie, -tie, tie + 2, (1 << 46) + (1 << 22) + 1, 0])
    expected = [exact, -exact, 1 << 24, -(1 << 24), (1 << 24) + 4, (1 << 46) + (1 << 23), 0]
    assert round_to_float32(values).tolist() == expected


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.5, (1 << 30, 0)),
        (1.0, (1 << 30, 1)),
        (0.75, (3 << 29, 0)),
        (1 - 2.0**-33, (1 << 30, 1)),  # rounds up to the next power of two
        ((2**31 - 0.5) / 2**32, (1 << 30, 0)),  # a tie, away from zero
        (2.0**-32, (1 << 30, -31)),
        (2.0**-32 * (1 - 2.0**-20), (0, 0)),
        (0.0, (0, 0)),
    ],
)
def test_quantize_multiplier(real, expected):
    assert quantize_multiplier(real) == expected
