"""Cache of the fragment map."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In
from amaranth.utils import exact_log2

from intarsia.common.lookup import Lookup, LookupRequest, LookupResult, MapCommand, MapOperation
from intarsia.isa.address import DATA_ID
from intarsia.isa.fragment import FRAGMENT_FORMAT, atu_set

__all__ = ["Atu"]


class _Row(data.Struct):
    """One way of one set."""

    data_id: DATA_ID
    fragment: 16
    result: LookupResult


class Atu(wiring.Component):
    """Says which node holds a fragment, where, and what others may do with it.

    Keeps ``config.atu_ways`` entries in each of ``config.atu_sets`` sets. One look-up is accepted
    per cycle; its result comes in the next. Where both ports ask, they take turns. A command goes
    before look-ups and takes two cycles, in which none is accepted: look-ups accepted after a
    command see what it did.

    FILL replaces the entry of the same data ID and fragment; else it takes a way that is not in
    use, the lowest first; else the ways of the set in turn. An entry that can't be kept (its format
    is not FRAGMENT_FORMAT, or a reserved field isn't zero) leaves the map without that data ID and
    fragment. After a reset the cache is empty.

    A fragment that isn't in the cache is a miss, and nothing else; nobody is asked for it.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    requester, responder : In(Lookup())
        Who asks: the remote queue, and the responder.
    command : In(stream.Signature(MapCommand))
        Changes, from the host. Accepted when they are done.
    """

    def __init__(self, *, config):
        exact_log2(config.atu_sets)
        self.config = config
        super().__init__({
            "requester": In(Lookup()),
            "responder": In(Lookup()),
            "command": In(stream.Signature(MapCommand)),
        })

    def elaborate(self, platform):
        m = Module()
        sets, ways = self.config.atu_sets, self.config.atu_ways
        askers = (self.requester, self.responder)
        command = self.command.p

        # Asked: a set is read. Answered, in the next cycle: its ways are compared with the key.
        key = Signal(LookupRequest)
        index = Signal(range(sets))
        asked = Signal()
        key_answered = Signal.like(key, reset_less=True)
        index_answered = Signal.like(index, reset_less=True)
        asker_answered = Signal(len(askers))
        changing = Signal()
        m.d.comb += index.eq(atu_set(key.data_id, key.fragment, sets))
        m.d.sync += asker_answered.eq(0)
        with m.If(asked):
            m.d.sync += [key_answered.eq(key), index_answered.eq(index)]

        # A command is held by its producer until the cycle in which its set is compared.
        turn = Signal()
        with m.If(changing):
            m.d.comb += self.command.ready.eq(1)
            m.d.sync += changing.eq(0)
        with m.Elif(self.command.valid):
            m.d.comb += [
                key.data_id.eq(command.entry.data_id),
                key.fragment.eq(command.entry.fragment),
                asked.eq(1),
            ]
            m.d.sync += changing.eq(1)
        with m.Else():
            granted = Mux(turn & self.responder.request.valid, 1, ~self.requester.request.valid)
            for number, asker in enumerate(askers):
                with m.If(granted == number):
                    m.d.comb += [
                        key.eq(asker.request.p),
                        asked.eq(asker.request.valid),
                        asker.request.ready.eq(1),
                    ]
                    with m.If(asker.request.valid):
                        m.d.sync += [turn.eq(1 - number), asker_answered[number].eq(1)]

        used = [Signal(sets, name=f"used_{way}") for way in range(ways)]
        found = Signal(ways)
        present = Signal(ways)
        replaced = Signal(ways)
        result = Signal(LookupResult)
        storable = Signal()
        m.d.comb += storable.eq(
            (command.operation == MapOperation.FILL)
            & (command.entry.entry_format == FRAGMENT_FORMAT)
            & (command.entry.permissions.reserved == 0)
            & (command.entry.reserved == 0)
        )
        for way in range(ways):
            # No set is read in the cycle in which one is written.
            rows = memory.Memory(shape=_Row, depth=sets, init=[])
            m.submodules[f"way_{way}"] = rows
            read = rows.read_port(transparent_for=())
            write = rows.write_port()
            with m.If(asked):
                m.d.sync += present[way].eq(used[way].bit_select(index, 1))
            m.d.comb += [
                read.addr.eq(index),
                read.en.eq(asked),
                found[way].eq(
                    present[way]
                    & (read.data.data_id == key_answered.data_id)
                    & (read.data.fragment == key_answered.fragment)
                ),
                write.addr.eq(index_answered),
                write.data.data_id.eq(command.entry.data_id),
                write.data.fragment.eq(command.entry.fragment),
                write.data.result.hit.eq(1),
                *(
                    write.data.result[field].eq(command.entry[field])
                    for field in ("node", "base", "size", "version", "permissions")
                ),
                write.en.eq(changing & storable & replaced[way]),
            ]
            with m.If(found[way]):
                m.d.comb += result.eq(read.data.result)
            with m.If(changing):
                with m.If(command.operation == MapOperation.REMOVE_ALL):
                    m.d.sync += used[way].eq(0)
                with m.Elif(storable):
                    with m.If(replaced[way]):
                        m.d.sync += used[way].bit_select(index_answered, 1).eq(1)
                with m.Elif((command.operation != MapOperation.NONE) & found[way]):
                    m.d.sync += used[way].bit_select(index_answered, 1).eq(0)

        for number, asker in enumerate(askers):
            m.d.comb += [
                asker.result.p.eq(result),
                asker.result.valid.eq(asker_answered[number]),
            ]

        victims = Signal(data.ArrayLayout(range(ways), sets))
        victim = victims[index_answered]
        free = ~present
        with m.If(found.any()):
            m.d.comb += replaced.eq(found)
        with m.Elif(free.any()):
            m.d.comb += replaced.eq(free & -free)
        with m.Else():
            m.d.comb += replaced.eq(1 << victim)
            with m.If(changing & storable):
                m.d.sync += victim.eq(Mux(victim == ways - 1, 0, victim + 1))

        return m
