"""The contract as one document: registers, and every layout that two parties share."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

from amaranth.lib import data

from intarsia import isa
from intarsia.isa.registers import REGISTERS
from intarsia.isa.tables import table

__all__ = ["reference"]


def reference() -> str:
    """Markdown tables of everything in :mod:`intarsia.isa` that is made of bits."""
    parts = ["# Registers", "", *_registers(), "", "# Layouts"]
    for layout in _layouts():
        about = inspect.cleandoc(layout.__doc__ or "")
        parts += ["", f"## {layout.__name__}", "", about, "", table(layout)]
    return "\n".join(parts) + "\n"


def _registers() -> Iterator[str]:
    yield "| Address | Register | Access | Meaning |"
    yield "|--------:|----------|--------|---------|"
    for register, info in REGISTERS.items():
        access = info.access.name.lower()
        yield f"| {register.value:#05x} | `{register.name}` | {access} | {info.meaning} |"


def _layouts() -> Iterator[type[data.Struct]]:
    """Layouts in the order of their modules, and of their definitions in each."""
    for module_info in pkgutil.iter_modules(isa.__path__):
        module = importlib.import_module(f"{isa.__name__}.{module_info.name}")
        for value in vars(module).values():
            own = getattr(value, "__module__", None) == module.__name__
            if own and isinstance(value, type(data.Struct)):
                yield value
