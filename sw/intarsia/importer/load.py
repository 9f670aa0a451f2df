"""The way in: a file's name to a network."""

from pathlib import Path

from intarsia.graph import Network
from intarsia.importer.errors import ModelError
from intarsia.importer.onnx_import import import_onnx
from intarsia.importer.simplify import simplify
from intarsia.importer.tflite_import import import_tflite

__all__ = ["load"]

_FORMATS = {".onnx": import_onnx, ".tflite": import_tflite}


def load(path: str | Path) -> Network:
    """Read a quantized model.

    Parameters
    ----------
    path : str or Path
        An ``.onnx`` or ``.tflite`` file; the network is named after it.

    Raises
    ------
    ModelError
        When the file is damaged, or holds something that is not supported. One line, which begins
        with the file's name.
    OSError
        When the file cannot be read.
    """
    path = Path(path)
    if path.suffix not in _FORMATS:
        raise ModelError(f"{path.name}: unknown kind of file: {' or '.join(_FORMATS)} was expected")
    try:
        return simplify(_FORMATS[path.suffix](path.read_bytes(), path.stem))
    except ModelError as error:
        line = " ".join(str(error).split())  # a damaged name may hold anything
        raise ModelError(f"{path.name}: {line}") from None
