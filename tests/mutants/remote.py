"""Mutants of the requesting side of remote transfers."""

from tests.mutants.runner import Mutant

__all__ = ["REMOTE"]

REPLICAS = "tests/hw/dma/test_replicas.py::test_replicas[tiny]"
JOBS = "tests/hw/dma/test_jobs.py::test_jobs[tiny]"
CHECKER = "tests/hw/dma/test_checker.py::test_checker[tiny]"
SENDER = "tests/hw/dma/test_sender.py::test_sender[tiny]"
LISTER = "tests/hw/dma/test_lister.py::test_stitches[tiny]"
QUEUE = "tests/hw/dma/test_remote.py::test_remote_queue[tiny]"
HERALD = "tests/hw/dma/test_herald.py::test_herald[2]"
SEQUENCER = "tests/hw/sequencer/test_sequencer.py::test_sequencer[straight]"
SCOUT = "tests/hw/dma/test_scout.py::test_scout[tiny]"

REMOTE = (
    Mutant(
        "remote: what is sent again is looked up where it was",
        "hw/intarsia/dma/sender.py",
        "Mux(takes, self.again & ~self.half, again & ~half)",
        "0",
        SENDER,
    ),
    Mutant(
        "remote: sums go to replicas",
        "hw/intarsia/dma/sender.py",
        "self.holder_dead & ~sums",
        "self.holder_dead",
        SENDER,
    ),
    Mutant(
        "remote: the second half of a WRITE goes to where the first went",
        "hw/intarsia/dma/sender.py",
        "Mux(second, was_holder,",
        "Mux(second, ~was_holder,",
        REPLICAS,
    ),
    Mutant(
        "remote: a WRITE that was refused is half done",
        "hw/intarsia/dma/transactions.py",
        "halves & ~(opened | returned | expires)",
        "halves & ~(opened | expires)",
        REPLICAS,
    ),
    Mutant(
        "remote: who does not answer is asked for ever",
        "hw/intarsia/dma/fence.py",
        "~self.ready | self.word.valid | self.lost.valid",
        "~self.ready | self.word.valid",
        SENDER,
    ),
    Mutant(
        "remote: half the patience",
        "hw/intarsia/dma/transactions.py",
        "Mux(period, awaits & old & ~claimed, 0)",
        "Mux(period, awaits & ~claimed, 0)",
        SENDER,
    ),
    Mutant(
        "remote: the dead are listened to",
        "hw/intarsia/dma/receiver.py",
        "(self.target.node == header.source) & ~self.dead",
        "(self.target.node == header.source)",
        SENDER,
    ),
    Mutant(
        "remote: all tries at once",
        "hw/intarsia/dma/receiver.py",
        "self.back.p.late.eq(self.target.tries != 1)",
        "self.back.p.late.eq(0)",
        SENDER,
    ),
    Mutant(
        "lists: local addresses count from the start of the memory",
        "hw/intarsia/dma/cutter.py",
        "work.base + Mux(started, start.address, record.local)",
        "Mux(work.stitches, 0, work.base) + Mux(started, start.address, record.local)",
        LISTER,
    ),
    Mutant(
        "lists: a record has no more rows than what is left of those before it",
        "hw/intarsia/dma/cutter.py",
        "                    work.row.eq(1),\n                    work.count",
        "                    work.count",
        LISTER,
    ),
    Mutant(
        "lists: damaged records are cut",
        "hw/intarsia/dma/cutter.py",
        "wrong.eq(damaged | (record.row_bytes == 0))",
        "wrong.eq(record.row_bytes == 0)",
        LISTER,
    ),
    Mutant(
        "remote: a job is done before those before it",
        "hw/intarsia/dma/jobs.py",
        "ends.eq(whole & ~self.open & ~Cat(before.any() for before in ranks.before))",
        "ends.eq(whole & ~self.open)",
        JOBS,
    ),
    Mutant(
        "remote: all jobs are of one stream",
        "hw/intarsia/common/ranks.py",
        "same.eq(self.held & Cat(context == self.context for context in self.contexts))",
        "same.eq(self.held)",
        JOBS,
    ),
    Mutant(
        "remote: a job is done while replies are missing",
        "hw/intarsia/dma/jobs.py",
        "ends.eq(whole & ~self.open &",
        "ends.eq(whole &",
        JOBS,
    ),
    Mutant(
        "checksums: what is damaged is asked for where it was",
        "hw/intarsia/dma/sender.py",
        "turned.eq(Mux(second, was_holder,",
        "turned.eq(Mux(second & writes, was_holder,",
        CHECKER,
    ),
    Mutant(
        "checksums: what is damaged is asked for again for ever",
        "hw/intarsia/dma/receiver.py",
        "self.back.valid.eq(~self.half & ~failed)",
        "self.back.valid.eq(~failed)",
        CHECKER,
    ),
    Mutant(
        "checksums: the last beat is not filled up",
        "hw/intarsia/dma/checker.py",
        "filling.eq(self.ends & row.checks & (count != 0))",
        "filling.eq(0)",
        CHECKER,
    ),
    Mutant(
        "checksums: parts are compared",
        "hw/intarsia/dma/sender.py",
        "& (request.offset == 0)\n",
        "\n",
        CHECKER,
    ),
    Mutant(
        "checksums: who is dead is asked again",
        "hw/intarsia/dma/sender.py",
        "turned ^ (second & ~writes & gone(turned))",
        "turned",
        CHECKER,
    ),
    Mutant(
        "lists: fragments of other owners are named",
        "hw/intarsia/dma/cutter.py",
        "self.sees.eq(lister.sees & (lister.key.data_id[TENSOR_BITS:] == owner))",
        "self.sees.eq(lister.sees)",
        SCOUT,
    ),
    Mutant(
        "lists: what was read for a list that has failed is part of the next one",
        "hw/intarsia/dma/lister.py",
        "(asked, came, taken, coming)",
        "(asked, came, coming)",
        SCOUT,
    ),
    Mutant(
        "lists: names are told for as long as a request waits",
        "hw/intarsia/dma/scout.py",
        "self.sees & (self.key != last)",
        "self.sees",
        SCOUT,
    ),
    Mutant(
        "ahead: a job that waits is named for as long as it does",
        "hw/intarsia/dma/herald.py",
        "told.eq(1)",
        "told.eq(0)",
        HERALD,
    ),
    Mutant(
        "ahead: what the queue names is lost while a job is named",
        "hw/intarsia/dma/herald.py",
        "with m.Elif(wanted):",
        "with m.If(wanted):",
        HERALD,
    ),
    Mutant(
        "programs: when one starts, who was served last says who is next",
        "hw/intarsia/sequencer/loader.py",
        "m.d.sync += [earlier.eq(1), moved.eq(1)]",
        "pass",
        SEQUENCER,
    ),
    Mutant(
        "programs: other streams wait until REMOTE wants nothing",
        "hw/intarsia/sequencer/loader.py",
        " & ~(moved & others.any())",
        "",
        SEQUENCER,
    ),
    Mutant(
        "programs: after a turn of REMOTE, others begin anew",
        "hw/intarsia/sequencer/loader.py",
        "with m.If(~(self.granted & moves).any()):",
        "with m.If(1):",
        SEQUENCER,
    ),
    Mutant(
        "transfers: packets are as large as they can be, whatever is asked for",
        "hw/intarsia/dma/cutter.py",
        "PAYLOAD_MAX >> job.descriptor.grain",
        "PAYLOAD_MAX",
        QUEUE,
    ),
)
