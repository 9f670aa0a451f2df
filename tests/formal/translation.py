"""Claims about translations that are recalled while they are used."""

from dataclasses import replace

from amaranth import Signal, Value
from amaranth.hdl import Assert, Assume

from intarsia.atu.cache import Atu
from intarsia.isa.config import config
from intarsia.isa.fragment import FRAGMENT_FORMAT
from tests.formal.proof import Proof

#: Questions that are followed.
QUESTIONS = 4


class NoStaleHit(Proof):
    """Once an invalidation is acknowledged, nothing older is found, and no responder goes by it.

    What homes say is new in answers to questions that were asked after the invalidation came, and
    may be old in others. A responder is not quiet as long as it goes by something old. Anything may
    be asked for ahead.
    """

    depth = 10
    relays = False

    def describe(self, m):
        small = replace(config("tiny"), atu_sets=1, atu_ways=1, atu_ahead=1, relays=self.relays)
        m.submodules.dut = self.dut = dut = Atu(config=small)
        order, done = dut.invalidation, dut.invalidated
        ordered, acknowledged = Signal(), Signal()
        m.d.comb += [
            order.valid.eq(self.anything(1, "orders") & ~ordered),
            done.ready.eq(self.anything(1, "hears")),
        ]
        comes = order.valid & order.ready
        with m.If(comes):
            m.d.sync += ordered.eq(1)
        with m.If(done.valid & done.ready):
            m.d.sync += acknowledged.eq(1)

        # The key is all zero, or the only other one that is asked for.
        asked, newer = Signal(QUESTIONS), Signal(QUESTIONS)
        number = dut.question.p.number
        m.d.comb += dut.question.ready.eq(self.anything(1, "asks"))
        with m.If(dut.question.valid & dut.question.ready):
            m.d.comb += Assume(number < QUESTIONS)
            m.d.sync += asked.bit_select(number[:2], 1).eq(1)
            m.d.sync += newer.bit_select(number[:2], 1).eq(ordered | comes)

        answer = dut.answer
        new, about = self.anything(1, "new"), self.anything(1, "about")
        told = self.anything(2, "told")
        m.d.comb += [
            answer.valid.eq(self.anything(1, "answers") & asked.bit_select(told, 1)),
            answer.p.number.eq(told),
            answer.p.entry.data_id.eq(about),
            answer.p.entry.entry_format.eq(FRAGMENT_FORMAT),
            answer.p.entry.version.eq(new),
            Assume(new | ~newer.bit_select(told, 1)),
        ]

        m.d.comb += [
            dut.ahead.valid.eq(self.anything(1, "names")),
            dut.ahead.p.data_id.eq(self.anything(1, "named")),
        ]
        goes_by_old = Signal()
        for n, asker in enumerate((dut.requester, dut.responder)):
            request, result = asker.request, asker.result
            which = self.anything(1, f"which{n}")
            m.d.comb += [
                request.valid.eq(self.anything(1, f"looks{n}")),
                request.p.data_id.eq(which),
                request.p.fresh.eq(self.anything(1, f"fresh{n}")),
            ]
            ours = Signal(name=f"ours{n}")
            with m.If(request.valid & request.ready):
                m.d.sync += ours.eq(~which)
            old = ours & result.valid & result.p.hit & ~result.p.version[0]
            m.d.comb += Assert(~(acknowledged & old))
            if asker is dut.responder:
                quiet = self.anything(1, "quiet")
                m.d.comb += [dut.quiet.eq(quiet), Assume(~(quiet & (goes_by_old | old)))]
                m.d.sync += goes_by_old.eq((goes_by_old | old) & self.anything(1, "goes_on"))
        m.d.comb += Assert(~(done.valid & goes_by_old))


class NoStaleHitWithRelays(NoStaleHit):
    """The same, where it is chosen a cycle before what is done; whoever waits goes on to do so."""

    depth = 11
    relays = True

    def describe(self, m):
        super().describe(m)
        dut = self.dut
        askers = (dut.requester.request, dut.responder.request)
        for n, port in enumerate((dut.invalidation, dut.answer, dut.ahead, *askers)):
            payload = Value.cast(port.payload)
            refused, last = Signal(name=f"refused{n}"), Signal.like(payload, name=f"last{n}")
            m.d.sync += [refused.eq(port.valid & ~port.ready), last.eq(payload)]
            m.d.comb += Assume(~refused | (port.valid & (payload == last)))
