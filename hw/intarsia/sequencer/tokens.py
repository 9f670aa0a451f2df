"""Token counters of all contexts."""

from amaranth import *
from amaranth.lib import data, enum, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import CONTEXT
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import TOKEN_MAX, TOKENS, Stream
from intarsia.sequencer.parts import TokenChange

__all__ = ["Tokens"]


class _Change(enum.Enum, shape=2):
    CLEAR = 0
    GIVE = 1
    TAKE = 2


class Tokens(wiring.Component):
    """Counts tokens. One change of one context's counters is accepted in every other cycle.

    Priority has `clear`, then `give` in order, then `take` in order. What a change does to
    `available` is seen two cycles after it was accepted; no other change is accepted before. A
    counter at its highest value stays there, and is reported.

    Counters survive reset: they mean something only once they are cleared.

    Parameters
    ----------
    contexts : int
    givers : sequence of Stream
        For each giver, the stream whose instructions it speaks for.
    takers : int

    Members
    -------
    clear : In(stream.Signature(CONTEXT))
        Makes all counters of a context zero.
    give0, give1, … : In(stream.Signature(TokenChange))
        Adds one to each counter that is named.
    take0, take1, … : In(stream.Signature(TokenChange))
        Takes one from each counter that is named; valid only if all of those are available. May be
        withdrawn.
    available : Out(TOKENS).array(contexts)
        Which counters are above zero.
    changed : Out(contexts)
        Whose counters have become available in the cycle before.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    """

    def __init__(self, *, contexts, givers, takers):
        self.contexts = contexts
        super().__init__({
            "clear": In(stream.Signature(CONTEXT)),
            **{f"give{n}": In(stream.Signature(TokenChange)) for n in range(len(givers))},
            **{f"take{n}": In(stream.Signature(TokenChange)) for n in range(takers)},
            "available": Out(TOKENS).array(contexts),
            "changed": Out(contexts),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
        })
        self.givers = givers
        self._givers = [getattr(self, f"give{n}") for n in range(len(givers))]
        self._takers = [getattr(self, f"take{n}") for n in range(takers)]

    def elaborate(self, platform):
        m = Module()

        counter = Signal(range(TOKEN_MAX + 1)).shape()
        m.submodules.counters = counters = memory.Memory(
            shape=data.ArrayLayout(counter, TOKENS), depth=self.contexts, init=[]
        )
        read = counters.read_port()
        write = counters.write_port()

        busy = Signal()
        change = Signal(_Change)
        source = Signal(Stream)
        pending = Signal(TokenChange, reset_less=True)
        chosen = Signal(TokenChange)
        m.d.comb += [read.addr.eq(chosen.context), write.addr.eq(pending.context)]

        with m.If(busy):
            m.d.sync += busy.eq(0)
        with m.Elif(self.clear.valid):
            m.d.comb += [self.clear.ready.eq(1), chosen.context.eq(self.clear.p)]
            m.d.comb += chosen.mask.eq(~0)
            m.d.sync += [busy.eq(1), change.eq(_Change.CLEAR), pending.eq(chosen)]
        for kind, ports in ((_Change.GIVE, self._givers), (_Change.TAKE, self._takers)):
            for n, port in enumerate(ports):
                with m.Elif(port.valid):
                    m.d.comb += [port.ready.eq(1), chosen.eq(port.p)]
                    m.d.sync += [busy.eq(1), change.eq(kind), pending.eq(chosen)]
                    if kind is _Change.GIVE:
                        m.d.sync += source.eq(self.givers[n])

        above = Signal(TOKENS)
        full = Signal(TOKENS)
        with m.If(busy):
            m.d.comb += write.en.eq(1)
            with m.If(change != _Change.CLEAR):
                for n, count in enumerate(read.data):
                    one = pending.mask[n] & ~full[n]
                    down = one & (change == _Change.TAKE)
                    m.d.comb += write.data[n].eq(count + Cat(one, down).as_signed())
            with m.Switch(change):
                with m.Case(_Change.CLEAR):
                    m.d.comb += above.eq(0)
                with m.Case(_Change.GIVE):
                    m.d.comb += above.eq(~0)
                    m.d.comb += full.eq(
                        pending.mask & Cat(read.data[n] == TOKEN_MAX for n in range(TOKENS))
                    )
                with m.Case(_Change.TAKE):
                    m.d.comb += above.eq(Cat(read.data[n] != 1 for n in range(TOKENS)))
            with m.Switch(pending.context):
                for n, available in enumerate(self.available):
                    with m.Case(n):
                        m.d.sync += available.eq(
                            (available & ~pending.mask) | (above & pending.mask)
                        )

        # Contexts that wait look again when this says so; a token that was there already can't be
        # what they wait for.
        m.d.sync += self.changed.eq(0)
        with m.If(busy & (change == _Change.GIVE)):
            m.d.sync += self.changed.eq(1 << pending.context)

        with m.If(full.any()):
            m.d.comb += [
                self.fault.valid.eq(1),
                self.fault.p.code.eq(FaultCode.TOKEN),
                self.fault.p.engine.eq(source),
                self.fault.p.context.eq(pending.context),
            ]
            for n in reversed(range(TOKENS)):
                with m.If(full[n]):
                    m.d.comb += self.fault.p.info.eq(n)

        return m
