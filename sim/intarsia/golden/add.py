"""Sum of two activations of different scales.

:func:`add` is what each numerics mode defines, at any scales. :func:`addition` finds the integers
with which the hardware computes the same, and :func:`add_integers` is what the hardware does with
them.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from intarsia.golden.requantize import Requantization, ScaleError, requantize
from intarsia.golden.rounding import (
    divide_by_power_of_two,
    fma32,
    quantize_multiplier,
    round_to_float32,
)
from intarsia.graph import Add, Mode, Tensor
from intarsia.isa.numerics import Rounding

__all__ = ["Addition", "add", "add_integers", "addition"]


@dataclass(frozen=True)
class Addition:
    """Integers of one addition, named as in :class:`~intarsia.isa.elementwise.VectorDescriptor`.

    Members
    -------
    zero_a, zero_b : int
        Subtracted from the inputs, int8.
    scale_a, scale_b : int
        Factors of the inputs, int32.
    bias : int
        Constant term, 48 bits.
    requantization : Requantization
        Of the sum. Its rounding says how the sum is formed.
    shift_a, shift_b : int
        Right shifts, in rounding DOUBLE.
    """

    zero_a: int
    zero_b: int
    scale_a: int
    scale_b: int
    bias: int
    requantization: Requantization
    shift_a: int = 0
    shift_b: int = 0


def add(
    op: Add, x: tuple[np.ndarray, np.ndarray], tensors: tuple[Tensor, Tensor, Tensor], mode: Mode
) -> np.ndarray:
    """Output of `op`: int8, shaped like both inputs.

    Parameters
    ----------
    op : Add
        Operator, for its clamp.
    x : pair of numpy.ndarray
        int8.
    tensors : (Tensor, Tensor, Tensor)
        Both inputs, and the output.
    mode : Mode
        Numerics mode.

    Raises
    ------
    :exc:`ScaleError`
        Outside `onnx`, if the mode's own implementations refuse these scales.
    """
    if mode is not Mode.ONNX:
        return add_integers(*x, addition(op, tensors, mode))
    ratio_a, ratio_b, constant = _floats(tensors)
    inner = fma32(x[1].astype(np.float32), ratio_b, constant)
    y = np.rint(fma32(x[0].astype(np.float32), ratio_a, inner))
    return np.clip(y, op.low, op.high).astype(np.int8)


def addition(op: Add, tensors: tuple[Tensor, Tensor, Tensor], mode: Mode) -> Addition:
    """Integers of `op` on `tensors`: both inputs, and the output.

    Raises
    ------
    :exc:`ScaleError`
        `onnx`: if the ratios of scales, as integers on one power of two, exceed 31 bits. They never
        do while the larger ratio is below 2**7 times the smaller, and the smaller is in
        2**-15..2**16. `xnnpack`: if the larger ratio is not in 2**-10..2**8, as XNNPACK demands.
        `tflite`: if the output's scale is 2**20 times too small, as TFLite demands.
    """
    found = {Mode.ONNX: _float, Mode.XNNPACK: _single, Mode.TFLITE: _double}[mode](op, tensors)
    clamped = replace(found.requantization, low=op.low, high=op.high)
    return replace(found, requantization=clamped)


def add_integers(a: np.ndarray, b: np.ndarray, by: Addition) -> np.ndarray:
    """Sum of `a` and `b`, both int8, as the hardware forms it from integers."""
    product_a = (a.astype(np.int64) - by.zero_a) * by.scale_a
    product_b = (b.astype(np.int64) - by.zero_b) * by.scale_b
    match by.requantization.rounding:
        case Rounding.FP32:
            acc = product_a + round_to_float32(product_b + by.bias)
        case Rounding.DOUBLE:
            # doubling_high_multiply((a - zero_a) << 20, scale_a), without the 20 zeros
            high_a, high_b = (product_a + (1 << 10)) >> 11, (product_b + (1 << 10)) >> 11
            acc = divide_by_power_of_two(high_a, by.shift_a)
            acc += divide_by_power_of_two(high_b, by.shift_b)
        case _:
            acc = product_a + product_b + by.bias
    return requantize(acc, by.requantization)


def _ratios(tensors: tuple[Tensor, Tensor, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    a, b, y = (np.asarray(tensor.scale, np.float32) for tensor in tensors)
    return np.asarray(a / y), np.asarray(b / y)


def _floats(tensors: tuple[Tensor, Tensor, Tensor]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ratios of scales, and what all constant terms sum up to, as onnxruntime rounds them."""
    a, b, y = tensors
    ratio_a, ratio_b = _ratios(tensors)
    zeros = fma32(ratio_a, np.float32(a.zero_point), ratio_b * np.float32(b.zero_point))
    return ratio_a, ratio_b, np.asarray(np.float32(y.zero_point) - zeros)


