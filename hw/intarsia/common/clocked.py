"""Registers whose next value is computed in the process that stores it.

Amaranth describes a register by two processes: one computes the next value at all times, the other
stores it. Simulators then keep both values, and copy the one to the other for each register in
each cycle, whether or not it changes; a third of the time of a chip. In one process, registers
under the same condition cost one look at it.
"""

import re

__all__ = ["clocked"]

NAME = r"(?:\\\S+ |[A-Za-z_]\w*)"

MODULE = re.compile(r"^module .*?^endmodule\n", re.MULTILINE | re.DOTALL)

#: Stores a next value, that is, a signal that Amaranth has numbered.
STORE = re.compile(
    rf"^(?P<source>  \(\*.*\*\)\n)?  always @\((?P<edge>posedge|negedge) (?P<clock>{NAME})\)\n"
    rf"    (?P<register>{NAME})\s*<= (?P<next>\\\$\d+ );\n",
    re.MULTILINE,
)

#: Computes values. The empty statement first makes a simulator run it once at the start.
COMPUTE = re.compile(
    r"^  always @\* begin\n    if \(\\\$auto\S+ \) begin end\n(?P<body>.*?)^  end\n",
    re.MULTILINE | re.DOTALL,
)

ASSIGNMENT = re.compile(
    rf"^(?P<indent> +)(?P<target>{NAME})(?P<slice>(?:\[[^\]]*\])?\s+)= (?P<value>.*);\n",
    re.MULTILINE,
)

NUMBERED = re.compile(r"\\\$\d+ ")


def clocked(text: str) -> str:
    """Verilog that does what `text`, written by Amaranth, does, with registers in one process.

    Left as they are: registers whose next value is looked at elsewhere, or is computed together
    with other signals, or does not begin as the value that they have.
    """
    return MODULE.sub(lambda module: _module(module[0]), text)


def _module(text: str) -> str:
    stores = {store["next"]: store for store in STORE.finditer(text)}
    uses: dict[str, int] = {}
    for name in NUMBERED.findall(text):
        uses[name] = uses.get(name, 0) + 1
    joined = set()

    def compute(process: re.Match[str]) -> str:
        default, *assignments = ASSIGNMENT.finditer(process["body"])
        name = default["target"]
        store = stores.get(name)
        if (
            store is None
            or any(each["target"] != name for each in assignments)
            or uses[name] != len(assignments) + 3  # declared, given a default, stored
            or default["value"].strip() != store["register"].strip()
        ):
            return process[0]
        joined.add(name)
        register = store["register"]
        body = ASSIGNMENT.sub(
            lambda each: f"{each['indent']}{register}{each['slice']}<= {each['value']};\n",
            process["body"][default.end() :],
        )
        source = store["source"] or ""
        return f"{source}  always @({store['edge']} {store['clock']}) begin\n{body}  end\n"

    text = COMPUTE.sub(compute, text)
    text = STORE.sub(lambda store: "" if store["next"] in joined else store[0], text)
    declaration = re.compile(r"^  reg (?:\[\d+:\d+\] )?(\\\$\d+ );\n", re.MULTILINE)
    return declaration.sub(lambda each: "" if each[1] in joined else each[0], text)
