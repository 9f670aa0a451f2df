"""The contract as a C++ header, so that no bit of it is written twice."""

import inspect
from collections.abc import Iterator
from types import ModuleType

from amaranth.hdl import Shape
from amaranth.lib import data, enum

from intarsia.isa import address, counters, faults, fragment, instruction, packet, topology

__all__ = ["cpp_header"]

MODULES = (address, packet, faults, fragment, instruction, counters, topology)


def cpp_header() -> str:
    """Layouts, enumerations and constants of :mod:`intarsia.isa` as namespace ``cosim::isa``.

    A layout becomes a namespace in snake case with a ``Field`` (offset and width in bits) per
    field; an enumeration, an ``enum class``; a number, a ``constexpr``; a tuple of members of an
    enumeration, an array.
    """
    lines = [
        "// Generated from intarsia.isa; changes are lost.",
        "#pragma once",
        "",
        "#include <cstdint>",
        "",
        '#include "bits.hpp"',
        "",
        "namespace cosim::isa {",
        "",
    ]
    # Enumerations come first and arrays last: C++ wants to know a name before it is used.
    parts = [(module, name) for module in MODULES for name in module.__all__]
    for module, name in sorted(parts, key=lambda part: _rank(getattr(*part))):
        lines += _definition(module, name)
    return "\n".join([*lines, "}  // namespace cosim::isa", ""])


def _definition(module: ModuleType, name: str) -> Iterator[str]:
    item = getattr(module, name)
    match item:
        case int():
            yield f"constexpr unsigned {name} = {item};"
        case tuple() if all(isinstance(member, enum.Enum) for member in item):
            kind = type(item[0]).__name__
            members = ", ".join(f"{kind}::{member.name}" for member in item)
            yield f"constexpr {kind} {name}[] = {{{members}}};"
        case _ if inspect.isclass(item) and issubclass(item, enum.Enum):
            yield f"enum class {name} : uint32_t {{"
            yield from (f"    {member.name} = {member.value}," for member in item)
            yield "};"
            yield ""
        case _ if inspect.isclass(item) and issubclass(item, data.Struct):
            layout = item.as_shape()
            yield f"namespace {_snake(name)} {{"
            for field_name, field in layout:
                width = Shape.cast(field.shape).width
                yield f"constexpr Field {field_name.upper()}{{{field.offset}, {width}}};"
            yield f"constexpr unsigned BITS = {layout.size};"
            yield "}"
            yield ""


def _rank(item: object) -> int:
    if inspect.isclass(item) and issubclass(item, enum.Enum):
        return 0
    return 2 if isinstance(item, tuple) else 1


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name).lstrip("_")
