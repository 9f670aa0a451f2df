"""Pools and means agree with onnxruntime, with exact rationals, and with gemmlowp's words."""

import math
from fractions import Fraction

import numpy as np
import pytest

from intarsia.golden.network import evaluate_op
from intarsia.golden.pool import mean_requantization
from intarsia.graph import AveragePool, MaxPool, Mean, Mode, Tensor
from intarsia.graph.ops import Window
from tests.sim.golden.reference import (
    double_rounding,
    float32,
    nearest_even,
    random_scale,
    random_zero_point,
    run_onnx,
)

SOURCE = Tensor("x", (7, 6, 3), np.float32(0.11), -9)
X = np.random.default_rng(0).integers(-128, 128, SOURCE.shape).astype(np.int8)
WINDOWS = {
    "plain": Window(kernel=(2, 2), stride=(2, 2)),
    "border": Window(kernel=(3, 3), stride=(1, 2), padding=(1, 1, 1, 1)),
    "lopsided": Window(kernel=(3, 2), stride=(2, 1), padding=(0, 1, 2, 0)),
    "whole": Window(kernel=(7, 6)),
    "tall": Window(kernel=(6, 1), padding=(5, 0, 0, 0)),
}


def pooled(kind, x, source, mode, scale=None, zero_point=None, **attributes):
    height, width, channels = source.shape
    if "window" in attributes:
        height, width = attributes["window"].output(height, width)
    else:
        height = width = 1
    target = Tensor(
        "y",
        (height, width, channels),
        source.scale if scale is None else scale,
        source.zero_point if zero_point is None else zero_point,
    )
    op = kind(name="pool", inputs=("x",), output="y", **attributes)
    return evaluate_op(op, [x], {"x": source, "y": target}, mode)


def bytes_under(x, window, pad_value=None):
    """For each output pixel and channel: the bytes under the window, `pad_value` beyond the map."""
    height, width, channels = x.shape
    rows, columns = window.output(height, width)
    for oy, ox, c in np.ndindex(rows, columns, channels):
        found = []
        for ky, kx in np.ndindex(*window.kernel):
            iy = oy * window.stride[0] - window.padding[0] + ky * window.dilation[0]
            ix = ox * window.stride[1] - window.padding[1] + kx * window.dilation[1]
            if 0 <= iy < height and 0 <= ix < width:
                found.append(int(x[iy, ix, c]))
            elif pad_value is not None:
                found.append(pad_value)
        yield (oy, ox, c), found


def half_away(x: Fraction) -> int:
    return int(math.copysign(math.floor(abs(x) + Fraction(1, 2)), x))


@pytest.mark.parametrize("window", WINDOWS)
def test_maximum_ignores_padding(window):
    y = pooled(MaxPool, X, SOURCE, Mode.ONNX, window=WINDOWS[window], low=-100, high=90)
    for index, values in bytes_under(X, WINDOWS[window]):
        assert y[index] == min(max(*values, -100), 90)


def test_maximum_dilates():
    window = Window(kernel=(2, 3), dilation=(3, 2), padding=(1, 0, 1, 2))
    y = pooled(MaxPool, X, SOURCE, Mode.TFLITE, window=window)
    for index, values in bytes_under(X, window):
        assert y[index] == max(values)


@pytest.mark.parametrize("mode", [Mode.XNNPACK, Mode.TFLITE])
@pytest.mark.parametrize("count_padding", [False, True])
@pytest.mark.parametrize("window", WINDOWS)
def test_integer_mean_rounds_half_away_from_zero(window, count_padding, mode):
    attributes = dict(window=WINDOWS[window], count_padding=count_padding, low=-120, high=80)
    y = pooled(AveragePool, X, SOURCE, mode, **attributes)
    pad_value = SOURCE.zero_point if count_padding else None
    for index, values in bytes_under(X, WINDOWS[window], pad_value):
        assert y[index] == min(max(half_away(Fraction(sum(values), len(values))), -120), 80)


