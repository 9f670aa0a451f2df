"""Map entries that are at hand."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.lookup import FragmentKey, LookupResult, MapCommand, MapOperation
from intarsia.isa.address import LOCAL, NODE
from intarsia.isa.fragment import FRAGMENT_FORMAT, Permissions, atu_set

__all__ = ["Entries"]


class _Row(data.Struct):
    """What is kept of an entry, besides its key."""

    node: NODE
    replica: NODE

    place: 32
    """Address of its first byte, or that of its replica, if it is at this node; else its checksum.
    """

    size: LOCAL
    version: 16

    permissions: Permissions
    """`moving` says of what nobody may write that it has a checksum."""


class Entries(wiring.Component):
    """Keeps ``config.atu_ways`` entries in each of ``config.atu_sets`` sets.

    In each cycle one is looked for, or changed. What is replaced, and what can't be kept, is said
    of :class:`~intarsia.atu.cache.Atu`.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    node : In(16)
        This node.
    key : In(FragmentKey)
        What is looked for, or changed.
    looks : In(1)
        It is looked for.
    fresh : In(1)
        With `looks`: it goes.
    change : In(MapCommand)
        How it changes; its key does not count.
    found : Out(1)
        There is an entry, in the same cycle; never if it goes.
    result : Out(LookupResult)
        In the cycle after one was looked for.
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "node": In(NODE),
            "key": In(FragmentKey),
            "looks": In(1),
            "fresh": In(1),
            "change": In(MapCommand),
            "found": Out(1),
            "result": Out(LookupResult),
        })

    def elaborate(self, platform):
        m = Module()
        sets, ways = self.config.atu_sets, self.config.atu_ways
        index = Signal(range(sets))
        found = Signal(ways)
        present = Signal(ways)
        replaced = Signal(ways)
        storable = Signal()
        m.d.comb += [
            index.eq(atu_set(self.key.data_id, self.key.fragment, sets)),
            storable.eq(
                (self.change.operation == MapOperation.FILL)
                & (self.change.entry.entry_format == FRAGMENT_FORMAT)
                & (self.change.entry.reserved == 0)
                & ~(self.change.entry.checked & _changes(self.change.entry.permissions))
            ),
        ]

        # Keys are found in the cycle of the look-up; then it is known where the rest is to be read.
        for way in range(ways):
            keys = memory.Memory(shape=FragmentKey, depth=sets, init=[])
            m.submodules[f"keys_{way}"] = keys
            read = keys.read_port(domain="comb")
            write = keys.write_port()
            used = Signal(sets, name=f"used_{way}")
            m.d.comb += [
                read.addr.eq(index),
                present[way].eq(used.bit_select(index, 1)),
                found[way].eq(
                    present[way]
                    & (read.data.data_id == self.key.data_id)
                    & (read.data.fragment == self.key.fragment)
                ),
                write.addr.eq(index),
                write.data.eq(self.key),
                write.en.eq(storable & replaced[way]),
            ]
            with m.If(self.change.operation == MapOperation.REMOVE_ALL):
                m.d.sync += used.eq(0)
            with m.Elif(storable):
                with m.If(replaced[way]):
                    m.d.sync += used.bit_select(index, 1).eq(1)
            with m.Elif(((self.change.operation != MapOperation.NONE) | self.fresh) & found[way]):
                m.d.sync += used.bit_select(index, 1).eq(0)

        victim = Signal(range(ways))
        free = ~present
        with m.If(found.any()):
            m.d.comb += replaced.eq(found)
        with m.Elif(free.any()):
            m.d.comb += replaced.eq(free & -free)
        with m.Else():
            m.d.comb += replaced.eq(1 << victim)
            with m.If(storable):
                m.d.sync += victim.eq(Mux(victim == ways - 1, 0, victim + 1))

        m.submodules.rows = rows = memory.Memory(shape=_Row, depth=sets * ways, init=[])
        read = rows.read_port(transparent_for=())
        write = rows.write_port()
        hit = Signal()
        with m.If(self.looks):
            m.d.sync += hit.eq(self.found)
        m.d.comb += [
            self.found.eq(found.any() & ~self.fresh),
            self.result.hit.eq(hit),
            read.addr.eq(Cat(index, _number(found))),
            read.en.eq(self.looks & found.any()),
            write.addr.eq(Cat(index, _number(replaced))),
            write.en.eq(storable),
        ]
        self._pack(m, self.change.entry, write.data)
        self._unpack(m, read.data, self.result)
        return m

    def _pack(self, m, entry, row):
        """What is kept of `entry`."""
        holds, replicates = Signal(), Signal()
        m.d.comb += [
            holds.eq(entry.node == self.node),
            replicates.eq(entry.replica == self.node),
            *(row[name].eq(entry[name]) for name in ("node", "replica", "version", "permissions")),
            row.permissions.moving.eq(entry.permissions.moving & _changes(entry.permissions)),
            row.size.eq(entry.size),
        ]
        with m.If(holds):
            m.d.comb += row.place.eq(entry.base)
        with m.Elif(replicates):
            m.d.comb += row.place.eq(entry.replica_base)
        with m.Elif(entry.checked):
            m.d.comb += [row.place.eq(entry.checksum), row.permissions.moving.eq(1)]

    def _unpack(self, m, row, result):
        """The result that `row` stands for."""
        same = ("node", "replica", "size", "version", "permissions")
        m.d.comb += [
            *(result[name].eq(row[name]) for name in same),
            result.base.eq(row.place),
            result.checksum.eq(row.place),
            result.permissions.moving.eq(row.permissions.moving & _changes(row.permissions)),
            result.checked.eq(row.permissions.moving & ~_changes(row.permissions)),
        ]


def _changes(permissions):
    """Whether somebody may write, or add."""
    return permissions.write | permissions.accumulate


def _number(one):
    """Number of the only bit of `one` that is set."""
    width = max(1, (len(one) - 1).bit_length())
    return Cat(
        Cat(bit for number, bit in enumerate(one) if number >> place & 1).any()
        for place in range(width)
    )
