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

    Attributes
    ----------
    chip : Chip

    Members
    -------
    clk, rst : In(1), In(1)
    …
        Those of :class:`Chip`.
    """

    def __init__(self, *, config):
        self.config = config
        self.chip = Chip(config=config)
        super().__init__({"clk": In(1), "rst": In(1), **dict(self.chip.signature.members)})

    def elaborate(self, platform):
        m = Module()
        m.domains.pins = ClockDomain(reset_less=True)
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal("pins").eq(self.clk), ClockSignal("sync").eq(self.clk)]
        m.d.pins += ResetSignal("sync").eq(self.rst)

        m.submodules.chip = self.chip
        for name, member in self.chip.signature.members.items():
            inner, outer = getattr(self.chip, name), getattr(self, name)
            if member.is_signature:
                connect(m, chip=inner, pins=flipped(outer))
            elif member.flow is In:
                m.d.comb += inner.eq(outer)
            else:
                m.d.comb += outer.eq(inner)
        return m
