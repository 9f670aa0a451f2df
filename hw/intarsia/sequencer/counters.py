"""Counters of cycles."""

from amaranth import *
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.counters import ACTIVITIES, Activity, CounterBank, counter_index

__all__ = ["COUNTER_BITS", "INDEX", "Counters"]

COUNTER_BITS = 32

#: Number of a counter: see `counter_index`.
INDEX = unsigned(counter_index(list(CounterBank)[-1], list(Activity)[-1]).bit_length())


class _Index(data.Struct):
    """Parts of a counter's number."""

    activity: Activity
    bank: CounterBank


class Counters(wiring.Component):
    """Counts, for each bank, the cycles of each activity but IDLE.

    While all are idle, nothing toggles. Counters survive reset, and wrap around: only differences
    mean something.

    Members
    -------
    activity : In(Activity).array(len(CounterBank))
    index : In(INDEX)
    value : Out(COUNTER_BITS)
        The counter that `index` named in the cycle before, as it was then.
    """

    def __init__(self):
        super().__init__({
            "activity": In(Activity).array(len(CounterBank)),
            "index": In(INDEX),
            "value": Out(COUNTER_BITS),
        })

    def elaborate(self, platform):
        m = Module()

        # Kept for a cycle, so that a counter is chosen after all of them were read.
        bank = Signal(CounterBank)
        index = _Index(self.index)
        m.d.sync += bank.eq(index.bank)
        for which, activity in zip(CounterBank, self.activity, strict=True):
            name = which.name.lower()
            counts = memory.Memory(shape=COUNTER_BITS, depth=ACTIVITIES, init=[])
            m.submodules[name] = counts
            own = counts.read_port(domain="comb")
            asked = counts.read_port()
            write = counts.write_port()
            m.d.comb += [
                own.addr.eq(activity),
                write.addr.eq(activity),
                asked.addr.eq(index.activity),
                write.data.eq(own.data + 1),
                write.en.eq(activity != Activity.IDLE),
            ]
            with m.If(bank == which):
                m.d.comb += self.value.eq(asked.data)

        return m
