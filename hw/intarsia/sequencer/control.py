"""Runs the instructions of control streams."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import GroupRequest, SyncRequest
from intarsia.isa.address import CONTEXT
from intarsia.isa.instruction import TOKENS, ControlOp, DeclareGroup, Notify, Sync
from intarsia.sequencer.parts import TokenChange
from intarsia.sequencer.station import Body

__all__ = ["Control"]

#: Most rings that are counted.
RINGS_MAX = 255


class Control(wiring.Component):
    """Runs DOORBELL, SYNC, DECLARE_GROUP and NOTIFY.

    A SYNC leaves at once, as far as the stream is concerned, so that control streams of other
    contexts can go on; `syncing` keeps the context's own one from doing so. Its tokens are given
    when it completes.

    Parameters
    ----------
    contexts : int

    Members
    -------
    job : In(stream.Signature(Body(1)))
    context : In(CONTEXT)
        Of the job.
    done : Out(1)
        The job accepted in the cycle before is complete.
    ring : In(stream.Signature(CONTEXT, always_ready=True))
    rung : Out(contexts)
        Contexts with a ring. DOORBELL may be given for those only.
    lingering : In(contexts)
        Contexts whose next instruction is a patient DOORBELL that lacks a ring, and that alone.
    forget : In(contexts)
        Contexts that don't run: they wait for nobody.
    hush : In(contexts)
        Contexts whose rings are dropped.
    sync : Out(stream.Signature(SyncRequest))
    sync_done : In(stream.Signature(CONTEXT, always_ready=True))
        A context's SYNC has completed.
    declare : Out(stream.Signature(GroupRequest))
    notify : Out(stream.Signature(Notify, always_ready=True))
    syncing : Out(contexts)
    patient : Out(contexts)
        Contexts that wait patiently, in a SYNC or for a ring.
    give : Out(stream.Signature(TokenChange))
        Tokens of a SYNC that has completed.
    """

    def __init__(self, *, contexts):
        self.contexts = contexts
        super().__init__({
            "job": In(stream.Signature(Body(1))),
            "context": In(CONTEXT),
            "done": Out(1),
            "ring": In(stream.Signature(CONTEXT, always_ready=True)),
            "rung": Out(contexts),
            "lingering": In(contexts),
            "forget": In(contexts),
            "hush": In(contexts),
            "sync": Out(stream.Signature(SyncRequest)),
            "sync_done": In(stream.Signature(CONTEXT, always_ready=True)),
            "declare": Out(stream.Signature(GroupRequest)),
            "notify": Out(stream.Signature(Notify, always_ready=True)),
            "syncing": Out(contexts),
            "patient": Out(contexts),
            "give": Out(stream.Signature(TokenChange)),
        })

    def elaborate(self, platform):
        m = Module()

        header = self.job.p.header
        body = self.job.p.units[0]
        m.d.comb += [
            self.sync.p.group.eq(Sync(body).group),
            self.sync.p.esp.eq(Sync(body).esp),
            self.sync.p.context.eq(self.context),
            self.declare.p.group.eq(DeclareGroup(body)),
            self.declare.p.context.eq(self.context),
            self.notify.p.eq(Notify(body)),
        ]
        begins = Signal()
        answers = Signal()
        with m.If(self.job.valid):
            with m.Switch(header.opcode):
                with m.Case(ControlOp.SYNC.value):
                    m.d.comb += [self.sync.valid.eq(1), self.job.ready.eq(self.sync.ready)]
                    m.d.comb += begins.eq(self.sync.ready)
                with m.Case(ControlOp.DECLARE_GROUP.value):
                    m.d.comb += [self.declare.valid.eq(1), self.job.ready.eq(self.declare.ready)]
                with m.Case(ControlOp.NOTIFY.value):
                    m.d.comb += [self.notify.valid.eq(1), self.job.ready.eq(1)]
                with m.Default():
                    m.d.comb += [answers.eq(1), self.job.ready.eq(1)]
        m.d.sync += self.done.eq(self.job.valid & self.job.ready)

        self._count_rings(m, answers)
        self._await(m, begins, answers, header)
        return m

    def _count_rings(self, m, answers):
        counts = [Signal(range(RINGS_MAX + 1), name=f"rings{n}") for n in range(self.contexts)]
        m.d.comb += self.rung.eq(Cat(rings.any() for rings in counts))
        with m.If(answers | self.ring.valid | self.hush.any()):
            for n, rings in enumerate(counts):
                answered = Signal(name=f"answered{n}")
                rung = Signal(name=f"rung{n}")
                m.d.comb += [
                    answered.eq(answers & (self.context == n) & (rings != 0)),
                    rung.eq(self.ring.valid & (self.ring.p == n)),
                ]
                with m.If(self.hush[n]):
                    m.d.sync += rings.eq(0)
                with m.Elif(answered & ~rung):
                    m.d.sync += rings.eq(rings - 1)
                with m.Elif(rung & ~answered & (rings != RINGS_MAX)):
                    m.d.sync += rings.eq(rings + 1)

    def _await(self, m, begins, answers, header):
        """Contexts that wait for others or for the host, until they need not any more."""
        m.submodules.signals = signals = memory.Memory(shape=TOKENS, depth=self.contexts, init=[])
        given, kept = signals.read_port(domain="comb"), signals.write_port()
        own = Signal(self.contexts)
        barred = Signal(self.contexts)
        lingering = Signal(self.contexts)
        opened = Signal(self.contexts)
        arrived = Signal(self.contexts)
        begun = Signal(self.contexts)
        leaving = Signal(self.contexts)
        m.d.comb += [
            own.eq(1 << self.context),
            kept.addr.eq(self.context),
            kept.data.eq(header.signal),
            given.addr.eq(self.give.p.context),
            self.give.p.mask.eq(given.data),
        ]
        with m.If(begins):
            m.d.comb += begun.eq(own)
            m.d.comb += kept.en.eq(1)
        with m.If(self.sync_done.valid):
            m.d.comb += arrived.eq((1 << self.sync_done.p) & self.syncing)
        with m.If(opened.any()):
            m.d.comb += self.give.valid.eq(1)
            for n in reversed(range(self.contexts)):
                with m.If(opened[n]):
                    m.d.comb += self.give.p.context.eq(n)
            with m.If(self.give.ready):
                m.d.comb += leaving.eq(1 << self.give.p.context)

        m.d.comb += self.patient.eq(barred | lingering)

        waits = self.syncing | opened | lingering
        news = begun | arrived | leaving | self.lingering | (waits & self.forget)
        with m.If(news.any() | answers):
            m.d.sync += [
                self.syncing.eq((self.syncing | begun) & ~leaving & ~self.forget),
                barred.eq((barred | Mux(header.flags.any(), begun, 0)) & ~leaving & ~self.forget),
                opened.eq((opened | arrived) & ~leaving & ~self.forget),
                lingering.eq((lingering | self.lingering) & ~Mux(answers, own, 0) & ~self.forget),
            ]
