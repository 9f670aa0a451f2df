"""Modules of Verilog that say the same, once.

Amaranth writes a module per instance. Four equal ports of a chip are four modules then, and a
simulator compiles, and fetches from memory, four times the code.
"""

import re

__all__ = ["dedupe"]

#: A module: its name, and the rest.
MODULE = re.compile(r"^module (\\?\S+?)\s*(\(.*?^endmodule\n)", re.MULTILINE | re.DOTALL)

#: Names that Yosys makes up, numbered over all modules.
MADE_UP = re.compile(r"\\\$auto\$\S+")

#: First words of instances: the type, then a name. Other statements begin with a keyword.
INSTANCE = re.compile(
    r"^  (\\\S+|[A-Za-z_]\w*)\s+(?=(?:#\(.*?\)\s*)?\\?\S+\s*\($)", re.MULTILINE | re.DOTALL
)


def dedupe(text: str) -> str:
    """Verilog that does what `text` does, in which no two modules differ by name alone.

    The first of several equal modules, in the order of the text, stays; modules below others come
    first, as Yosys writes them.
    """
    kept: dict[str, str] = {}  # content to name
    names: dict[str, str] = {}  # name to the name of its equal
    out = []
    for name, body in _bottom_up(MODULE.findall(text)):
        content = _renamed(_normalized(body), names)
        names[name] = kept.setdefault(content, name)
        if names[name] == name:
            out.append(f"module {name} {content}\n")
    return "\n".join(out)


def _bottom_up(modules: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """`modules`, each after those that it has instances of."""
    bodies = dict(modules)
    ordered: dict[str, str] = {}

    def visit(name: str) -> None:
        for child in INSTANCE.findall(bodies[name]):
            if child in bodies and child not in ordered:
                visit(child)
        ordered[name] = bodies[name]

    for name in bodies:
        if name not in ordered:
            visit(name)
    return list(ordered.items())


def _normalized(content: str) -> str:
    """`content` with its ports in order, and with its own numbers in names that Yosys made up."""
    ports, rest = content.split(");", 1)
    content = f"({', '.join(sorted(ports[1:].split(', ')))});{rest}"
    numbers: dict[str, str] = {}
    return MADE_UP.sub(
        lambda match: numbers.setdefault(match.group(), f"\\$auto${len(numbers)}"), content
    )


def _renamed(content: str, names: dict[str, str]) -> str:
    """`content` with instances of the modules that stayed."""

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        return match.group(0).replace(name, names.get(name, name), 1)

    return INSTANCE.sub(replace, content)
