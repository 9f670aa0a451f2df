"""Verilog of a component."""

import re

from amaranth.back import verilog
from amaranth.hdl import Const, Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from intarsia.common.clocked import clocked
from intarsia.common.dedupe import dedupe

__all__ = ["convert"]

#: A process that only assigns a constant. It reads nothing; so an `always @*` would never run.
CONSTANT = re.compile(r"always @\*(?=\n\s+\S+ = \d+'[bdh][0-9a-f]+;\n)")


def convert(component: wiring.Component, name: str, *, sources: bool = True) -> str:
    """Verilog of `component`, as module `name`; with attributes that name the `sources`, or not.

    Streams may promise `always_ready` or `always_valid`: the constant that stands for the promise
    is no port. (Amaranth 0.5's own collection of ports refuses such streams.) The result is
    SystemVerilog, for the sake of ``always_comb``. Modules that are equal are written once.
    """
    ports = {}
    for path, member, value in component.signature.flatten(component):
        signal = Value.cast(value)
        if not isinstance(signal, Const):
            direction = PortDirection.Input if member.flow is In else PortDirection.Output
            ports["__".join(map(str, path))] = (signal, direction)
    text = verilog.convert(
        component, name=name, ports=ports, emit_src=sources, strip_internal_attrs=not sources
    )
    return dedupe(clocked(CONSTANT.sub("always_comb", text)))
