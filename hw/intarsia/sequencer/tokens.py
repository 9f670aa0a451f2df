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

    With `relays`, a change is chosen a cycle before it is accepted, so that much may depend on
    which one it is.

    Counters survive reset: they mean something only once they are cleared.

    Parameters
    ----------
    contexts : int
    givers : sequence of Stream
        For each giver, the stream whose instructions it speaks for.
    takers, askers : int
    relays : bool

    Members
    -------
    clear : In(stream.Signature(CONTEXT))
        Makes all counters of a context zero.
    give0, give1, … : In(stream.Signature(TokenChange))
        Adds one to each counter that is named.
    take0, take1, … : In(stream.Signature(TokenChange))
        Takes one from each counter that is named; valid only if all of those are available. May be
        withdrawn.
    asked : In(CONTEXT).array(askers)
        By asker: the context that it wants to know about.
    available : Out(TOKENS).array(askers)
        By asker: which of its counters are above zero.
    changed : Out(contexts)
        Whose counters have become available in the cycle before.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    """

    def __init__(self, *, contexts, givers, takers, askers, relays=False):
        self.contexts = contexts
        self.relays = relays
        super().__init__({
            "clear": In(stream.Signature(CONTEXT)),
            **{f"give{n}": In(stream.Signature(TokenChange)) for n in range(len(givers))},
            **{f"take{n}": In(stream.Signature(TokenChange)) for n in range(takers)},
            "asked": In(CONTEXT).array(askers),
            "available": Out(TOKENS).array(askers),
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
        taken_on = self._choose(m, ~busy, chosen, change, source)
        m.d.comb += [read.addr.eq(chosen.context), write.addr.eq(pending.context)]
        m.d.sync += busy.eq(taken_on)
        with m.If(taken_on):
            m.d.sync += pending.eq(chosen)

        full = Signal(TOKENS)
        with m.If(busy):
            m.d.comb += write.en.eq(1)
            with m.If(change != _Change.CLEAR):
                for n, count in enumerate(read.data):
                    after, beyond = _counted(count, pending.mask[n], change == _Change.TAKE)
                    m.d.comb += [write.data[n].eq(after), full[n].eq(beyond)]
        self._show(m, write)

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

    def _choose(self, m, free, chosen, change, source):
        """Accept the first change in order. Returns whether there is one."""
        ports = [(self.clear, _Change.CLEAR, Stream.CONTROL)]
        ports += [
            (port, _Change.GIVE, of) for port, of in zip(self._givers, self.givers, strict=True)
        ]
        ports += [(port, _Change.TAKE, Stream.CONTROL) for port in self._takers]
        valid = Cat(port.valid for port, _, _ in ports)
        first = Signal(range(len(ports)))
        for n in reversed(range(len(ports))):
            with m.If(valid[n]):
                m.d.comb += first.eq(n)
        some, accepted = Signal(), Signal()
        looked_at = first
        if self.relays:
            # By then, one that takes may have been withdrawn.
            picked = Signal()
            looked_at = Signal.like(first, name="looked_at")
            m.d.sync += picked.eq(valid.any() & ~picked)
            with m.If(valid.any()):
                m.d.sync += looked_at.eq(first)
            m.d.comb += [accepted.eq(picked), some.eq(picked & valid.bit_select(looked_at, 1))]
        else:
            m.d.comb += [accepted.eq(some), some.eq(valid.any() & free)]
        with m.Switch(looked_at):
            for n, (port, kind, of) in enumerate(ports):
                with m.Case(n):
                    m.d.comb += port.ready.eq(accepted)
                    with m.If(some):
                        m.d.sync += [change.eq(kind), source.eq(of)]
                    if kind is _Change.CLEAR:
                        m.d.comb += chosen.context.eq(port.p)
                    else:
                        m.d.comb += chosen.eq(port.p)
        return some

    def _show(self, m, write):
        """What counters are above zero, for each who asks: in a memory, as a mask by context."""
        m.submodules.masks = masks = memory.Memory(shape=TOKENS, depth=self.contexts, init=[])
        kept = masks.write_port()
        m.d.comb += [kept.en.eq(write.en), kept.addr.eq(write.addr)]
        with m.If(write.en):
            m.d.comb += kept.data.eq(Cat(count.any() for count in write.data))
        for context, available in zip(self.asked, self.available, strict=True):
            port = masks.read_port(domain="comb")
            m.d.comb += [port.addr.eq(context), available.eq(port.data)]


def _counted(count, one, down):
    """`count` and `one` more, or less, and whether it should go beyond TOKEN_MAX, and stays there.

    TOKEN_MAX is what all bits of a counter make, when they are set.
    """
    bits = []
    carry = one
    for bit in count:
        bits.append(bit ^ carry)
        carry = carry & (bit ^ down)
    return Cat(bits) | carry.replicate(len(bits)), carry & ~down
