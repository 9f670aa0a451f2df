"""Cache of the fragment map."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from intarsia.atu.entries import Entries, Key
from intarsia.atu.port import NUMBER, Invalidated, Invalidation, MapAnswer, MapQuestion
from intarsia.common.lookup import Lookup, MapCommand, MapOperation
from intarsia.isa.address import NODE
from intarsia.isa.counters import Activity

__all__ = ["PATIENCE", "Atu"]

#: Pulses of the timebase that a home may take to answer.
PATIENCE = 12


class _Misses:
    """Look-ups that wait for a home; a bit, or an element, for each port.

    Members
    -------
    waits : Signal
        The port has such a look-up.
    asks : Signal
        Its question is to be sent.
    stale : Signal
        The map has changed since; the answer says nothing.
    again : Signal
        There is an answer, and the fragment is to be looked up again.
    final : Signal
        Its result is the result, even if it is a miss.
    keys, numbers : list of Signal
        The fragment, and the number of the question.
    backup : Signal
        Its primary home has not answered; the backup home is asked.
    ages : list of Signal
        Pulses since it was asked.
    """

    def __init__(self, ports):
        self.waits, self.asks, self.stale, self.again, self.final, self.backup = (
            Signal(ports, name=name)
            for name in ("waits", "asks", "stale", "again", "final", "backup")
        )
        self.keys = [Signal(Key, name=f"key_{n}", reset_less=True) for n in range(ports)]
        self.numbers = [Signal(NUMBER, name=f"number_{n}", reset_less=True) for n in range(ports)]
        self.ages = [Signal(range(PATIENCE + 1), name=f"age_{n}") for n in range(ports)]
        self.late = Cat(age == PATIENCE for age in self.ages)


class Atu(wiring.Component):
    """Says which node holds a fragment, where, and what others may do with it.

    Keeps ``config.atu_ways`` entries in each of ``config.atu_sets`` sets. One look-up is accepted
    per cycle; where both ports ask, they take turns. The result of a hit comes in the next cycle. A
    miss is asked of the fragment's home; until the answer is there, its port is not ready, but the
    other one is served. Ports that miss the same fragment ask once.

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

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    node : In(16)
        This node; replicas that it holds have their place in the result.
    requester, responder : In(Lookup())
        Who asks: the remote queue, and the responder.
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
        One cycle per look-up: BUSY where it hit, LINK where it did not.
    """

    def __init__(self, *, config):
        exact_log2(config.atu_sets)
        self.config = config
        super().__init__({
            "node": In(NODE),
            "requester": In(Lookup()),
            "responder": In(Lookup()),
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
        misses = _Misses(len(self._askers))
        # What is done in this cycle: a look-up for one of the ports, or a change.
        key = Signal(Key)
        fresh = Signal()
        looks = Signal(len(self._askers))
        change = Signal(MapCommand)
        self._choose(m, misses, key, fresh, looks, change)
        m.submodules.entries = entries = Entries(config=self.config)
        m.d.comb += [
            entries.node.eq(self.node),
            entries.key.eq(key),
            entries.fresh.eq(fresh),
            entries.looks.eq(looks.any()),
            entries.change.eq(change),
            *(asker.result.p.eq(entries.result) for asker in self._askers),
        ]
        self._conclude(m, misses, key, fresh, looks, entries.found)
        self._ask(m, misses)
        return m

    @property
    def _askers(self):
        return self.requester, self.responder

    def _choose(self, m, misses, key, fresh, looks, change):
        """What is done in this cycle."""
        answer = self.answer
        asked = misses.waits & ~misses.asks
        answered = Signal.like(looks)
        believed = Signal.like(looks)
        m.d.comb += [
            answered.eq(asked & Cat(number == answer.p.number for number in misses.numbers)),
            believed.eq(answered & ~misses.stale),
        ]

        with m.If(self.tick):
            for n, age in enumerate(misses.ages):
                with m.If(asked[n] & (age != PATIENCE)):
                    m.d.sync += age.eq(age + 1)
        turn = Signal()
        order, recalled = self.invalidation, self._recall(m)
        with m.If(misses.again.any()):
            m.d.comb += [
                looks.eq(misses.again & (~misses.again + 1)),
                key.eq(Mux(misses.again[0], *misses.keys)),
            ]
            m.d.sync += misses.again.eq(misses.again & ~looks)
        with m.Elif(misses.late.any()):
            given_up = misses.late & misses.backup
            m.d.sync += [
                misses.again.eq(given_up),
                misses.final.eq(given_up),
                misses.asks.eq(misses.asks | (misses.late & ~given_up)),
                misses.backup.eq(misses.backup | misses.late),
            ]
            for n, age in enumerate(misses.ages):
                with m.If(misses.late[n]):
                    m.d.sync += age.eq(0)
        with m.Elif(answer.valid):
            m.d.comb += [
                answer.ready.eq(1),
                change.entry.eq(answer.p.entry),
                key.data_id.eq(answer.p.entry.data_id),
                key.fragment.eq(answer.p.entry.fragment),
            ]
            with m.If(believed.any() & (answer.p.entry.entry_format != 0)):
                m.d.comb += change.operation.eq(MapOperation.FILL)
            m.d.sync += [
                misses.again.eq(answered),
                misses.final.eq(believed),
                misses.stale.eq(misses.stale & ~answered),
            ]
        with m.Elif(order.valid & ~recalled):
            m.d.comb += [
                order.ready.eq(1),
                change.operation.eq(MapOperation.REMOVE),
                key.data_id.eq(order.p.data_id),
                key.fragment.eq(order.p.fragment),
            ]
            m.d.sync += misses.stale.eq(misses.waits)
        with m.Elif(self.command.valid):
            m.d.comb += [
                self.command.ready.eq(1),
                change.eq(self.command.p),
                key.data_id.eq(change.entry.data_id),
                key.fragment.eq(change.entry.fragment),
            ]
            with m.If(change.operation != MapOperation.FILL):
                m.d.sync += misses.stale.eq(misses.waits)
        with m.Else():
            held = misses.waits | Cat(0, recalled)
            free = [asker.request.valid & ~held[n] for n, asker in enumerate(self._askers)]
            granted = Mux(turn & free[1], 1, ~free[0])
            for n, asker in enumerate(self._askers):
                with m.If(granted == n):
                    m.d.comb += [
                        key.data_id.eq(asker.request.p.data_id),
                        key.fragment.eq(asker.request.p.fragment),
                        fresh.eq(free[n] & asker.request.p.fresh),
                        looks[n].eq(free[n]),
                        asker.request.ready.eq(~held[n]),
                    ]
                    with m.If(free[n]):
                        m.d.sync += turn.eq(1 - n)
            with m.If(fresh):
                m.d.sync += misses.stale.eq(misses.waits)

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

    def _conclude(self, m, misses, key, fresh, looks, found):
        """Results, and misses: those that another port has asked for already aren't asked again."""
        m.d.sync += self.activity.eq(Activity.IDLE)
        with m.If((looks & ~misses.waits).any()):
            m.d.sync += self.activity.eq(Mux(found, Activity.BUSY, Activity.LINK))
        following = Signal.like(misses.numbers[0])
        for n, asker in enumerate(self._askers):
            m.d.sync += asker.result.valid.eq(0)
            with m.If(looks[n]):
                with m.If(found | (misses.waits[n] & misses.final[n])):
                    m.d.sync += [asker.result.valid.eq(1), misses.waits[n].eq(0)]
                with m.Else():
                    other = 1 - n
                    joins = (
                        (misses.waits & ~misses.again & ~misses.stale)[other]
                        & (misses.keys[other] == key)
                        & ~fresh
                    )
                    m.d.sync += [
                        misses.waits[n].eq(1),
                        misses.stale[n].eq(0),
                        misses.asks[n].eq(~joins),
                        misses.backup[n].eq(0),
                        misses.ages[n].eq(0),
                        misses.keys[n].eq(key),
                        misses.numbers[n].eq(Mux(joins, misses.numbers[other], following)),
                        following.eq(following + ~joins),
                    ]

    def _ask(self, m, misses):
        """Questions, one after another; and how long answers take."""
        asking = Signal()
        who = Signal()
        question, keys, numbers = self.question.p, misses.keys, misses.numbers
        m.d.comb += [
            self.question.valid.eq(asking),
            question.data_id.eq(Mux(who, keys[1].data_id, keys[0].data_id)),
            question.fragment.eq(Mux(who, keys[1].fragment, keys[0].fragment)),
            question.number.eq(Mux(who, numbers[1], numbers[0])),
            question.backup.eq(Mux(who, misses.backup[1], misses.backup[0])),
        ]
        with m.If(~asking):
            m.d.sync += [asking.eq(misses.asks.any()), who.eq(~misses.asks[0])]
        with m.Elif(self.question.ready):
            m.d.sync += asking.eq(0)
            for n in range(len(self._askers)):
                with m.If(who == n):
                    m.d.sync += misses.asks[n].eq(0)
