"""Cache of the fragment map."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.atu.entries import Entries
from intarsia.atu.misses import PORTS, Misses
from intarsia.atu.port import Invalidated, Invalidation, MapAnswer, MapQuestion
from intarsia.common.lookup import FragmentKey, Lookup, MapCommand, MapOperation
from intarsia.isa.address import NODE
from intarsia.isa.counters import Activity

__all__ = ["Atu"]


class Atu(wiring.Component):
    """Says which node holds a fragment, where, and what others may do with it.

    Keeps ``config.atu_ways`` entries in each of ``config.atu_sets`` sets. One look-up is accepted
    per cycle; where both ports ask, they take turns. The result of a hit comes in the next cycle. A
    miss is asked of the fragment's home; until the answer is there, its port is not ready, but the
    other one is served. Ports that miss the same fragment ask once.

    What will be looked up soon may be named ahead, when no port asks: if it misses, its home is
    asked, for up to ``config.atu_ahead`` fragments at a time, and nobody waits for that. A port
    that misses such a fragment takes the question over. Until then, an answer that can't be
    believed, or that does not come, is not asked for again.

    What a home says is kept, and looked up again. A home that has not answered for `PATIENCE`
    pulses of ``tick`` is taken for dead, and the fragment's backup home is asked. Where there is no
    such entry, or no answer from that either, the result is a miss.

    A look-up that is to be ``fresh`` misses: what the cache has is dropped, and no answer to
    questions that were asked before it is believed.

    Answers, invalidations and commands go before look-ups, and take a cycle each, in which none is
    accepted: look-ups accepted after a command see what it did. An answer to a question that was
    asked before an invalidation, a REMOVE or a REMOVE_ALL is not believed, and asked for again.

    An invalidation is acknowledged when the responder has come to the end of what it had looked up
    before; meanwhile it can look up nothing new, but gets what it waits for. The next invalidation
    is accepted after that.

    FILL, and the answer of a home, replaces the entry of the same data ID and fragment; else it
    takes a way that is not in use, the lowest first; else ways in turn, whatever the set. An entry
    that can't be kept (its format is not FRAGMENT_FORMAT, a reserved field isn't zero, or it is
    ``checked`` and may be written) leaves the map without that data ID and fragment. After a reset
    the cache is empty.

    With ``config.relays`` each of these takes two cycles: it is chosen, and then done. What waits
    for that must not go away.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    node : In(16)
        This node; replicas that it holds have their place in the result.
    requester, responder : In(Lookup())
        Who asks: the remote queue, and the responder.
    ahead : In(stream.Signature(FragmentKey))
        What will be looked up soon.
    command : In(stream.Signature(MapCommand))
        Changes, from the host.
    question : Out(stream.Signature(MapQuestion))
        To homes. Never changes before it is accepted.
    answer : In(stream.Signature(MapAnswer))
        From homes; that to no question is dropped.
    invalidation : In(stream.Signature(Invalidation))
        From homes: what is to be forgotten.
    invalidated : Out(stream.Signature(Invalidated))
        It is forgotten.
    quiet : In(1)
        The responder has come to the end of whatever it got a result for. Low in the cycle of a
        result at the latest.
    tick : In(1)
        Timebase.
    activity : Out(Activity)
        One cycle per look-up: BUSY, or LINK, where a home is asked; LINK also where one is asked
        ahead.
    """

    def __init__(self, *, config):
        exact_log2(config.atu_sets)
        self.config = config
        super().__init__({
            "node": In(NODE),
            "requester": In(Lookup()),
            "responder": In(Lookup()),
            "ahead": In(stream.Signature(FragmentKey)),
            "command": In(stream.Signature(MapCommand)),
            "question": Out(stream.Signature(MapQuestion)),
            "answer": In(stream.Signature(MapAnswer)),
            "invalidation": In(stream.Signature(Invalidation)),
            "invalidated": Out(stream.Signature(Invalidated)),
            "quiet": In(1),
            "tick": In(1),
            "activity": Out(Activity),
        })

    def elaborate(self, platform):
        m = Module()
        misses = Misses(ahead=self.config.atu_ahead)
        misses.watch(m, self.tick)
        # What is done in this cycle: a look-up for one of the ports, or ahead, or a change.
        key = Signal(FragmentKey)
        fresh = Signal()
        looks = Signal(len(self._askers))
        scouts = Signal()
        change = Signal(MapCommand)
        about = Signal.like(misses.waits)
        self._choose(m, misses, key, about, fresh, looks, scouts, change)
        m.submodules.entries = entries = Entries(config=self.config)
        m.d.comb += [
            entries.node.eq(self.node),
            entries.key.eq(key),
            entries.fresh.eq(fresh),
            entries.looks.eq(looks.any()),
            entries.change.eq(change),
            *(asker.result.p.eq(entries.result) for asker in self._askers),
        ]
        self._conclude(m, misses, key, about, fresh, looks, scouts, entries.found)
        misses.ask(m, self.question)
        return m

    @property
    def _askers(self):
        return self.requester, self.responder

    def _choose(self, m, misses, key, about, fresh, looks, scouts, change):
        """What is done in this cycle."""
        answer = self.answer
        entry = answer.p.entry
        known = entry.entry_format != 0
        answered = Signal.like(misses.waits)
        m.d.comb += answered.eq(
            misses.asked
            & Cat(number == answer.p.number for number in misses.numbers)
            & (about | ~known.replicate(len(about)))
        )
        order, recalled = self.invalidation, self._recall(m)
        held = misses.waits | Cat(0, recalled)
        free = Cat(asker.request.valid & ~held[n] for n, asker in enumerate(self._askers))
        room = misses.free.any()
        turn = Signal()
        # In this order: those whose answer is there, or will not come; changes; look-ups, in turns;
        # and what is named ahead.
        wanted = {
            "again": misses.again.any(),
            "late": misses.late.any(),
            "answer": answer.valid,
            "order": order.valid & ~recalled,
            "command": self.command.valid,
            "ports": free.any(),
            "ahead": self.ahead.valid & room,
        }
        does, port = self._first(m, misses, wanted, Mux(turn, free[1], ~free[0]), key, about)
        with m.If(does["again"]):
            m.d.comb += looks.eq(misses.again & (~misses.again + 1))
            m.d.sync += misses.again.eq(misses.again & ~looks)
        with m.Elif(does["late"]):
            misses.give_up(m)
        with m.Elif(does["answer"]):
            m.d.comb += [answer.ready.eq(1), change.entry.eq(entry)]
            with m.If((answered & ~misses.stale).any() & known):
                m.d.comb += change.operation.eq(MapOperation.FILL)
            misses.answer(m, answered)
        with m.Elif(does["order"]):
            m.d.comb += [order.ready.eq(1), change.operation.eq(MapOperation.REMOVE)]
            misses.doubt(m)
        with m.Elif(does["command"]):
            m.d.comb += [self.command.ready.eq(1), change.eq(self.command.p)]
            with m.If(change.operation != MapOperation.FILL):
                misses.doubt(m)
        with m.Elif(does["ports"]):
            for n, asker in enumerate(self._askers):
                with m.If(port == n):
                    m.d.comb += [
                        fresh.eq(asker.request.p.fresh),
                        looks[n].eq(1),
                        asker.request.ready.eq(1),
                    ]
                    m.d.sync += turn.eq(1 - n)
            with m.If(fresh):
                misses.doubt(m)
        with m.Elif(does["ahead"]):
            m.d.comb += [scouts.eq(1), self.ahead.ready.eq(1)]

    def _first(self, m, misses, wanted, port, key, about):
        """What of `wanted` is done, the first, and for which port.

        Drives `key`, which it is about, and `about`, the places that wait for that.

        With relays it is chosen in one cycle and done in the next. Until then, nothing that is
        wanted goes away.
        """
        names = list(wanted)
        first = Signal(len(names))
        chosen = Signal(FragmentKey)
        abouts = {
            "again": Mux(misses.again[0], *misses.keys[:PORTS]),
            "answer": _key(self.answer.p.entry),
            "order": _key(self.invalidation.p),
            "command": _key(self.command.p.entry),
            "ports": Mux(port, *(_key(asker.request.p) for asker in reversed(self._askers))),
            "ahead": self.ahead.p,
        }
        for n, name in enumerate(names):
            with m.If(wanted[name]) if not n else m.Elif(wanted[name]):
                m.d.comb += first[n].eq(1)
                if name in abouts:
                    m.d.comb += chosen.eq(abouts[name])
        if not self.config.relays:
            m.d.comb += [key.eq(chosen), about.eq(misses.are_about(chosen))]
            return dict(zip(names, first, strict=True)), port
        doing = Signal(len(names))
        kept = Signal(FragmentKey, reset_less=True)
        its_port = Signal()
        m.d.comb += key.eq(kept)
        m.d.sync += doing.eq(0)
        with m.If(~doing.any()):
            m.d.sync += [doing.eq(first), kept.eq(chosen), its_port.eq(port)]
            m.d.sync += about.eq(misses.are_about(chosen))
        return dict(zip(names, doing, strict=True)), its_port

    def _recall(self, m):
        """Acknowledges invalidations. Returns whether there is one to acknowledge."""
        order, done = self.invalidation, self.invalidated
        recalled, settled = Signal(), Signal()
        to = Signal(Invalidated, reset_less=True)
        m.d.comb += [done.valid.eq(settled), done.p.eq(to)]
        with m.If(order.valid & order.ready):
            m.d.sync += [recalled.eq(1), to.node.eq(order.p.node), to.number.eq(order.p.number)]
        with m.Elif(settled):
            with m.If(done.ready):
                m.d.sync += [recalled.eq(0), settled.eq(0)]
        with m.Elif(recalled & self.quiet):
            m.d.sync += settled.eq(1)
        return recalled

    def _conclude(self, m, misses, key, about, fresh, looks, scouts, found):
        """Results, and misses: what was asked already isn't asked again."""
        same = Signal.like(about)
        asks = Signal()
        first = (looks & ~misses.waits).any()
        m.d.comb += [
            same.eq(Mux(fresh, 0, about & ~(misses.stale | misses.again))),
            asks.eq(~found & ~same.any()),
        ]
        m.d.sync += self.activity.eq(Activity.IDLE)
        with m.If(asks & (first | scouts)):
            m.d.sync += self.activity.eq(Activity.LINK)
        with m.Elif(first):
            m.d.sync += self.activity.eq(Activity.BUSY)
        for n, asker in enumerate(self._askers):
            m.d.sync += asker.result.valid.eq(0)
            with m.If(looks[n]):
                with m.If(found | (misses.waits[n] & misses.final[n])):
                    m.d.sync += [asker.result.valid.eq(1), misses.waits[n].eq(0)]
                with m.Else():
                    misses.miss(m, n, key, same)
        with m.If(scouts & asks):
            misses.ahead(m, key)


def _key(of):
    """The key of an entry, or of a request."""
    return Cat(of.data_id, of.fragment)
