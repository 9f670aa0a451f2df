"""Convolutions of any kind agree with their sums written out, and with onnxruntime."""

from fractions import Fraction

import numpy as np
import pytest

from intarsia.golden import convolution
from intarsia.golden.convolution import accumulate, requantization
from intarsia.golden.network import evaluate_op
from intarsia.graph import Conv, Mode, Tensor
from intarsia.graph.ops import Window
from tests.sim.golden.reference import (
    double_integers,
    double_rounding,
    float32,
    random_zero_point,
    run_onnx,
)


def convolution_of(rng, window, groups, depth, per_group, **kwargs):
    channels = groups * per_group
    weights = rng.integers(-128, 128, (channels, *window.kernel, depth)).astype(np.int8)
    return Conv(
        name="conv",
        inputs=("x",),
        output="y",
        window=window,
        groups=groups,
        weights=weights,
        weight_scales=(2.0 ** rng.uniform(-9, -6, channels)).astype(np.float32),
        bias=rng.integers(-(1 << 15), 1 << 15, channels).astype(np.int32),
        **kwargs,
    )


def random_case(rng):
    """Convolution of a kind that is plain, grouped or depthwise, and its input."""
    groups, depth, per_group = rng.choice([(1, 5, 7), (3, 2, 4), (6, 1, 1), (4, 1, 3), (1, 1, 2)])
    kernel, stride = rng.integers(1, 4, 2), rng.integers(1, 4, 2)
    top, left, bottom, right = (int(n) for n in rng.integers(0, 3, 4))
    window = Window(
        kernel=(int(kernel[0]), int(kernel[1])),
        stride=(int(stride[0]), int(stride[1])),
        dilation=(int(rng.integers(1, 3)), int(rng.integers(1, 3))),
        padding=(top, left, bottom, right),
    )
    op = convolution_of(rng, window, int(groups), int(depth), int(per_group))
    height, width = (int(n) for n in rng.integers(5, 10, 2))
    x = rng.integers(-128, 128, (height, width, groups * depth)).astype(np.int8)
    return op, x


def written_out(op, x, zero_point):
    """Accumulators by definition; Python's integers."""
    height, width, _ = x.shape
    channels, rows, columns, depth = op.weights.shape
    acc = np.zeros((*op.window.output(height, width), channels), object)
    for oy, ox, k in np.ndindex(acc.shape):
        first = k // (channels // op.groups) * depth
        total = int(op.bias[k])
        for ky, kx in np.ndindex(rows, columns):
            iy = oy * op.window.stride[0] - op.window.padding[0] + ky * op.window.dilation[0]
            ix = ox * op.window.stride[1] - op.window.padding[1] + kx * op.window.dilation[1]
            if 0 <= iy < height and 0 <= ix < width:
                pixel = x[iy, ix, first : first + depth].astype(int) - zero_point
                total += int(pixel @ op.weights[k, ky, kx].astype(int))
        acc[oy, ox, k] = total
    return acc


@pytest.mark.parametrize("seed", range(12))
def test_accumulators_are_sums_of_products(seed):
    rng = np.random.default_rng(seed)
    op, x = random_case(rng)
    zero_point = int(random_zero_point(rng))
    acc = accumulate(op, x[None], zero_point)
    assert acc.dtype == np.int32
    np.testing.assert_array_equal(acc[0], written_out(op, x, zero_point))


def test_large_sums_are_exact():
    window = Window(kernel=(3, 3))
    rng = np.random.default_rng(5)
    op = convolution_of(rng, window, 1, 2048, 2)
    extreme = np.where(op.weights[0] < 0, -128, 127).astype(np.int8)
    [[[acc]]] = accumulate(op, extreme[None], -128)
    pixels = extreme.astype(np.int64) + 128
    expected = [int((pixels * weights).sum()) for weights in op.weights]
    assert acc.tolist() == (np.array(expected) + op.bias).tolist()
    assert abs(acc).max() > 1 << 24


def test_accumulators_wrap():
    op = convolution_of(np.random.default_rng(6), Window(kernel=(1, 1)), 1, 1, 1)
    op.bias[0], op.weights[0, 0, 0, 0] = (1 << 31) - 1, 1
    x = np.array([1, -1], np.int8).reshape(1, 1, 2, 1)
    assert accumulate(op, x, 0).ravel().tolist() == [-(1 << 31), (1 << 31) - 2]


