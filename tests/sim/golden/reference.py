"""Other people's definitions: exact rationals, gemmlowp's C, and onnxruntime's operators."""

from fractions import Fraction

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

__all__ = [
    "double_integers",
    "double_rounding",
    "float32",
    "nearest_even",
    "random_scale",
    "random_zero_point",
    "run_onnx",
]


def nearest_even(x: Fraction) -> int:
    """Integer nearest to `x`; Python rounds ties to even."""
    return round(x)


def float32(x: Fraction) -> Fraction:
    """Rational nearest to `x` that has 24 significant bits, ties to even."""
    if x == 0:
        return x
    exponent = 0
    while abs(x) * Fraction(2) ** -exponent >= 1 << 24:
        exponent += 1
    while abs(x) * Fraction(2) ** -exponent < 1 << 23:
        exponent -= 1
    return nearest_even(x * Fraction(2) ** -exponent) * Fraction(2) ** exponent


def double_rounding(x: int, multiplier: int, shift: int) -> int:
    """TFLite's MultiplyByQuantizedMultiplier, in the words of gemmlowp's C."""
    x = (x * (1 << max(shift, 0)) + (1 << 31)) % (1 << 32) - (1 << 31)
    product = x * multiplier
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    quotient = abs(product + nudge) // (1 << 31)  # C divides towards zero
    high = quotient if product + nudge >= 0 else -quotient
    mask = (1 << max(-shift, 0)) - 1
    threshold = (mask >> 1) + (1 if high < 0 else 0)
    return (high >> max(-shift, 0)) + (1 if (high & mask) > threshold else 0)


def double_integers(real: Fraction) -> tuple[int, int]:
    """TFLite's QuantizeMultiplier, on rationals: 31 bits, ties away from zero, and a shift."""
    shift = 0
    while real >= 1:
        real, shift = real / 2, shift + 1
    while real < Fraction(1, 2):
        real, shift = real * 2, shift - 1
    multiplier = int(real * 2**31 + Fraction(1, 2))
    return (multiplier, shift) if multiplier < 1 << 31 else (multiplier // 2, shift + 1)


def random_scale(rng, low=-8, high=2):
    """Scale between powers of two; itself one every other time, since they bring ties."""
    exponent = rng.uniform(low, high) if rng.random() < 0.5 else rng.integers(low, high)
    return np.float32(2.0**exponent)


def random_zero_point(rng):
    return np.int8(rng.integers(-128, 128))


def run_onnx(kind, inputs, domain="com.microsoft", **attributes):
    """Output of onnxruntime's operator `kind`.

    Inputs given as ``(array,)`` are fed; all others are constants of the model.
    """
    names = [f"v{index}" for index in range(len(inputs))]
    fed = {name: x[0] for name, x in zip(names, inputs, strict=True) if isinstance(x, tuple)}
    constants = [
        numpy_helper.from_array(np.asarray(x), name)
        for name, x in zip(names, inputs, strict=True)
        if not isinstance(x, tuple)
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, names, ["y"], domain=domain, **attributes)],
        kind,
        [helper.make_tensor_value_info(n, TensorProto.INT8, x.shape) for n, x in fed.items()],
        [helper.make_tensor_value_info("y", TensorProto.INT8, None)],
        constants,
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, fed)[0])
