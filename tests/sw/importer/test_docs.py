"""docs/import.md, which errors send users to, names every operator that is supported."""

import re
from pathlib import Path

import pytest

from intarsia.importer import onnx_linear, onnx_ops, onnx_shapes, tflite_ops, tflite_shapes
from intarsia.importer.onnx_fold import FOLDED

TEXT = (Path(__file__).parents[3] / "docs" / "import.md").read_text()
ONNX = {kind for _, kind in onnx_linear.OPERATORS} | {*onnx_ops.OPERATORS, *onnx_shapes.OPERATORS}
TFLITE = {*tflite_ops.OPERATORS, *tflite_shapes.OPERATORS}


@pytest.mark.parametrize("kind", sorted(ONNX | TFLITE | FOLDED))
def test_operator_is_listed(kind):
    assert re.search(rf"\b{kind}\b", TEXT)
