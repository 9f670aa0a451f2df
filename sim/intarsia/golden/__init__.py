"""Bit-exact NumPy model of quantized networks, in every numerics mode; ``docs/numerics.md``."""

from intarsia.golden.ends import InputError, present_output, quantize_input
from intarsia.golden.network import ActivationError, evaluate, evaluate_op
from intarsia.golden.requantize import Requantization, ScaleError, requantize

__all__ = [
    "ActivationError",
    "InputError",
    "Requantization",
    "ScaleError",
    "evaluate",
    "evaluate_op",
    "present_output",
    "quantize_input",
    "requantize",
]
