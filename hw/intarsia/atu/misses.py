"""Entries that homes have been asked for."""

from amaranth import *

from intarsia.atu.port import NUMBER, MapQuestion
from intarsia.common.lookup import FragmentKey

__all__ = ["PATIENCE", "PORTS", "Misses"]

#: Pulses of the timebase that a home may take to answer.
PATIENCE = 12

#: Ports whose look-ups wait for their entries.
PORTS = 2


class Misses:
    """Entries that are waited for. Each port has a place of its own, so that it always finds one.

    The other places are for entries that are asked for ahead. They end with an answer, whatever it
    is, and with a second home that says nothing. A port that wants what is asked for ahead takes
    that over, with all that is known of it.

    Members are bits, or lists with an element, for each place; those of ports come first.

    Parameters
    ----------
    ahead : int
        Places for what is asked for ahead.

    Members
    -------
    waits : Signal
        An answer is waited for.
    asks : Signal
        The question is to be sent.
    stale : Signal
        The map has changed since; the answer says nothing.
    backup : Signal
        The primary home has not answered; the backup home is asked.
    again : Signal
        Of ports alone: there is an answer, and the fragment is to be looked up again.
    final : Signal
        Of ports alone: the result of that is the result, even if it is a miss.
    keys, numbers : list of Signal
        The fragment, and the number of the question.
    ages : list of Signal
        Pulses since it was asked.
    late : Value
        It was asked too long ago.
    asked : Signal
        The answer may come.
    free : Signal
        The first place for what is asked for ahead that is free.
    """

    def __init__(self, *, ahead):
        places = PORTS + ahead
        names = ("waits", "asks", "stale", "backup", "asked")
        self.waits, self.asks, self.stale, self.backup, self.asked = (
            Signal(places, name=name) for name in names
        )
        self.again, self.final = (Signal(PORTS, name=name) for name in ("again", "final"))
        self.keys = [Signal(FragmentKey, name=f"key_{n}", reset_less=True) for n in range(places)]
        self.numbers = [Signal(NUMBER, name=f"number_{n}", reset_less=True) for n in range(places)]
        self.ages = [Signal(range(PATIENCE + 1), name=f"age_{n}") for n in range(places)]
        self.late = Cat(age == PATIENCE for age in self.ages)
        self.free = Signal(ahead)
        self._next = Signal(NUMBER, name="next_number")
        self._sent = Signal(places, name="sent")

    def are_about(self, key):
        """Places that wait for `key`."""
        return self.waits & Cat(known == key for known in self.keys)

    def watch(self, m, tick):
        """Says what is asked, and counts how long. To be called before all else."""
        vacant = ~self.waits[PORTS:]
        m.d.comb += [self.asked.eq(self.waits & ~self.asks), self.free.eq(vacant & -vacant)]
        with m.If(tick):
            for n, age in enumerate(self.ages):
                with m.If(self.asked[n] & (age != PATIENCE)):
                    m.d.sync += age.eq(age + 1)

    def ask(self, m, question):
        """Sends questions, one after another. To be called after all else."""
        asking = Signal()
        asked = Signal(MapQuestion, reset_less=True)
        m.d.comb += [question.valid.eq(asking), question.p.eq(asked)]
        with m.If(~asking | question.ready):
            m.d.sync += asking.eq(self.asks.any())
            m.d.comb += self._sent.eq(self.asks & -self.asks)
            for n, (key, number) in enumerate(zip(self.keys, self.numbers, strict=True)):
                with m.If(self._sent[n]):
                    m.d.sync += [
                        asked.data_id.eq(key.data_id),
                        asked.fragment.eq(key.fragment),
                        asked.number.eq(number),
                        asked.backup.eq(self.backup[n]),
                        self.asks[n].eq(0),
                    ]

    def give_up(self, m):
        """Those that are late: asked of the backup home or, if that was asked, not waited for."""
        gone = self.late & self.backup
        m.d.sync += [
            self.again.eq(gone[:PORTS]),
            self.final.eq(gone[:PORTS]),
            self.waits[PORTS:].eq((self.waits & ~gone)[PORTS:]),
            self.asks.eq(self.asks | (self.late & ~gone)),
            self.backup.eq(self.backup | self.late),
        ]
        for late, age in zip(self.late, self.ages, strict=True):
            with m.If(late):
                m.d.sync += age.eq(0)

    def answer(self, m, answered):
        """Those that are `answered`."""
        m.d.sync += [
            self.again.eq(answered[:PORTS]),
            self.final.eq((answered & ~self.stale)[:PORTS]),
            self.waits[PORTS:].eq((self.waits & ~answered)[PORTS:]),
            self.stale.eq(self.stale & ~answered),
        ]

    def doubt(self, m):
        """No answer to what was asked until now is to be believed."""
        m.d.sync += self.stale.eq(self.waits)

    def miss(self, m, port, key, same):
        """A `port` missed `key`: asks, or joins one of those that are asked for the `same`."""
        joined = [(n, joins) for n, joins in enumerate(same) if n != port]
        m.d.sync += [
            self.waits[port].eq(1),
            self.stale[port].eq(0),
            self.asks[port].eq(1),
            self.backup[port].eq(0),
            self.ages[port].eq(0),
            self.keys[port].eq(key),
            self.numbers[port].eq(self._next),
        ]
        with m.If(~Cat(joins for _, joins in joined).any()):
            m.d.sync += self._next.eq(self._next + 1)
        for n, joins in joined:
            with m.If(joins):
                m.d.sync += [self.asks[port].eq(0), self.numbers[port].eq(self.numbers[n])]
                if n >= PORTS:
                    m.d.sync += [
                        self.asks[port].eq(self.asks[n] & ~self._sent[n]),
                        self.backup[port].eq(self.backup[n]),
                        self.ages[port].eq(self.ages[n]),
                        self.waits[n].eq(0),
                        self.asks[n].eq(0),
                    ]

    def ahead(self, m, key):
        """What is asked for ahead, in the first place that is `free`."""
        m.d.sync += self._next.eq(self._next + 1)
        for n in range(len(self.free)):
            with m.If(self.free[n]):
                m.d.sync += [
                    self.waits[PORTS + n].eq(1),
                    self.stale[PORTS + n].eq(0),
                    self.asks[PORTS + n].eq(1),
                    self.backup[PORTS + n].eq(0),
                    self.ages[PORTS + n].eq(0),
                    self.keys[PORTS + n].eq(key),
                    self.numbers[PORTS + n].eq(self._next),
                ]
