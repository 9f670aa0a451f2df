"""The mutants, by the part of the project that they break."""

from tests.mutants.runner import Mutant

__all__ = ["MUTANTS"]

DIGITS = (
    Mutant(
        "digits: calibration forgets the sign of the lower bound",
        "sw/intarsia/digits/quantize.py",
        "-128 - low / scale",
        "-128 + low / scale",
        "tests/sw/digits/test_quantize.py",
    ),
    Mutant(
        "digits: convolutions are not padded",
        "sw/intarsia/digits/quantize.py",
        "pads=[layer.kernel // 2] * 4",
        "pads=[0] * 4",
        "tests/sw/digits/test_quantize.py",
    ),
)

MUTANTS = (*DIGITS,)
