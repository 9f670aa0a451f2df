"""Claims about who is chosen, and about what waits."""

from amaranth import Cat, Const, Mux, Signal, Value
from amaranth.hdl import Assert, Assume
from amaranth.lib.fifo import SyncFIFOBuffered

from intarsia.isa.faults import FaultReport
from intarsia.isa.instruction import Stream
from intarsia.memory.arbiter import RoundRobin
from intarsia.sequencer.flights import Flights
from intarsia.sequencer.merge import FaultMerge
from intarsia.sequencer.overtaking import OvertakingFlights
from intarsia.sequencer.watchdog import Watchdog
from tests.formal.proof import Proof


class ArbiterGrants(Proof):
    """Of those who ask, the arbiter grants exactly one."""

    induction = True

    def describe(self, m):
        m.submodules.dut = dut = RoundRobin(clients=5)
        asking = self.anything(5, "asking")
        m.d.comb += [
            dut.requests.eq(asking),
            Assert((dut.grants & ~asking) == 0),
            Assert((dut.grants & (dut.grants - 1)) == 0),
            Assert(dut.grants.any() == asking.any()),
        ]


class ArbiterIsFair(Proof):
    """Who keeps asking the arbiter is granted after at most all the others, once each."""

    depth = 14
    parked = False

    def describe(self, m):
        clients = 5
        m.submodules.dut = dut = RoundRobin(clients=clients, parked=self.parked)
        asking = self.anything(clients, "asking")
        who = self.something(m, range(clients), "who")
        m.d.comb += [dut.requests.eq(asking), Assume(who < clients)]
        waited = Signal(4)
        with m.If(asking.bit_select(who, 1) & ~dut.grants.bit_select(who, 1)):
            m.d.sync += waited.eq(waited + 1)
        with m.Else():
            m.d.sync += waited.eq(0)
        m.d.comb += Assert(waited < clients + self.parked)


class ParkedArbiterIsFair(ArbiterIsFair):
    """If grants are parked: after at most all the others, and a cycle without any."""

    parked = True


class ParkedArbiterGrantsOne(Proof):
    """An arbiter whose grants are parked grants exactly one, and moves on only to one who asked."""

    depth = 14

    def describe(self, m):
        clients = 5
        m.submodules.dut = dut = RoundRobin(clients=clients, parked=True)
        asking = self.anything(clients, "asking")
        asked, held = Signal(clients), Signal(clients, init=1)
        m.d.comb += [
            dut.requests.eq(asking),
            Assert(dut.grants.any()),
            Assert((dut.grants & (dut.grants - 1)) == 0),
            Assert((dut.grants & ~held & ~asked) == 0),
            Assert((dut.grants == held) == ~(asked & ~held).any()),
        ]
        m.d.sync += [asked.eq(asking), held.eq(dut.grants)]


class FifoKeepsOrder(Proof):
    """What goes into a FIFO comes out, once, in order, and nothing else does."""

    depth = 10

    def describe(self, m):
        m.submodules.dut = dut = SyncFIFOBuffered(width=2, depth=3)
        m.d.comb += [
            dut.w_data.eq(self.anything(2, "content")),
            dut.w_en.eq(self.anything(1, "puts")),
            dut.r_en.eq(self.anything(1, "takes")),
        ]
        puts, takes = dut.w_en & dut.w_rdy, dut.r_en & dut.r_rdy
        marked, kept = Signal(), Signal(2)
        ahead, inside = Signal(4), Signal(4)
        m.d.sync += inside.eq(inside + puts - takes)
        with m.If(puts & self.anything(1, "marks") & ~marked):
            m.d.sync += [marked.eq(1), kept.eq(dut.w_data), ahead.eq(inside - takes)]
        with m.Elif(marked & takes):
            m.d.sync += ahead.eq(ahead - 1)
            with m.If(ahead == 0):
                m.d.comb += Assert(dut.r_data == kept)
                m.d.sync += marked.eq(0)
        m.d.comb += [Assert(inside <= 3), Assert(~(takes & (inside == 0)))]


class FlightsCompleteInOrder(Proof):
    """Each instruction gives its tokens once, after those before it, and not before it is done."""

    depth = 7

    def describe(self, m):
        m.submodules.dut = dut = Flights(contexts=2)
        start = self.anything(dut.start.payload.shape(), "flight")
        starts = Signal()
        m.d.comb += [
            dut.start.p.eq(start),
            dut.start.valid.eq(self.anything(1, "starts")),
            dut.offered.eq(dut.start.valid & ~start.instant),
            dut.give.ready.eq(self.anything(1, "takes")),
            dut.done.eq(self.anything(1, "done")),
            starts.eq(dut.start.valid & dut.start.ready),
        ]
        # Engines complete what they have been given, in order.
        working, begun = Signal(4), Signal(4)
        m.d.sync += working.eq(working + (starts & ~start.instant) - dut.done)
        m.d.comb += Assume(~dut.done | (working != 0))
        m.d.sync += begun.eq(begun + dut.began - dut.ended)

        # One instruction is followed, the only one of its layer; until it is done, engines have
        # `jobs` to do.
        layer = self.something(m, 16, "layer")
        came, jobs = Signal(), Signal(4)
        comes = starts & (start.layer == layer)
        m.d.comb += Assume(~(comes & came))
        with m.If(comes):
            m.d.sync += [came.eq(1), jobs.eq(working - dut.done + ~start.instant)]
        with m.Else():
            m.d.sync += jobs.eq(jobs - (dut.done & (jobs != 0)))
        given = Signal()
        with m.If(dut.give.valid & dut.give.ready & (dut.first.layer == layer)):
            m.d.comb += [Assert(came), Assert(jobs == 0), Assert(~given)]
            m.d.sync += given.eq(1)
        m.d.comb += Assert(begun <= 1)


