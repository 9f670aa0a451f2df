"""What cells of an ECP5 take, for an estimate before they are placed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["WIRE", "Arc", "Timing", "timing"]

#: Nanoseconds of a wire from slice to slice. On a full device most take more.
WIRE = 0.9

#: What joins LUTs of a slice has no wire before it.
INSIDE = 0.0


@dataclass(frozen=True)
class Arc:
    """A way through a cell, in the nanoseconds of nextpnr's speed grade 6.

    Members
    -------
    inputs, outputs : str
        Regular expressions of ports, whole.
    delay : float
    wire : float
        On the way to the inputs.
    """

    inputs: str
    outputs: str
    delay: float
    wire: float = WIRE


@dataclass(frozen=True)
class Timing:
    """How a cell delays signals.

    Members
    -------
    arcs : tuple of Arc
        From input to output in the same cycle.
    launches : tuple of (str, float)
        Outputs that change with the clock, as a regular expression, and how long after it.
    captures : tuple of (str, float)
        Inputs that must be there before the clock, and how long before.
    """

    arcs: tuple[Arc, ...] = ()
    launches: tuple[tuple[str, float], ...] = ()
    captures: tuple[tuple[str, float], ...] = ()


CELLS = {
    "LUT4": Timing(arcs=(Arc("[ABCD]", "Z", 0.24),)),
    "PFUMX": Timing(arcs=(Arc("[AB]LUT", "Z", 0.18, INSIDE), Arc("C0", "Z", 0.20))),
    "L6MUX21": Timing(arcs=(Arc("D[01]", "Z", 0.20, INSIDE), Arc("SD", "Z", 0.20))),
    "CCU2C": Timing(
        arcs=(
            Arc("[ABCD][01]", "COUT", 0.45),
            Arc("CIN", "COUT", 0.07, INSIDE),
            Arc("[ABCD]0", "S0", 0.24),
            Arc("CIN", "S0", 0.44, INSIDE),
            Arc("[ABCD]0", "S1", 0.60),
            Arc("[ABCD]1", "S1", 0.24),
            Arc("CIN", "S1", 0.48, INSIDE),
        )
    ),
    "TRELLIS_DPR16X4": Timing(
        arcs=(Arc("RAD", "DO", 0.24),),
        launches=(("DO", 1.0),),
        captures=(("DI|WAD|WRE", 0.3),),
    ),
    "TRELLIS_FF": Timing(
        launches=(("Q", 0.525),),
        captures=(("DI|M", 0.0), ("CE|LSR", 0.2)),
    ),
    # How long outputs of a block RAM take depends on whether there is a register at them.
    "DP16KD": Timing(captures=((r"(?!CLK|DO).*", 0.15),)),
    "MULT18X18D": Timing(arcs=(Arc(r"[AB]\d+", r"P\d+", 3.9),)),
}

#: Of a block RAM with a register at its outputs, and without.
REGISTERED, DIRECT = 1.0, 5.7

#: A multiplier with registers inside: from those to its outputs, and from its inputs to those.
MULTIPLIER = Timing(launches=((r"P\d+", 3.0),), captures=((r"[AB]\d+", 1.0),))

#: Cells that delay nothing of the clock's.
SILENT = {"$scopeinfo", "TRELLIS_IO", "VLO", "VHI"}


def timing(kind: str, parameters: Mapping[str, Any]) -> Timing:
    """How a cell of that type and these parameters delays.

    Raises
    ------
    :exc:`ValueError`
        If nothing is known of such cells.
    """
    if kind in SILENT:
        return Timing()
    if kind not in CELLS:
        raise ValueError(f"there is a cell {kind}, whose delays are unknown")
    if kind == "DP16KD":
        launches = tuple(
            (
                rf"DO{port}\d+",
                REGISTERED if parameters.get(f"REGMODE_{port}") == "OUTREG" else DIRECT,
            )
            for port in "AB"
        )
        return Timing(launches=launches, captures=CELLS[kind].captures)
    registers = ("REG_INPUTA_CLK", "REG_PIPELINE_CLK", "REG_OUTPUT_CLK")
    if kind == "MULT18X18D" and any(
        parameters.get(register, "NONE") != "NONE" for register in registers
    ):
        return MULTIPLIER
    return CELLS[kind]


def matching(pattern: str, connections: Mapping[str, list[Any]]) -> Iterator[tuple[str, int]]:
    """Ports of `pattern` and nets that lead to them, but for constants."""
    for port, bits in connections.items():
        if re.fullmatch(pattern, port):
            yield from ((port, bit) for bit in bits if isinstance(bit, int))
