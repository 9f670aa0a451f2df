"""Whether an entry of the table is the one that is looked for."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import LogicalAddress
from intarsia.isa.fragment import FragmentEntry

__all__ = ["KeyMatch"]

#: An entry's first bytes tell what it is of, and whether it is one.
KEY_BITS = 64


class KeyMatch(wiring.Component):
    """Compares the first bytes of an entry with what is asked for, as they come, the last first.

    Parameters
    ----------
    link_bytes : int
        Bytes of a word.

    Attributes
    ----------
    halves : int
        Words of a key, 1 or 2.

    Members
    -------
    asked : In(LogicalAddress)
        What is looked for; its offset and version do not count.
    content : In(8 * link_bytes)
        A word of the key.
    coming : In(1)
        There is one, and it is not damaged.
    last : In(1)
        It is the one that comes last: the lower one of two.
    found : Out(1)
        With the last word: this is the entry, if the upper word was promising.
    promising : Out(1)
        With the upper word of two: it may be. Nothing else needs its lower one to be read.
    empty : Out(1)
        With the first word that comes: there is no entry.
    """

    def __init__(self, *, link_bytes):
        self.halves = max(1, KEY_BITS // (8 * link_bytes))
        super().__init__({
            "asked": In(LogicalAddress),
            "content": In(8 * link_bytes),
            "coming": In(1),
            "last": In(1),
            "found": Out(1),
            "promising": Out(1),
            "empty": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        asked = self.asked
        one = self.halves == 1
        key = Signal(FragmentEntry)
        upper = Signal()
        lower = Signal()
        m.d.comb += key.eq(self.content if one else Cat(self.content, self.content))
        with m.If(self.coming):
            m.d.comb += [
                upper.eq(
                    (key.fragment == asked.fragment)
                    & (key.data_id[32:] == asked.data_id[32:])
                    & (key.entry_format != 0)
                ),
                lower.eq(key.data_id[:32] == asked.data_id[:32]),
                self.found.eq(self.last & lower & (upper if one else 1)),
                self.promising.eq(~self.last & upper),
                self.empty.eq((self.last if one else ~self.last) & (key.entry_format == 0)),
            ]
        return m
