"""Models in files, to networks."""

from intarsia.importer.errors import ModelError
from intarsia.importer.load import load

__all__ = ["ModelError", "load"]
