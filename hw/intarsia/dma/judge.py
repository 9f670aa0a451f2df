"""Whether what other nodes ask for may be done."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.lookup import AccessCheck, LookupResult
from intarsia.dma.adder import SUM_BYTES
from intarsia.dma.performed import Performed
from intarsia.isa.address import NODE, LogicalAddress
from intarsia.isa.faults import FaultCode
from intarsia.isa.packet import PacketHeader, PacketKind
from intarsia.isa.registers import FenceWord

__all__ = ["KINDS", "Judge"]

#: What is judged.
KINDS = (PacketKind.READ, PacketKind.WRITE, PacketKind.ACCUMULATE)


class Judge(wiring.Component):
    """Looks at a request and at what its look-up has found, in the same cycle.

    Sums take a cycle more, to find out whether they were added before.

    Parameters
    ----------
    relays : bool
        All take a cycle more. There is at least one cycle between two requests.

    Members
    -------
    node : In(16)
        This node.
    fence : In(stream.Signature(FenceWord))
        See :class:`~intarsia.dma.performed.Performed`.
    judges : In(1)
        There is a request: READ, WRITE or ACCUMULATE; held, with all that is known of it.
    asked : In(PacketHeader)
    address : In(LogicalAddress)
    entry : In(LookupResult)
    elsewhere : In(1)
        What it is about does not lie at this node.
    reads, sums : Out(1)
        It is a READ, or an ACCUMULATE.
    settled : Out(1)
        The judgement counts in this cycle.
    refusal : Out(FaultCode)
        Why it is refused, or NONE.
    repeated : Out(1)
        It is done already.
    record : In(1)
        With `settled`: its sums are added now.
    """

    node: In(NODE)
    fence: In(stream.Signature(FenceWord))
    judges: In(1)
    asked: In(PacketHeader)
    address: In(LogicalAddress)
    entry: In(LookupResult)
    elsewhere: In(1)
    reads: Out(1)
    sums: Out(1)
    settled: Out(1)
    refusal: Out(FaultCode)
    repeated: Out(1)
    record: In(1)

    def __init__(self, *, relays=False):
        self.relays = relays
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.check = check = AccessCheck()
        m.submodules.performed = performed = Performed()
        wiring.connect(m, wiring.flipped(self.fence), performed.fence)
        asked, address = self.asked, self.address
        misfit = Signal()
        refusal = Signal(FaultCode)
        m.d.comb += [
            self.reads.eq(asked.kind == PacketKind.READ),
            self.sums.eq(asked.kind == PacketKind.ACCUMULATE),
            check.entry.eq(self.entry),
            check.access.write.eq(~self.reads),
            check.access.accumulate.eq(self.sums),
            check.access.holder.eq(asked.source == self.node),
            check.access.elsewhere.eq(self.elsewhere),
            check.access.version.eq(address.version),
            check.access.offset.eq(address.offset),
            check.access.length.eq(asked.length),
            performed.source.eq(asked.source),
            performed.number.as_value().eq(asked.transaction),
            performed.asks.eq(self.judges & self.sums),
            performed.record.eq(self.record),
            self.repeated.eq(self.sums & performed.repeated),
            misfit.eq(self.sums & ((address.offset | asked.length) & (SUM_BYTES - 1)).any()),
            refusal.eq(check.fault),
        ]
        with m.If((check.fault == FaultCode.NONE) & misfit):
            m.d.comb += refusal.eq(FaultCode.BOUNDS)
        known = Signal()
        if self.relays:
            m.d.sync += [known.eq(self.judges), self.refusal.eq(refusal)]
        else:
            m.d.comb += [known.eq(1), self.refusal.eq(refusal)]
        m.d.comb += self.settled.eq(known & (~self.sums | performed.answered))
        return m
