"""Equal modules are written once, and what was made of them is the same."""

import re

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.dedupe import MODULE, dedupe
from intarsia.common.verilog import convert


class Adder(wiring.Component):
    def __init__(self, step):
        self.step = step
        super().__init__({"i": In(8), "o": Out(8)})

    def elaborate(self, platform):
        m = Module()
        count = Signal(8)
        m.d.sync += count.eq(self.i + self.step)
        with m.If(count[0]):
            m.d.comb += self.o.eq(~count)
        return m


class Chain(wiring.Component):
    """Three adders behind each other, two of them equal, in two equal halves."""

    def __init__(self, steps):
        self.steps = steps
        super().__init__({"i": In(8), "o": Out(8)})

    def elaborate(self, platform):
        m = Module()
        last = self.i
        for n, step in enumerate(self.steps):
            part = Adder(step) if isinstance(step, int) else Chain(step)
            m.submodules[f"part{n}"] = part
            m.d.comb += part.i.eq(last)
            last = part.o
        m.d.comb += self.o.eq(last)
        return m


def modules(text):
    return [name for name, _ in MODULE.findall(text)]


def test_equal_modules_are_written_once():
    assert len(modules(convert(Chain([1, 2, 1]), "top"))) == 3


def test_equal_halves_are_written_once():
    text = convert(Chain([[1, 2], [1, 2]]), "top")
    assert len(modules(text)) == 4
    assert modules(text)[-1] == "top"


def test_different_modules_stay():
    assert len(modules(convert(Chain([1, 2, 3]), "top"))) == 4


def test_every_instance_has_a_module():
    text = convert(Chain([[1, 2], [1, 2]]), "top")
    instances = re.findall(r"^  (\\top\S+)  \S+ +\($", text, re.MULTILINE)
    assert len(instances) == 4
    assert set(instances) == set(modules(text)) - {"top"}


def test_it_settles():
    once = convert(Chain([[1, 2], [1, 2], 2]), "top")
    assert dedupe(once) == once