def test_chunks_do_not_show(monkeypatch):
    rng = np.random.default_rng(8)
    op, x = random_case(rng)
    batch = np.stack([x, x[::-1], x[:, ::-1], -x, x // 2])
    whole = accumulate(op, batch, 3)
    monkeypatch.setattr(convolution, "CHUNK", 2 * whole[0].size * op.weights[0].size)
    np.testing.assert_array_equal(accumulate(op, batch, 3), whole)


@pytest.mark.parametrize("mode", [Mode.ONNX, Mode.XNNPACK])
@pytest.mark.parametrize("seed", range(10))
def test_fp32_convolution_is_onnxruntimes(seed, mode):
    rng = np.random.default_rng(seed)
    op, x = random_case(rng)
    source = Tensor("x", x.shape, np.float32(0.05), int(random_zero_point(rng)))
    spread = written_out(op, x, source.zero_point).astype(float).std() + 1
    scale = np.float32(0.05 * op.weight_scales.mean() * spread / 60)
    shape = (*op.window.output(*x.shape[:2]), len(op.bias))
    target = Tensor("y", shape, scale, int(random_zero_point(rng)))
    expected = run_onnx(
        "QLinearConv",
        [
            (x.transpose(2, 0, 1)[None],),
            source.scale,
            np.int8(source.zero_point),
            op.weights.transpose(0, 3, 1, 2),
            op.weight_scales,
            np.zeros(len(op.bias), np.int8),
            target.scale,
            np.int8(target.zero_point),
            op.bias,
        ],
        domain="",
        group=op.groups,
        kernel_shape=op.window.kernel,
        strides=op.window.stride,
        dilations=op.window.dilation,
        pads=op.window.padding,
    )
    y = evaluate_op(op, [x], {"x": source, "y": target}, mode)
    np.testing.assert_array_equal(y, expected[0].transpose(1, 2, 0))


@pytest.mark.parametrize("mode", [Mode.ONNX, Mode.XNNPACK])
def test_fp32_multipliers_are_rounded_twice(mode):
    op, source, target = scaled()
    sx, sy = Fraction(float(source.scale)), Fraction(float(target.scale))
    by = requantization(op, source, target, mode)
    integers = np.stack([by.multiplier, by.shift], axis=-1).tolist()
    for sw, (m, s) in zip(op.weight_scales.tolist(), integers, strict=True):
        assert Fraction(m, 1 << s) == float32(float32(sx * Fraction(sw)) / sy)


def test_double_multipliers_are_rounded_once():
    op, source, target = scaled()
    ratio = Fraction(float(source.scale)) / Fraction(float(target.scale))
    by = requantization(op, source, target, Mode.TFLITE)
    integers = np.stack([by.multiplier, by.shift], axis=-1).tolist()
    for sw, pair in zip(op.weight_scales.tolist(), integers, strict=True):
        assert tuple(pair) == double_integers(ratio * Fraction(sw))


def scaled():
    op = convolution_of(np.random.default_rng(10), Window(kernel=(1, 1)), 1, 1, 200)
    shape = (1, 1, 1)
    return op, Tensor("x", shape, np.float32(0.0235), 0), Tensor("y", shape, np.float32(0.057), 0)


def test_tflite_convolution_rounds_twice():
    rng = np.random.default_rng(9)
    op = convolution_of(rng, Window(kernel=(2, 2)), 1, 3, 2, low=-100, high=90)
    op.weight_scales[:] = 0.375, 2.0**-9
    source, scale = Tensor("x", (9, 9, 3), np.float32(0.5), 7), np.float32(64)
    x = rng.integers(-128, 128, source.shape).astype(np.int8)
    target = Tensor("y", (8, 8, 2), scale, -20)
    y = evaluate_op(op, [x], {"x": source, "y": target}, Mode.TFLITE)
    integers = [(3 << 29, -8), (1 << 30, -15)]  # 0.75 * 2**-8, 0.5 * 2**-15
    for index, acc in np.ndenumerate(written_out(op, x, 7)):
        assert y[index] == min(max(double_rounding(acc, *integers[index[-1]]) - 20, -100), 90)
