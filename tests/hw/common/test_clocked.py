"""Registers are computed where they are stored, if that changes nothing."""

import re

import pytest
from amaranth import Module, Signal
from amaranth.back import verilog

from intarsia.common.clocked import clocked


@pytest.fixture
def m():
    return Module()


@pytest.fixture
def a():
    return Signal(4, name="a")


@pytest.fixture
def q():
    return Signal(4, name="q", init=5)


def convert(m, *ports):
    return verilog.convert(m, ports=ports, emit_src=False)


def lines(text):
    return [line.strip() for line in text.splitlines()]


def test_conditions_become_those_of_the_register(m, a, q):
    with m.If(a[0]):
        m.d.sync += q.eq(a)
    found = lines(clocked(convert(m, a, q)))
    start = found.index("always @(posedge clk) begin")
    assert found[start + 1 :] == [
        *("if (a[0]) begin", "q <= a;", "end"),
        *("if (rst) begin", "q <= 4'h5;", "end"),
        *("end", "endmodule"),
    ]
    assert "reg [3:0] q = 4'h5;" in found
    assert not any(r"\$1 " in line for line in found)


def test_parts_of_registers_are_stored_alone(m, a, q):
    with m.Switch(a):
        with m.Case(1):
            m.d.sync += q[2:].eq(a)
        with m.Case(2, 3):
            m.d.sync += q[1].eq(0)
    found = lines(clocked(convert(m, a, q)))
    assert {"q[3:2] <= a[1:0];", "q[1] <= 1'h0;", "4'h2, 4'h3:"} < {*found}
    assert not any(line.startswith("always @*") for line in found)


def test_registers_with_awkward_names(m, a):
    registers = [Signal(4, name="state$of"), Signal(4, name="begin")]
    for register in registers:
        with m.If(a.any()):
            m.d.sync += register.eq(a)
    found = lines(clocked(convert(m, a, *registers)))
    assert r"\state$of  <= a;" in found
    assert r"\begin  <= a;" in found


def test_sources_stay_with_their_process(m, a, q):
    with m.If(a[0]):
        m.d.sync += q.eq(a)
    found = lines(clocked(verilog.convert(m, ports=[a, q])))
    start = found.index("always @(posedge clk) begin")
    assert "test_clocked.py" in found[start - 1]


def test_what_is_no_register_is_left_alone(m, a, q):
    with m.If(a[0]):
        m.d.comb += q.eq(a)
    text = convert(m, a, q)
    assert "always @*" in text
    assert clocked(text) == text


def test_next_values_that_others_look_at_are_left_alone(m, a, q):
    with m.If(a[0]):
        m.d.sync += q.eq(a)
    text = convert(m, a, q)
    [name] = re.findall(r"reg \[3:0\] (\\\$\d+) ;", text)
    looked_at = text.replace("endmodule", f"  assign spy = {name} ;\nendmodule")
    assert clocked(looked_at) == looked_at


def test_other_defaults_are_left_alone(m, a, q):
    with m.If(a[0]):
        m.d.sync += q.eq(a)
    text = convert(m, a, q).replace("  = q;", "  = a;")
    assert clocked(text) == text
