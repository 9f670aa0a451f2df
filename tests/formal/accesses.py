"""Claims about tables, and who may access what."""

from dataclasses import replace

from amaranth import Const, Mux, Signal, Value
from amaranth.hdl import Assert, Assume

from intarsia.atu.cache import Atu
from intarsia.common.lookup import AccessCheck, MapCommand, MapOperation
from intarsia.dma.descriptor import DescriptorCheck
from intarsia.dma.transactions import IN_FLIGHT, Request, Transactions
from intarsia.isa.address import LOCAL, PAYLOAD_MAX
from intarsia.isa.config import config
from intarsia.isa.faults import FaultCode
from intarsia.isa.packet import TransactionNumber
from intarsia.isa.transfer import LocalDescriptor
from intarsia.sequencer.slots import SlotTable
from tests.formal.proof import Proof

TINY = config("tiny")


class SlotsAreThoseOfTheHost(Proof):
    """A slot is what the host has said last; what can't exist is nothing."""

    depth = 5

    def describe(self, m):
        m.submodules.dut = dut = SlotTable(config=replace(TINY, slots=4))
        write = self.anything(dut.write.payload.shape(), "write")
        read = self.anything(dut.read.shape(), "read")
        which = self.something(m, dut.read.shape(), "which")
        m.d.comb += [
            dut.write.p.eq(write),
            dut.write.valid.eq(self.anything(1, "writes")),
            dut.read.eq(read),
            Assume((write.context < 2) & (write.slot < 4)),
            Assume((read.context < 2) & (which.context < 2) & (which.slot < 4)),
        ]
        known, entry = Signal(), Signal.like(write.entry)
        ours = (write.context == which.context) & (write.slot == which.slot)
        with m.If(dut.write.valid & ours):
            m.d.sync += [known.eq(1), entry.eq(write.entry)]
        asked, beyond, expected = Signal(), Signal(), Signal.like(write.entry)
        m.d.sync += [
            asked.eq(known & (read.context == which.context) & (read.slot == which.slot)),
            beyond.eq(read.slot >= 4),
            expected.eq(entry),
        ]
        with m.If(asked):
            m.d.comb += Assert(Value.cast(dut.entry) == Value.cast(expected))
        with m.If(beyond):
            m.d.comb += Assert(Value.cast(dut.entry) == 0)


class NoStaleTranslation(Proof):
    """After a command, the ATU hits what that filled, and never what it removed or replaced."""

    depth = 6

    def describe(self, m):
        m.submodules.dut = dut = Atu(config=replace(TINY, atu_sets=2, atu_ways=2, atu_ahead=1))
        key = self.something(m, dut.requester.request.payload.shape(), "key")
        command = self.anything(MapCommand, "command")
        m.d.comb += [dut.command.p.eq(command), dut.command.valid.eq(self.anything(1, "commands"))]
        held, before = Signal(), Signal(MapCommand)
        m.d.sync += [held.eq(dut.command.valid & ~dut.command.ready), before.eq(command)]
        with m.If(held):
            m.d.comb += Assume(dut.command.valid)
            m.d.comb += Assume(Value.cast(command) == Value.cast(before))
        # No replica lies at this node, 0; fragments are not larger than may be.
        m.d.comb += Assume(command.entry.replica == 1)
        m.d.comb += Assume(command.entry.size < 1 << LOCAL.width)

        # What the map may still say of the key, and whether anything.
        entry = command.entry
        kept, known = Signal(), Signal.like(entry)
        ours = (entry.data_id == key.data_id) & (entry.fragment == key.fragment)
        with m.If(dut.command.valid & dut.command.ready):
            with m.If(command.operation == MapOperation.REMOVE_ALL):
                m.d.sync += kept.eq(0)
            with m.Elif(ours & (command.operation == MapOperation.REMOVE)):
                m.d.sync += kept.eq(0)
            with m.Elif(ours & (command.operation == MapOperation.FILL)):
                m.d.sync += [kept.eq(1), known.eq(entry)]
        for n, asker in enumerate((dut.requester, dut.responder)):
            request = self.anything(key.shape(), f"request{n}")
            m.d.comb += [
                asker.request.p.eq(request),
                asker.request.valid.eq(self.anything(1, f"asks{n}")),
            ]
            asked, may_hit, expected = Signal(), Signal(), Signal.like(entry)
            accepted = asker.request.valid & asker.request.ready
            m.d.sync += [
                asked.eq(accepted & (Value.cast(request) == Value.cast(key))),
                may_hit.eq(kept),
                expected.eq(known),
            ]
            with m.If(asked & asker.result.p.hit):
                m.d.comb += Assert(may_hit)
                result = asker.result.p
                for field in ("node", "size", "version"):
                    found = Value.cast(result[field])
                    m.d.comb += Assert(found == expected[field][: len(found)])
                # Of what lies elsewhere, it is not the place that counts, but the checksum.
                with m.If(expected.node == 0):
                    m.d.comb += Assert(result.base == expected.base[: len(result.base)])
                with m.Else():
                    m.d.comb += Assert(result.checked == expected.checked)
                with m.If(result.checked):
                    m.d.comb += Assert((expected.node != 0) & expected.checked)
                    m.d.comb += Assert(result.checksum == expected.checksum)