def _float(op: Add, tensors: tuple[Tensor, Tensor, Tensor]) -> Addition:
    """The fused multiply-adds of onnxruntime, on the finest power of two that they need."""
    terms = [float(value).as_integer_ratio() for value in _floats(tensors)]
    unit = max(denominator for _, denominator in terms)
    scale_a, scale_b, bias = (numerator * (unit // denominator) for numerator, denominator in terms)
    if max(scale_a, scale_b).bit_length() > 31 or bias.bit_length() > 46:
        raise ScaleError(
            f"Add {op.name!r}: scales {_names(tensors)} are too far apart for the vector engine; "
            "use another numerics mode, or run it on the host"
        )
    shift = unit.bit_length() - 1
    by = Requantization(Rounding.FP32, 1 << 23, shift + 23)
    return Addition(0, 0, scale_a, scale_b, bias, by)


def _single(op: Add, tensors: tuple[Tensor, Tensor, Tensor]) -> Addition:
    """XNNPACK's multipliers of 21 bits, and one rounding."""
    a, b, y = tensors
    ratio_a, ratio_b = _ratios(tensors)
    if not 2.0**-10 <= max(ratio_a, ratio_b) < 2.0**8:
        raise ScaleError(
            f"Add {op.name!r}: XNNPACK refuses scales {_names(tensors)}, whose largest ratio is "
            "not in 2**-10..2**8; use another numerics mode"
        )
    shift = 21 - math.frexp(max(ratio_a, ratio_b))[1]
    scale_a, scale_b = (round(math.ldexp(float(ratio), shift)) for ratio in (ratio_a, ratio_b))
    by = Requantization(Rounding.HALF_UP, 1, shift, y.zero_point)
    return Addition(a.zero_point, b.zero_point, scale_a, scale_b, 0, by)


def _double(op: Add, tensors: tuple[Tensor, Tensor, Tensor]) -> Addition:
    """TFLite's three rescales, on inputs with 20 more bits."""
    a, b, y = tensors
    twice_larger = 2 * max(float(a.scale), float(b.scale))
    scale_a, shift_a = quantize_multiplier(float(a.scale) / twice_larger)
    scale_b, shift_b = quantize_multiplier(float(b.scale) / twice_larger)
    multiplier, shift = quantize_multiplier(twice_larger / (2.0**20 * float(y.scale)))
    if shift > 0:
        raise ScaleError(
            f"Add {op.name!r}: TFLite refuses scales {_names(tensors)}, whose ratio to the "
            "output's is above 2**19; use another numerics mode"
        )
    by = Requantization(Rounding.DOUBLE, multiplier, shift, y.zero_point)
    return Addition(
        a.zero_point, b.zero_point, scale_a, scale_b, 0, by, shift_a=-shift_a, shift_b=-shift_b
    )


def _names(tensors: tuple[Tensor, Tensor, Tensor]) -> str:
    a, b, y = (f"{tensor.scale:g}" for tensor in tensors)
    return f"{a} + {b} -> {y}"
