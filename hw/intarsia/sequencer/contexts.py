"""Which contexts run."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import CONTEXT
from intarsia.isa.instruction import Stream

__all__ = ["Contexts"]


class Contexts(wiring.Component):
    """Starts contexts, stops them, and notices when they have come to their end.

    A context runs from the cycle after its start until all of its streams have ended and nothing of
    it is under way. One that is stopped, or has a fault, loses all of its streams at once; what has
    started goes on until it is complete.

    Parameters
    ----------
    contexts : int

    Members
    -------
    start : In(stream.Signature(CONTEXT, always_ready=True))
        Must not run.
    stop : In(stream.Signature(CONTEXT, always_ready=True))
    faulty : In(contexts)
        Contexts that a fault belongs to.
    ended : In(contexts).array(len(Stream))
        Streams that have come to their end.
    held : In(contexts)
        Contexts that have something under way.
    begin : Out(stream.Signature(CONTEXT))
        Context whose program is to be started. Accepted with `streams`, those that it has.
    streams : In(len(Stream))
    alive : Out(contexts).array(len(Stream))
        By stream, contexts that have not come to its end.
    stopped : Out(contexts)
        Contexts that were stopped, or had a fault, in the cycle before.
    running, faulted : Out(contexts)
    """

    def __init__(self, *, contexts):
        self.contexts = contexts
        super().__init__({
            "start": In(stream.Signature(CONTEXT, always_ready=True)),
            "stop": In(stream.Signature(CONTEXT, always_ready=True)),
            "faulty": In(contexts),
            "ended": In(contexts).array(len(Stream)),
            "held": In(contexts),
            "begin": Out(stream.Signature(CONTEXT)),
            "streams": In(len(Stream)),
            "alive": Out(contexts).array(len(Stream)),
            "stopped": Out(contexts),
            "running": Out(contexts),
            "faulted": Out(contexts),
        })

    def elaborate(self, platform):
        m = Module()

        started = Signal(self.contexts)
        killed = Signal(self.contexts)
        with m.If(self.start.valid):
            m.d.comb += started.eq(1 << self.start.p)
        m.d.comb += killed.eq(self.faulty | (self.stop.valid << self.stop.p))
        m.d.sync += self.stopped.eq(killed)

        # A context that is stopped while its program is being started has no streams, in the end.
        waiting = Signal(self.contexts)
        beginning = Signal(self.contexts)
        doomed = Signal()
        born = Signal(self.contexts)
        with m.If(self.begin.valid):
            m.d.comb += beginning.eq(1 << self.begin.p)
            m.d.sync += doomed.eq(doomed | (killed & beginning).any())
            with m.If(self.begin.ready):
                m.d.comb += born.eq(Mux(doomed, 0, beginning))
                m.d.sync += self.begin.valid.eq(0)
        with m.Elif(waiting.any()):
            m.d.sync += self.begin.valid.eq(1)
            for n in reversed(range(self.contexts)):
                with m.If(waiting[n]):
                    m.d.sync += [self.begin.p.eq(n), doomed.eq(killed[n])]
        m.d.sync += waiting.eq((waiting | started) & ~killed & ~beginning)

        lively = Const(0)
        for n, (alive, ended) in enumerate(zip(self.alive, self.ended, strict=True)):
            lively = lively | alive
            m.d.sync += alive.eq((alive & ~ended | Mux(self.streams[n], born, 0)) & ~killed)

        finished = Signal(self.contexts)
        m.d.comb += finished.eq(~(waiting | beginning | lively | self.held))
        m.d.sync += [
            self.running.eq((self.running & ~finished) | started),
            self.faulted.eq((self.faulted & ~started) | (self.faulty & (self.running | started))),
        ]
        return m
