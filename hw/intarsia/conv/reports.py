"""Faults of the two jobs that the engine may hold: one is computed, the one before drained."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import CONTEXT, LOCAL
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import Stream

__all__ = ["DamageReports"]


class DamageReports(wiring.Component):
    """Reports the first damaged vector of each job, and remembers that the job has failed.

    Members
    -------
    begin : In(1)
        A job begins to be computed.
    hand_over : In(1)
        It begins to be drained, too.
    shared : In(1)
        It has been handed over, and is still being computed.
    computed_context, drained_context : In(CONTEXT)
    computed, drained : In(stream.Signature(LOCAL, always_ready=True))
        Address of a damaged vector that computing, or draining, has read.
    suppress : Out(1)
        The job that is drained has failed.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
        A cycle or two after the vector.
    """

    begin: In(1)
    hand_over: In(1)
    shared: In(1)
    computed_context: In(CONTEXT)
    drained_context: In(CONTEXT)
    computed: In(stream.Signature(LOCAL, always_ready=True))
    drained: In(stream.Signature(LOCAL, always_ready=True))
    suppress: Out(1)
    fault: Out(stream.Signature(FaultReport, always_ready=True))

    def elaborate(self, platform):
        m = Module()

        computed_failed = Signal()
        computed_fails, drained_fails = Signal(), Signal()
        m.d.comb += [
            computed_fails.eq(self.computed.valid & ~computed_failed),
            drained_fails.eq(self.drained.valid & ~self.suppress & ~(self.shared & computed_fails)),
        ]
        with m.If(computed_fails | (drained_fails & self.shared)):
            m.d.sync += computed_failed.eq(1)
        with m.If(drained_fails | (computed_fails & self.shared)):
            m.d.sync += self.suppress.eq(1)
        with m.If(self.hand_over):
            m.d.sync += self.suppress.eq(computed_failed | computed_fails)
        with m.If(self.begin):
            m.d.sync += computed_failed.eq(0)

        # Two may fail at once.
        computed_waits, drained_waits = Signal(), Signal()
        address = {name: Signal(LOCAL, name=f"{name}_address") for name in ("computed", "drained")}
        report = self.fault.p
        m.d.comb += [
            self.fault.valid.eq(computed_waits | drained_waits),
            report.code.eq(FaultCode.PARITY),
            report.engine.eq(Stream.CONV.value),
            report.address.eq(Mux(drained_waits, address["drained"], address["computed"])),
            report.context.eq(
                Mux(drained_waits, self.drained_context, self.computed_context),
            ),
        ]
        with m.If(~drained_waits):
            m.d.sync += computed_waits.eq(0)
        m.d.sync += drained_waits.eq(drained_fails)
        with m.If(computed_fails):
            m.d.sync += [computed_waits.eq(1), address["computed"].eq(self.computed.p)]
        with m.If(drained_fails):
            m.d.sync += address["drained"].eq(self.drained.p)

        return m
