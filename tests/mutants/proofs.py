"""Mutants that a proof must refute."""

from tests.mutants.runner import Mutant

__all__ = ["PROOFS"]


def _mutant(proof: str, name: str, file: str, old: str, new: str) -> Mutant:
    test = f"tests/formal/test_proofs.py::test_claim_holds[{proof}]"
    return Mutant(name, f"hw/intarsia/{file}", old, new, test)


PROOFS = (
    _mutant(
        "ArbiterGrants",
        "proof: the arbiter grants all who are first in line",
        "memory/arbiter.py",
        "Mux(first.any(), _lowest(first), _lowest(asking))",
        "Mux(first.any(), first, asking)",
    ),
    _mutant(
        "ArbiterIsFair",
        "proof: the arbiter forgets whose turn it is",
        "memory/arbiter.py",
        "Mux(first.any(), _lowest(first), _lowest(asking))",
        "_lowest(asking)",
    ),
    _mutant(
        "ParkedArbiterGrantsOne",
        "proof: who has a parked grant may keep it though others ask",
        "memory/arbiter.py",
        "self.requests & ~self.grants if self.parked else self.requests",
        "self.requests",
    ),
    _mutant(
        "ParkedArbiterIsFair",
        "proof: a parked grant moves to the first one who asks",
        "memory/arbiter.py",
        "Mux(first.any(), _lowest(first), _lowest(asking))",
        "_lowest(asking)",
    ),
    _mutant(
        "RelayedCreditsAreNotOverdrawn",
        "proof: that a beat is spent counts a cycle late",
        "link/collector.py",
        "Mux(spent, balance[name] > demand, balance[name] >= demand)",
        "balance[name] >= demand",
    ),
    _mutant(
        "FlightsCompleteInOrder",
        "proof: tokens are given as soon as an instruction has started",
        "sequencer/flights.py",
        "complete.eq(self.flying & (~engine | (known & completed.any())))",
        "complete.eq(self.flying)",
    ),
    _mutant(
        "ContextsCompleteInOrder",
        "proof: what is done gives its tokens before what came before it in its context",
        "sequencer/overtaking.py",
        "heads.eq(ranks.held & ~Cat(before.any() for before in ranks.before))",
        "heads.eq(ranks.held)",
    ),
    _mutant(
        "EveryFaultyContextIsNamed",
        "proof: of faults that come at once the last one's context is stopped",
        "sequencer/merge.py",
        "faulty = faulty | concerned",
        "faulty = concerned",
    ),
    _mutant(
        "WatchdogIsNeitherEarlyNorLate",
        "proof: the watchdog waits for one pulse more",
        "sequencer/watchdog.py",
        "with m.If(passed >= self.limit):",
        "with m.If(passed > self.limit):",
    ),
    _mutant(
        "MemoryKeepsBytes",
        "proof: an unaligned vector stays in its row",
        "memory/memory.py",
        "bank.write_next.eq((1 << offset) - 1)",
        "bank.write_next.eq(0)",
    ),
    _mutant(
        "BlockRamsKeepBytes",
        "proof: of two rows that follow each other, the even one is not the next",
        "memory/sram_ecp5.v",
        "read_odd + {{(ROW_BITS - 2){1'b0}}, read_row[0]}",
        "read_odd",
    ),
    _mutant(
        "BlockRamsKeepBytes",
        "proof: RAMs that are not read put out what they read last",
        "memory/sram_ecp5.v",
        "own <= !reads ? 9'b0 : meet",
        "if (reads) own <= meet",
    ),
    _mutant(
        "SlotsAreThoseOfTheHost",
        "proof: slots that can't exist are those of the next context",
        "sequencer/slots.py",
        "exists.eq(self.read.slot < slots)",
        "exists.eq(1)",
    ),
    _mutant(
        "NoStaleTranslation",
        "proof: translations of the last set outlive the removal of all",
        "atu/entries.py",
        "m.d.sync += used.eq(0)",
        "m.d.sync += used.eq(used & (1 << (sets - 1)))",
    ),
    _mutant(
        "NoStaleHit",
        "proof: answers that an order has overtaken are believed",
        "atu/cache.py",
        "key.fragment.eq(order.p.fragment),\n            ]\n            misses.doubt(m)",
        "key.fragment.eq(order.p.fragment),\n            ]",
    ),
    _mutant(
        "NoStaleHit",
        "proof: answers to what was asked ahead are believed",
        "atu/misses.py",
        "self.stale.eq(self.waits)",
        "self.stale.eq(self.waits & ((1 << PORTS) - 1))",
    ),
    _mutant(
        "NoStaleHit",
        "proof: an order is acknowledged while the responder goes by what is forgotten",
        "atu/cache.py",
        "with m.Elif(recalled & self.quiet):",
        "with m.Elif(recalled):",
    ),
    _mutant(
        "AccessesStayInside",
        "proof: an access may end beyond its fragment",
        "common/lookup.py",
        "(access.offset + access.length <= entry.size)",
        "(access.offset < entry.size)",
    ),
    _mutant(
        "DescriptorsAreChecked",
        "proof: of reserved fields only the first bit is looked at",
        "dma/descriptor.py",
        "wrong[word].append(part.any())",
        "wrong[word].append(part[0])",
    ),
    _mutant(
        "TransactionsAreUnique",
        "proof: requests are entered where the first one was",
        "dma/transactions.py",
        "write.addr.eq(free)",
        "write.addr.eq(0)",
    ),
    _mutant(
        "LocalWaitsForNoRemote",
        "proof: the remote queue's reads go before the local one's, for ever",
        "memory/arbiter.py",
        "Mux(first.any(), _lowest(first), _lowest(asking))",
        "Mux(asking[-1], 1 << self.clients - 1, _lowest(asking))",
    ),
    _mutant(
        "RemoteWaitsForNoLocal",
        "proof: the local queue's reads go before the remote one's, for ever",
        "memory/arbiter.py",
        "Mux(first.any(), _lowest(first), _lowest(asking))",
        "_lowest(asking)",
    ),
    _mutant(
        "AnswersMatchTransactions",
        "proof: the answer to a write is overtaken by the next one",
        "sequencer/axi.py",
        "can_write = has_waddr & has_wdata & ~bus.bvalid",
        "can_write = has_waddr & has_wdata",
    ),
    _mutant(
        "AnswersSayWhatHappened",
        "proof: a write takes the data of the one after it",
        "sequencer/axi.py",
        "with m.If(bus.wvalid & bus.wready):",
        "with m.If(bus.wvalid):",
    ),
    _mutant(
        "TokensAreCounted",
        "proof: a token that is taken is not borrowed from the bits above",
        "sequencer/tokens.py",
        "carry & (bit ^ down)",
        "carry & bit",
    ),
    _mutant(
        "BuffersKeepWhatIsGood",
        "proof: link: what is read early is offered, good or not",
        "link/buffer.py",
        "(early & accepted))",
        "early)",
    ),
    _mutant(
        "CreditsAreThoseOfTheBuffer",
        "proof: link: credits are returned twice",
        "link/returns.py",
        "chosen[n] & ~forgotten, taken, 0",
        "chosen[n] & ~forgotten, 0, 0",
    ),
    _mutant(
        "CreditsAreNotOverdrawn",
        "proof: link: the last beat of a packet costs no credit",
        "link/collector.py",
        "spent.eq(storing & current[n])",
        "spent.eq(storing & current[n] & ~beat.last)",
    ),
    _mutant(
        "LinksLoseNothing",
        "proof: link: what comes after a lost packet is taken for it",
        "link/receiver.py",
        'is_next.eq(proper & ~noticed & found["next"])',
        "is_next.eq(proper & ~noticed)",
    ),
)
