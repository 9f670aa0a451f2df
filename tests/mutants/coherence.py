"""Mutants of the fragment map: of ATUs and homes."""

from tests.mutants.runner import Mutant

__all__ = ["COHERENCE"]

HOME = "tests/hw/home/test_agent.py::test_home[tiny]"
ENTRIES = "tests/hw/atu/test_entries.py::test_entries[tiny]"
ATU = "tests/hw/atu/test_cache.py::test_atu[tiny]"
MISSES = "tests/hw/atu/test_misses.py::test_misses[tiny]"

COHERENCE = (
    Mutant(
        "home: who asks is not remembered",
        "hw/intarsia/home/agent.py",
        "word.eq(sharers | sharer)",
        "word.eq(sharers)",
        HOME,
    ),
    Mutant(
        "home: an update is complete before the last sharer has acknowledged",
        "hw/intarsia/home/recall.py",
        "with m.If(missing == 0):",
        "with m.If(missing <= 1):",
        HOME,
    ),
    Mutant(
        "home: acknowledgements of another update count",
        "hw/intarsia/home/recall.py",
        "& (said.transaction == number)",
        "",
        HOME,
    ),
    Mutant(
        "home: look-ups wait for updates",
        "hw/intarsia/home/agent.py",
        "packet = self.lookup.valid | ",
        "packet = (self.lookup.valid & recall.begin.ready) | ",
        HOME,
    ),
    Mutant(
        "home: an entry with a damaged byte is told like any other",
        "hw/intarsia/home/agent.py",
        "spoilt = last_word & (tainted | damaged)",
        "spoilt = last_word & tainted",
        HOME,
    ),
    Mutant(
        "atu: who looks up afresh may be told what was asked before",
        "hw/intarsia/atu/entries.py",
        "self.found.eq(found.any() & ~self.fresh)",
        "self.found.eq(found.any())",
        ATU,
    ),
    Mutant(
        "atu: the next responder's look-up goes before an acknowledgement",
        "hw/intarsia/atu/cache.py",
        "held = misses.waits | Cat(0, recalled)",
        "held = misses.waits",
        ATU,
    ),
    Mutant(
        "atu: what was asked for ahead of a removal is kept",
        "hw/intarsia/atu/misses.py",
        "self.stale.eq(self.waits)",
        "self.stale.eq(self.waits & ((1 << PORTS) - 1))",
        MISSES,
    ),
    Mutant(
        "atu: who takes a question over asks again",
        "hw/intarsia/atu/misses.py",
        "self.asks[port].eq(self.asks[n] & ~self._sent[n])",
        "self.asks[port].eq(1)",
        MISSES,
    ),
    Mutant(
        "atu: who takes a question over begins to wait",
        "hw/intarsia/atu/misses.py",
        "self.ages[port].eq(self.ages[n])",
        "self.ages[port].eq(0)",
        MISSES,
    ),
    Mutant(
        "atu: what is asked for ahead, and not answered, keeps its place",
        "hw/intarsia/atu/misses.py",
        "self.waits[PORTS:].eq((self.waits & ~gone)[PORTS:])",
        "self.waits[PORTS:].eq(self.waits[PORTS:])",
        MISSES,
    ),
    Mutant(
        "atu: what a home says of another fragment is an answer",
        "hw/intarsia/atu/cache.py",
        "            & (about | ~known.replicate(len(about)))\n",
        "",
        MISSES,
    ),
    Mutant(
        "atu: what is asked for is asked for ahead once more",
        "hw/intarsia/atu/cache.py",
        "with m.If(scouts & asks):",
        "with m.If(scouts & ~found):",
        MISSES,
    ),
    Mutant(
        "atu: replicas lie where the fragment lies",
        "hw/intarsia/atu/entries.py",
        "row.place.eq(entry.replica_base)",
        "row.place.eq(entry.base)",
        ENTRIES,
    ),
    Mutant(
        "atu: what may be written has a checksum",
        "hw/intarsia/atu/entries.py",
        "self.change.entry.checked & _changes(self.change.entry.permissions)",
        "0",
        ENTRIES,
    ),
    Mutant(
        "atu: what is here has a checksum",
        "hw/intarsia/atu/entries.py",
        "with m.Elif(entry.checked):",
        "with m.If(entry.checked):",
        ENTRIES,
    ),
)