class AccessesStayInside(Proof):
    """What passes is permitted, is of the version that the map has, and lies in the fragment."""

    induction = True
    depth = 2

    def describe(self, m):
        m.submodules.dut = dut = AccessCheck()
        entry = self.anything(dut.entry.shape(), "entry")
        access = self.anything(dut.access.shape(), "access")
        m.d.comb += [dut.entry.eq(entry), dut.access.eq(access)]
        end = Signal(33)
        m.d.comb += end.eq(access.offset + access.length)
        may = Mux(
            access.accumulate,
            entry.permissions.accumulate,
            access.holder | Mux(access.write, entry.permissions.write, entry.permissions.read),
        )
        moves = access.elsewhere | (access.write & entry.permissions.moving)
        passes = (
            entry.hit
            & may
            & ~moves
            & (access.version == entry.version)
            & (access.length > 0)
            & (access.length <= PAYLOAD_MAX)
            & (end <= entry.size)
        )
        m.d.comb += Assert((dut.fault == FaultCode.NONE) == passes)


class DescriptorsAreChecked(Proof):
    """Reserved fields that are not zero, and zeros where none may be, are found."""

    induction = True
    depth = 2

    def describe(self, m):
        nonzero = ("row_bytes", "rows")
        m.submodules.dut = dut = DescriptorCheck(LocalDescriptor, nonzero=nonzero)
        descriptor = self.anything(LocalDescriptor, "descriptor")
        m.d.comb += dut.descriptor.eq(descriptor)
        wrong = Const(0)
        for name, _ in LocalDescriptor.as_shape():
            value = Value.cast(descriptor[name])
            if name.startswith("reserved"):
                wrong = wrong | value.any()
            elif name in nonzero:
                wrong = wrong | (value == 0)
        m.d.comb += Assert(dut.faulty == wrong)


class TransactionsAreUnique(Proof):
    """A request is due in its turn, and then known under its number alone, until it is closed."""

    depth = 6
    relays = False

    def describe(self, m):
        m.submodules.dut = dut = Transactions(relays=self.relays)
        opened = self.anything(Request, "opened")
        asked = self.anything(TransactionNumber, "asked")
        kept = Signal(Request)
        m.d.comb += [
            dut.open.p.eq(opened),
            dut.open.valid.eq(self.anything(1, "opens")),
            dut.asks.eq(self.anything(1, "asks")),
            dut.asked.eq(asked),
            dut.take.eq(dut.due & self.anything(1, "takes")),
        ]
        # Only what was taken, and is not closed, is closed.
        there, closed = Signal(IN_FLIGHT), Signal(IN_FLIGHT)
        for port, name in ((dut.close, "closed"), (dut.drop, "dropped")):
            m.d.comb += [
                port.p.eq(self.anything(port.payload.shape(), name)),
                port.valid.eq(self.anything(1, f"{name}_")),
                Assume(~port.valid | there.bit_select(port.p, 1)),
            ]
        both = [Mux(port.valid, 1 << port.p, 0) for port in (dut.close, dut.drop)]
        taken = Mux(dut.take, 1 << dut.place, 0)
        m.d.comb += closed.eq(both[0] | both[1])
        m.d.sync += there.eq(there & ~closed | taken)

        # One request is followed: when it is opened, so many before it are not taken yet.
        before, waits, known = Signal(range(2 * IN_FLIGHT)), Signal(), Signal()
        waiting, number = Signal.like(before), Signal(TransactionNumber)
        opens = dut.open.valid & dut.open.ready
        m.d.sync += waiting.eq(waiting + opens - dut.take)
        fields = [name for name, _ in Request.as_shape() if name != "count"]

        def is_kept():
            return [
                Assert(Value.cast(dut.found[name]) == Value.cast(kept[name])) for name in fields
            ]

        with m.If(opens & self.anything(1, "follows") & ~waits & ~known):
            m.d.sync += [waits.eq(1), kept.eq(opened), before.eq(waiting - dut.take)]
        with m.Elif(waits & dut.take):
            m.d.sync += before.eq(before - 1)
            with m.If(before == 0):
                m.d.comb += is_kept()
                m.d.sync += [
                    waits.eq(0),
                    known.eq(1),
                    number.place.eq(dut.place),
                    number.count.eq(dut.found.count),
                ]
        with m.Elif(known):
            m.d.comb += Assert(~dut.take | (dut.place != number.place))
            with m.If(dut.asks & (asked.place == number.place) & (asked.count == number.count)):
                m.d.comb += [Assert(dut.known | dut.late), *is_kept()]
            with m.If(closed.bit_select(number.place, 1)):
                m.d.sync += known.eq(0)


class TransactionsChosenBeforeAreUnique(TransactionsAreUnique):
    """The same, where what is due is chosen a cycle before."""

    depth = 7
    relays = True
