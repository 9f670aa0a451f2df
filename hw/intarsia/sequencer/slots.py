"""The slot tables of all contexts."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import SlotEntry
from intarsia.sequencer.parts import SlotRead, SlotWrite

__all__ = ["SlotTable"]


class SlotTable(wiring.Component):
    """Says what slots stand for. Its content survives reset; only the host writes it.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    write : In(stream.Signature(SlotWrite, always_ready=True))
        Context and slot must exist.
    read : In(SlotRead)
    entry : Out(SlotEntry)
        Of the slot that was looked up in the cycle before; all zero for one that can't exist.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "write": In(stream.Signature(SlotWrite, always_ready=True)),
            "read": In(SlotRead),
            "entry": Out(SlotEntry),
        })

    def elaborate(self, platform):
        m = Module()
        slots = self.config.slots

        m.submodules.entries = entries = memory.Memory(
            shape=SlotEntry, depth=self.config.contexts * slots, init=[]
        )
        write = entries.write_port()
        read = entries.read_port()
        exists = Signal()
        m.d.comb += [
            write.en.eq(self.write.valid),
            write.addr.eq(self.write.p.context * slots + self.write.p.slot),
            write.data.eq(self.write.p.entry),
            read.addr.eq(self.read.context * slots + self.read.slot),
        ]
        m.d.sync += exists.eq(self.read.slot < slots)
        with m.If(exists):
            m.d.comb += self.entry.eq(read.data)

        return m
