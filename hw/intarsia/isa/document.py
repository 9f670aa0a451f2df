"""The whole contract as one document: ``python -m intarsia.isa.document > docs/isa.md``."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

from amaranth.lib import data, enum

from intarsia.isa.registers import Access, Register
from intarsia.isa.tables import enum_table, opcode_table, plain, register_table, table

__all__ = ["document", "layouts"]

#: Modules in the order of the document.
MODULES = (
    "instruction",
    "opcodes",
    "kernel",
    "elementwise",
    "transfer",
    "numerics",
    "address",
    "fragment",
    "packet",
    "registers",
    "serial",
    "faults",
    "counters",
)

HEAD = """\
# The instruction set and everything else that parties share

Made from `hw/intarsia/isa/` by `python -m intarsia.isa.document > docs/isa.md`; a test fails where
it is stale. Fields are given from the lowest bit up; everything is little-endian.
"""

#: What is shown in a table of its own, and not as a bare enumeration.
SPECIAL = (Register, Access)


def document() -> str:
    """Markdown of all modules that consist of bits."""
    parts = [HEAD]
    for name in MODULES:
        module = importlib.import_module(f"intarsia.isa.{name}")
        title, _, rest = plain(module.__doc__ or "").partition("\n")
        parts += [f"## {title.rstrip('.')}", rest.strip()]
        parts += _special(name)
        for kind in _own(module):
            doc = plain(kind.__doc__ or "")
            shown = enum_table(kind) if issubclass(kind, enum.Enum) else table(kind)
            parts += [f"### {kind.__name__}", doc, shown]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def layouts() -> list[type[data.Struct]]:
    """All layouts that are shared."""
    modules = (importlib.import_module(f"intarsia.isa.{name}") for name in MODULES)
    return [kind for module in modules for kind in _own(module) if not issubclass(kind, enum.Enum)]


def _special(name: str) -> list[str]:
    match name:
        case "opcodes":
            return [opcode_table()]
        case "registers":
            return [register_table()]
        case _:
            return []


def _own(module: ModuleType) -> Iterator[type]:
    """Layouts and enumerations that `module` defines, in that order."""
    for kind in vars(module).values():
        own = isinstance(kind, type) and kind.__module__ == module.__name__
        if own and issubclass(kind, data.Struct | enum.Enum) and kind not in SPECIAL:
            yield kind


if __name__ == "__main__":
    sys.stdout.write(document())