def random_pool(rng, same_scale):
    height, width, channels = (int(n) for n in rng.integers(1, 12, 3))
    kernel = int(rng.integers(1, min(5, height) + 1)), int(rng.integers(1, min(5, width) + 1))
    top, left, bottom, right = (int(rng.integers(0, (kernel[i % 2] + 1) // 2)) for i in range(4))
    stride = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    x = rng.integers(-128, 128, (height, width, channels)).astype(np.int8)
    source = Tensor("x", x.shape, random_scale(rng), int(random_zero_point(rng)))
    scale = source.scale if same_scale else random_scale(rng)
    window = Window(kernel=kernel, stride=stride, padding=(top, left, bottom, right))
    return x, source, scale, int(random_zero_point(rng)), window, bool(rng.integers(2))


@pytest.mark.parametrize("same_scale", [False, True])
def test_onnx_average_is_onnxruntimes_but_for_ties(same_scale):
    """Onnxruntime sums up floats, so that some of its ties are none; else all bytes are equal."""
    rng = np.random.default_rng(7)
    wrong = total = 0
    for _ in range(60):
        x, source, scale, zero_point, window, count_padding = random_pool(rng, same_scale)
        attributes = dict(window=window, count_padding=count_padding)
        y = pooled(AveragePool, x, source, Mode.ONNX, scale, zero_point, **attributes)
        expected = run_onnx(
            "QLinearAveragePool",
            [
                (x.transpose(2, 0, 1)[None],),
                source.scale,
                np.int8(source.zero_point),
                scale,
                np.int8(zero_point),
            ],
            kernel_shape=window.kernel,
            strides=window.stride,
            pads=window.padding,
            count_include_pad=int(count_padding),
        )[0].transpose(1, 2, 0)
        for index in np.argwhere(y != expected):
            values = dict(bytes_under(x, window, source.zero_point if count_padding else None))
            mean = _mean(values[tuple(index)], source, scale)
            assert mean % 1 == Fraction(1, 2), f"{tuple(index)} of {window} is no tie"
        wrong += np.count_nonzero(y != expected)
        total += y.size
    assert wrong <= total * 0.03


def _mean(values, source, scale):
    ratio = Fraction(float(source.scale)) / Fraction(float(scale))
    return sum(v - source.zero_point for v in values) * ratio / len(values)


@pytest.mark.parametrize("zero_point", [-128, -5, 0, 6, 127])
def test_onnx_average_rounds_ties_to_even_bytes(zero_point):
    left = np.arange(-128, 127)
    x = np.stack([left, left + 1], axis=-1).astype(np.int8).reshape(1, -1, 1)  # all are ties
    source = Tensor("x", x.shape, np.float32(0.3), 11)
    window = Window(kernel=(1, 2), stride=(1, 2))
    y = pooled(AveragePool, x, source, Mode.ONNX, zero_point=zero_point, window=window)
    exact = [Fraction(int(a) + int(b), 2) - 11 + zero_point for a, b in x.reshape(-1, 2)]
    assert y.ravel().tolist() == [min(max(nearest_even(v), -128), 127) for v in exact]


@pytest.mark.parametrize("mode", [Mode.XNNPACK, Mode.TFLITE])
def test_average_between_scales_is_a_mean(mode):
    scale, zero_point = np.float32(0.07), 4
    window = Window(kernel=SOURCE.shape[:2])
    y = pooled(AveragePool, X, SOURCE, mode, scale, zero_point, window=window)
    np.testing.assert_array_equal(y, pooled(Mean, X, SOURCE, mode, scale, zero_point))


@pytest.mark.parametrize("mode", [Mode.ONNX, Mode.XNNPACK])
@pytest.mark.parametrize("seed", range(8))
def test_float_mean_is_onnxruntimes(seed, mode):
    rng = np.random.default_rng(seed)
    height, width = (int(n) for n in rng.integers(1, 20, 2))
    x = rng.integers(-128, 128, (height, width, 40)).astype(np.int8)
    source = Tensor("x", x.shape, random_scale(rng), int(random_zero_point(rng)))
    scale, zero_point = random_scale(rng), random_zero_point(rng)
    y = pooled(Mean, x, source, mode, scale, int(zero_point))
    expected = run_onnx(
        "QLinearGlobalAveragePool",
        [
            (x.transpose(2, 0, 1)[None],),
            source.scale,
            np.int8(source.zero_point),
            scale,
            zero_point,
        ],
        channels_last=0,
    )
    np.testing.assert_array_equal(y.ravel(), expected.ravel())


@pytest.mark.parametrize("mode", [Mode.ONNX, Mode.XNNPACK])
def test_float_mean_rounds_the_divisor_into_the_scale(mode):
    source = Tensor("x", (1, 1, 1), np.float32(0.0235), 0)
    target = Tensor("y", (1, 1, 1), np.float32(0.057), 0)
    sx, sy = Fraction(float(source.scale)), Fraction(float(target.scale))
    for count in range(1, 200):
        by = mean_requantization(source, target, count, mode)
        multiplier = Fraction(int(by.multiplier), 1 << int(by.shift))
        assert multiplier == float32(sx / float32(sy * count))


def test_tflite_mean_folds_its_divisor_into_the_multiplier():
    scale, zero_point = np.float32(0.25), 17
    source = Tensor("x", SOURCE.shape, np.float32(0.375), -9)
    y = pooled(Mean, X, source, Mode.TFLITE, scale, zero_point, high=60)
    # 0.375 / 0.25 is 1.5: 0.75 * 2**31, and shift 1; 42 values: 5 bits more.
    multiplier, shift = ((3 << 29) << 5) // 42, 1 - 5
    by = mean_requantization(source, Tensor("y", (1, 1, 3), scale, zero_point), 42, Mode.TFLITE)
    assert (by.multiplier, by.shift) == (multiplier, shift)
    sums = (X.astype(int) + 9).sum(axis=(0, 1))
    expected = [double_rounding(int(s), multiplier, shift) + zero_point for s in sums]
    assert y.ravel().tolist() == [min(max(v, -128), 60) for v in expected]


def test_tflite_mean_folds_no_more_bits_than_its_shift_has():
    source, target = (Tensor(n, (8, 8, 1), np.float32(s), 0) for n, s in (("x", 1), ("y", 2**30)))
    by = mean_requantization(source, target, 64, Mode.TFLITE)
    assert (by.multiplier, by.shift) == ((1 << 30 << 2) // 64, -31)  # 2 bits, not 6
