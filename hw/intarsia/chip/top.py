"""A chip with clock and reset as pins."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from intarsia.chip.chip import Chip

__all__ = ["Top"]


class Top(wiring.Component):
    """A chip whose reset is registered before it spreads.

    The reset pin reaches no logic but one register; so it has a cycle to cross the chip, and
    simulators need not look at all that it leads to whenever another pin changes. Reset must last
    for at least two cycles.

    Parameters
    ----------
    config : ChipConfig
    sleeping : bool
        Blocks that can do without a clock have a pin for it, and say when they need it: for
        simulators. Otherwise they have the chip's.

    Attributes
    ----------
    chip : Chip

    Members
    -------
    clk, rst : In(1), In(1)
    clk_{sleeper} : In(1)
        If `sleeping`: clocks of blocks. They have no edge which `clk` does not have; they have
        those of it while `rst` is high, and one more, and those that :attr:`Chip.awake` asks for.
    …
        Those of :class:`Chip`, with `awake` only if `sleeping`.
    """

    def __init__(self, *, config, sleeping=False):
        self.config = config
        self.sleeping = sleeping
        self.chip = Chip(config=config)
        members = dict(self.chip.signature.members)
        if sleeping:
            members |= {f"clk_{name}": In(1) for name in self.chip.sleepers}
        else:
            del members["awake"]
        super().__init__({"clk": In(1), "rst": In(1), **members})

    def elaborate(self, platform):
        m = Module()
        m.domains.pins = ClockDomain(reset_less=True)
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal("pins").eq(self.clk), ClockSignal("sync").eq(self.clk)]
        m.d.pins += ResetSignal("sync").eq(self.rst)
        for name in self.chip.sleepers:
            domain = ClockDomain(name)
            # Blocks that differ by these names alone are written once.
            domain.clk, domain.rst = Signal(name="clk"), Signal(name="rst")
            m.domains += domain
            m.d.comb += [
                domain.clk.eq(getattr(self, f"clk_{name}") if self.sleeping else self.clk),
                domain.rst.eq(ResetSignal("sync")),
            ]

        m.submodules.chip = self.chip
        for name, member in self.chip.signature.members.items():
            if not hasattr(self, name):
                continue
            inner, outer = getattr(self.chip, name), getattr(self, name)
            if member.is_signature:
                connect(m, chip=inner, pins=flipped(outer))
            elif member.flow is In:
                m.d.comb += inner.eq(outer)
            else:
                m.d.comb += outer.eq(inner)
        return m
