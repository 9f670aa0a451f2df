"""Requests, from when they are cut until all is done that they ask for."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.dma.pieces import Span
from intarsia.isa.address import DATA_ID, LOCAL, NODE
from intarsia.isa.packet import TransactionNumber

__all__ = [
    "IN_FLIGHT",
    "JOBS",
    "OFFSET",
    "PATIENCE",
    "PLACE",
    "TRIES",
    "Request",
    "Return",
    "Sending",
    "Target",
    "Transactions",
]

#: Requests that are open, at most: places of the table.
IN_FLIGHT = 1 << TransactionNumber.as_shape()["place"].width

#: Place in the table.
PLACE = range(IN_FLIGHT)

#: Jobs that may have begun and not be done.
JOBS = 4

#: Times that a request is sent before a refusal is final.
TRIES = 15

#: Pulses of the timebase after which a node that has not answered is taken for dead, at the latest
#: after as many more.
PATIENCE = 16

#: Byte within a fragment; one bit wider, so that none ever wraps around into it.
OFFSET = unsigned(Shape.cast(LOCAL).width + 1)


class Request(data.Struct):
    """What is asked for: at most as much as a packet carries."""

    count: TransactionNumber.as_shape()["count"].shape
    """As in `TransactionNumber`. The table sets it."""

    kind: 2
    """READ, WRITE or ACCUMULATE: the lower bits of that `PacketKind`."""

    job: range(JOBS)
    """Job that it belongs to."""

    foreign: 1
    """The tensor belongs to another owner than the context."""

    data_id: DATA_ID
    """Tensor at the other side."""

    fragment: 16
    """Fragment of the tensor."""

    offset: OFFSET
    """First byte within the fragment."""

    span: Span
    """This side."""


class Target(data.Struct):
    """Where a request was sent to last."""

    node: NODE
    """Who was asked."""

    tries: range(TRIES + 1)
    """How often it was sent; TRIES stands for any more, too."""

    more: 1
    """When this node has done it, another one is to be asked for the same."""


class Sending(data.Struct):
    """What becomes of a request that was taken: it is sent, or else put off."""

    place: PLACE
    target: Target
    leaves: 1


class Return(data.Struct):
    """A request that must be sent again."""

    place: PLACE

    half: 1
    """One of two nodes has done it."""

    late: 1
    """Not before the next pulse of the timebase."""


class Transactions(wiring.Component):
    """Table of the requests that are open.

    Requests may be closed in any order; their places are free then.

    They are due in the order in which they were opened, before them those that must be sent again.
    So must those whose reply does not come within `PATIENCE`, or at the latest twice as many,
    pulses of `tick`.

    Parameters
    ----------
    relays : bool
        Which one is due is chosen a cycle before.

    Members
    -------
    tick : In(1)
        Timebase.
    open : In(stream.Signature(Request))
    jobs : Out(JOBS)
        Jobs with requests that are open.
    asks : In(1)
        The table is asked for `asked`; nothing is due in this cycle.
    asked : In(TransactionNumber)
    place : Out(PLACE)
        That of `asked`, or else of the request that is due.
    found : Out(Request)
    target : Out(Target)
        In the same cycle: the request in that place.
    known : Out(1)
        The reply to `asked` is awaited.
    late : Out(1)
        It is not, though the request is open.
    claim : In(1)
        The reply to `asked` is there.
    due : Out(1)
        There is a request to be sent.
    again, half, expired : Out(1)
        It was sent before; one of two nodes has done it; the node did not answer.
    take : In(1)
        It is taken.
    send : In(stream.Signature(Sending, always_ready=True))
        What has become of one that was taken.
    back : In(stream.Signature(Return, always_ready=True))
        One whose reply was claimed must be sent again.
    close, drop : In(stream.Signature(PLACE, always_ready=True))
        One whose reply was claimed, or that was taken, is closed.
    """

    tick: In(1)
    open: In(stream.Signature(Request))
    jobs: Out(JOBS)
    asks: In(1)
    asked: In(TransactionNumber)
    place: Out(PLACE)
    found: Out(Request)
    target: Out(Target)
    known: Out(1)
    late: Out(1)
    claim: In(1)
    due: Out(1)
    again: Out(1)
    half: Out(1)
    expired: Out(1)
    take: In(1)
    send: In(stream.Signature(Sending, always_ready=True))
    back: In(stream.Signature(Return, always_ready=True))
    close: In(stream.Signature(PLACE, always_ready=True))
    drop: In(stream.Signature(PLACE, always_ready=True))

    def __init__(self, *, relays=False):
        self.relays = relays
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        m.submodules.requests = requests = memory.Memory(shape=Request, depth=IN_FLIGHT, init=[])
        m.submodules.targets = targets = memory.Memory(shape=Target, depth=IN_FLIGHT, init=[])
        m.submodules.order = order = memory.Memory(shape=PLACE, depth=IN_FLIGHT, init=[])
        write, write_target = requests.write_port(), targets.write_port()
        read, read_target = requests.read_port(domain="comb"), targets.read_port(domain="comb")
        first, last = order.read_port(domain="comb"), order.write_port()

        # A bit for each place. What is open is not sent yet, or is awaited, or is to be sent again
        # (now or later), or is in somebody's hands.
        flags = ("pending", "awaits", "old", "repeats", "later", "timeouts", "halves")
        pending, awaits, old, repeats, later, timeouts, halves = (
            Signal(IN_FLIGHT, name=name) for name in flags
        )
        free = Signal(PLACE)
        place = self.place
        opens = Signal()
        count = Signal.like(self.found.count)
        opened_last = Signal(range(2 * IN_FLIGHT))  # All since the last one that was sent lie in
        sent_last = Signal.like(opened_last)  # `order` between these.
        for n in reversed(range(IN_FLIGHT)):
            with m.If(~pending[n]):
                m.d.comb += free.eq(n)
        unsent = Signal()
        some = Signal()
        chosen = Signal(PLACE)
        self._choose(m, repeats, unsent, chosen, some)
        m.d.comb += [
            unsent.eq(opened_last != sent_last),
            self.due.eq(~self.asks & some),
            self.open.ready.eq(~pending.all()),
            opens.eq(self.open.valid & self.open.ready),
            write.addr.eq(free),
            write.data.eq(self.open.p),
            write.data.count.eq(count),
            write.en.eq(opens),
            last.addr.eq(opened_last),
            last.data.eq(free),
            last.en.eq(opens),
            first.addr.eq(sent_last),
            write_target.addr.eq(self.send.p.place),
            write_target.data.eq(self.send.p.target),
            write_target.en.eq(self.send.valid),
            chosen.eq(first.data),
            read.addr.eq(place),
            read_target.addr.eq(place),
            self.found.eq(read.data),
            self.target.eq(read_target.data),
            self.half.eq(halves.bit_select(place, 1)),
            self.expired.eq(timeouts.bit_select(place, 1)),
        ]
        for n in reversed(range(IN_FLIGHT)):
            with m.If(repeats[n]):
                m.d.comb += chosen.eq(n)
        with m.If(opens):
            m.d.sync += [count.eq(count + 1), opened_last.eq(opened_last + 1)]
        with m.If(self.take & ~self.again):
            m.d.sync += sent_last.eq(sent_last + 1)

        same = Signal()
        awaited = Signal()
        m.d.comb += [
            same.eq(pending.bit_select(place, 1) & (self.found.count == self.asked.count)),
            awaited.eq(awaits.bit_select(place, 1)),
            self.known.eq(same & awaited),
            self.late.eq(same & ~awaited),
        ]

        def bit(valid, place):
            """The bit of `place`, if `valid`."""
            return Mux(valid, (Const(1, IN_FLIGHT) << place)[:IN_FLIGHT], 0)

        events = ("opened", "claimed", "taken", "sent", "delayed", "returned", "closed", "expires")
        opened, claimed, taken, sent, delayed, returned, closed, expires = (
            Signal(IN_FLIGHT, name=name) for name in events
        )
        pulses = Signal(range(PATIENCE))
        wakes = Signal(IN_FLIGHT)
        period = Signal()
        m.d.comb += [
            opened.eq(bit(opens, free)),
            claimed.eq(bit(self.claim, place)),
            taken.eq(bit(self.take, place)),
            sent.eq(bit(self.send.valid & self.send.p.leaves, self.send.p.place)),
            delayed.eq(bit(self.send.valid & ~self.send.p.leaves, self.send.p.place)),
            returned.eq(bit(self.back.valid, self.back.p.place)),
            closed.eq(bit(self.close.valid, self.close.p) | bit(self.drop.valid, self.drop.p)),
            wakes.eq(Mux(self.tick, later, 0)),
            period.eq(self.tick & (pulses == PATIENCE - 1)),
            expires.eq(Mux(period, awaits & old & ~claimed, 0)),
        ]
        jobs = [Signal(range(JOBS), name=f"job{n}", reset_less=True) for n in range(IN_FLIGHT)]
        with m.If(pending.any()):
            for n, job in enumerate(jobs):
                with m.If(pending[n]):
                    m.d.comb += self.jobs.bit_select(job, 1).eq(1)
        for n, job in enumerate(jobs):
            with m.If(opened[n]):
                m.d.sync += job.eq(self.open.p.job)
        with m.If(opens | pending.any()):
            m.d.sync += [
                pending.eq(pending & ~closed | opened),
                awaits.eq(awaits & ~claimed & ~expires | sent),
                old.eq(Mux(period, awaits, old) & ~sent),
                repeats.eq(repeats & ~taken | expires | wakes | Mux(self.back.p.late, 0, returned)),
                later.eq(later & ~wakes | delayed | Mux(self.back.p.late, returned, 0)),
                timeouts.eq(timeouts & ~taken | expires),
                halves.eq(
                    halves & ~(opened | returned | expires) | Mux(self.back.p.half, returned, 0)
                ),
                pulses.eq(pulses + self.tick),
            ]

        return m

    def _choose(self, m, repeats, unsent, chosen, some):
        """Which request is looked at: what is asked for, or else what is due, if `some` is."""
        now = chosen
        if self.relays:
            # What is due remains so until it is taken.
            picked, repeated = Signal(), Signal()
            now = Signal.like(chosen, name="picked_place")
            with m.If(self.take):
                m.d.sync += picked.eq(0)
            with m.Elif(~picked):
                m.d.sync += [
                    picked.eq(repeats.any() | unsent),
                    repeated.eq(repeats.any()),
                    now.eq(chosen),
                ]
            m.d.comb += [some.eq(picked), self.again.eq(repeated)]
        else:
            m.d.comb += [some.eq(repeats.any() | unsent), self.again.eq(repeats.any())]
        m.d.comb += self.place.eq(Mux(self.asks, self.asked.place, now))