class ContextsCompleteInOrder(Proof):
    """Each instruction gives its tokens once, after those before it in its context, when done."""

    depth = 7

    def describe(self, m):
        m.submodules.dut = dut = OvertakingFlights(contexts=2)
        start = self.anything(dut.start.payload.shape(), "flight")
        starts, whose = Signal(), self.anything(1, "whose")
        m.d.comb += [
            Assume(start.context < 2),
            dut.start.p.eq(start),
            dut.start.valid.eq(self.anything(1, "starts")),
            dut.offered.eq(dut.start.valid & ~start.instant),
            dut.give.ready.eq(self.anything(1, "takes")),
            dut.done.eq(self.anything(1, "done")),
            dut.whose.eq(whose),
            starts.eq(dut.start.valid & dut.start.ready),
        ]
        # Engines complete what they have been given, in order for each context.
        working = [Signal(4, name=f"working{n}") for n in range(2)]
        for n, count in enumerate(working):
            given = starts & ~start.instant & (start.context == n)
            taken = dut.done & (whose == n)
            m.d.sync += count.eq(count + given - taken)
            m.d.comb += Assume(~taken | (count != 0))

        # One instruction is followed, the only one of its layer; until it is done, its context has
        # `jobs` to do.
        layer, ours = self.something(m, 16, "layer"), self.something(m, 1, "ours")
        came, gave, jobs = Signal(), Signal(), Signal(4)
        comes = starts & (start.layer == layer)
        ends = dut.done & (whose == ours)
        m.d.comb += [Assume(~(comes & came)), Assume(~comes | (start.context == ours))]
        with m.If(comes):
            m.d.sync += [
                came.eq(1),
                jobs.eq(Mux(ours, working[1], working[0]) - ends + ~start.instant),
            ]
        with m.Else():
            m.d.sync += jobs.eq(jobs - (ends & (jobs != 0)))
        with m.If(dut.give.valid & dut.give.ready & (dut.first.layer == layer)):
            m.d.comb += [Assert(came), Assert(jobs == 0), Assert(~gave)]
            m.d.sync += gave.eq(1)


class EveryFaultyContextIsNamed(Proof):
    """Of faults that come at once, one is passed on, and every context concerned is named."""

    induction = True
    depth = 2

    def describe(self, m):
        m.submodules.dut = dut = FaultMerge(contexts=4, sources=3)
        one = self.something(m, range(3), "one")
        m.d.comb += Assume(one < 3)
        passed = Const(0)
        for n, source in enumerate(dut.sources):
            report = self.anything(FaultReport, f"report{n}")
            valid = self.anything(1, f"valid{n}")
            m.d.comb += [source.p.eq(report), source.valid.eq(valid), Assume(report.context < 4)]
            concerned = valid & (report.engine < len(Stream))
            with m.If((one == n) & concerned):
                m.d.comb += Assert(dut.faulty.bit_select(report.context, 1))
            with m.If((one == n) & valid):
                m.d.comb += Assert(dut.fault.valid)
            passed = passed | (valid & (Value.cast(dut.fault.p) == Value.cast(report)))
        m.d.comb += Assert(~dut.fault.valid | passed)


class WatchdogIsNeitherEarlyNorLate(Proof):
    """A context expires with the pulse that ends as many without progress as the limit says."""

    depth = 9

    def describe(self, m):
        m.submodules.dut = dut = Watchdog(contexts=2)
        limit = self.something(m, 16, "limit")
        context = self.something(m, 1, "context")
        tick, progress = self.anything(1, "tick"), self.anything(2, "progress")
        ticked = Signal()
        m.d.sync += ticked.eq(tick)
        m.d.comb += [
            dut.tick.eq(tick),
            dut.limit.eq(limit),
            dut.watched.eq(3),
            dut.patient.eq(0),
            dut.progress.eq(progress),
            Assume(~(tick & ticked)),
        ]
        moves = progress.bit_select(context, 1)
        pulses, moved, due = Signal(8), Signal(), Signal(2)
        still = ~(moved | moves)
        expires = tick & still & (limit != 0) & (pulses + 1 >= limit)
        m.d.sync += due.eq(Cat(expires, due))
        expected = due.bit_select(context, 1)
        m.d.comb += Assert(dut.expired.bit_select(context, 1) == expected)
        with m.If(tick):
            m.d.sync += [moved.eq(0), pulses.eq(Mux(still & ~expires, pulses + 1, 0))]
        with m.Elif(moves):
            m.d.sync += moved.eq(1)
