"""Quantized networks to plans: programs, slots and fragments for any number of chips."""

from intarsia.compiler.compile import compile_network
from intarsia.compiler.errors import CompileError
from intarsia.compiler.partition import PARTITIONS
from intarsia.compiler.placement import Placement, place
from intarsia.compiler.plan import (
    ChipHolder,
    ChipPlan,
    Device,
    End,
    Fragment,
    FragmentKind,
    Layer,
    NodeHolder,
    Plan,
    Slot,
)

__all__ = [
    "PARTITIONS",
    "ChipHolder",
    "ChipPlan",
    "CompileError",
    "Device",
    "End",
    "Fragment",
    "FragmentKind",
    "Layer",
    "NodeHolder",
    "Placement",
    "Plan",
    "Slot",
    "compile_network",
    "place",
]
