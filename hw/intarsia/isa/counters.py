"""Activities: what an engine does in a cycle, and the counters of cycles."""

from amaranth import *
from amaranth.lib import enum

__all__ = ["ACTIVITIES", "TIMEBASE", "Activity", "CounterBank", "counter_index"]

#: Cycles from one pulse of the timebase to the next.
TIMEBASE = 1024


class Activity(enum.Enum, shape=3):
    """Each engine reports one in each cycle; so the counters sum to the total."""

    IDLE = 0
    """Nothing to do. Not counted: total - all others."""

    BUSY = 1
    """Doing its work: multiplying, combining, moving a beat."""

    OPERANDS = 2
    """The next instruction waits for tokens; or a chained one for what it is handed."""

    MEMORY = 3
    """Waiting for a grant of the memory, or for a read."""

    WEIGHTS = 4
    """Waiting for weights to be loaded."""

    DRAIN = 5
    """Waiting for accumulators or results to be written back."""

    LINK = 6
    """Waiting for a link or a reply."""

    BARRIER = 7
    """Waiting for other members of a sync group."""


#: Counters of a bank: one for each activity.
ACTIVITIES = len(Activity)


class CounterBank(enum.Enum, shape=4):
    """Who is counted. The first five are numbered as the streams are.

    ATU counts look-ups, not cycles: BUSY those that hit, LINK those for which a home was asked.
    LINK_ERRORS counts packets: BUSY those sent again, LINK those that came damaged or cut short.
    Of several links, one is counted in a cycle.
    """

    CONTROL = 0
    CONV = 1
    VECTOR = 2
    LOCAL = 3
    REMOTE = 4
    RESPONDER = 5
    LINK_TX = 6
    LINK_RX = 7
    ATU = 8
    LINK_ERRORS = 9


def counter_index(bank: CounterBank, activity: Activity) -> int:
    """Number of a counter in the COUNTER_INDEX register."""
    return bank.value << 3 | activity.value
