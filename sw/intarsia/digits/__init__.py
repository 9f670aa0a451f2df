"""A small residual network that reads handwritten digits; `make demo` runs it.

``python -m intarsia.digits`` trains and quantizes it again.
"""

from pathlib import Path

__all__ = ["MODEL", "WEIGHTS"]

MODEL = Path(__file__).with_name("digits_int8.onnx")
"""The quantized network, as any `.onnx` in QLinear form."""

WEIGHTS = Path(__file__).with_name("digits_float.npz")
"""The trained parameters that it was quantized from."""
