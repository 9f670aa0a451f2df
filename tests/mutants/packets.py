"""Mutants of link ports, router and sync port, and of the memory's parity."""

from tests.mutants.runner import Mutant

__all__ = ["PACKETS"]

RECEIVER = "tests/hw/link/test_receiver.py::test_receiver[16]"
TRANSMITTER = "tests/hw/link/test_transmitter.py::test_transmitter[16]"
RETURNS = "tests/hw/link/test_returns.py::test_returns[16-False]"
PORT = "tests/hw/link/test_port.py::test_port[16-False]"
ERRORS = "tests/hw/link/test_errors.py::test_errors[16]"
ROUTER = "tests/hw/link/test_router.py::test_router[4-2]"
SYNC = "tests/hw/sync/test_port.py::test_port[tiny]"
MEMORY = "tests/hw/memory/test_memory.py::test_memory[tiny-straight]"

PACKETS = (
    Mutant(
        "link: the last beat of a packet costs no credit",
        "hw/intarsia/link/collector.py",
        "spent.eq(storing & current[n])",
        "spent.eq(storing & current[n] & ~beat.last)",
        TRANSMITTER,
    ),
    Mutant(
        "link: requests go before control",
        "hw/intarsia/link/collector.py",
        "ready & (~ready + 1)",
        "Mux(ready[3], 8, ready & (~ready + 1))",
        TRANSMITTER,
    ),
    Mutant(
        "link: credits of packets that are dropped count",
        "hw/intarsia/link/receiver.py",
        'self.grant.valid.eq(good & (found["credits"] != 0))',
        'self.grant.valid.eq(last & (found["credits"] != 0))',
        RECEIVER,
    ),
    Mutant(
        "link: what has no room overwrites what is there",
        "hw/intarsia/link/buffer.py",
        "write.en.eq(space)",
        "write.en.eq(1)",
        RECEIVER,
    ),
    Mutant(
        "link: packets of other lives are taken",
        "hw/intarsia/link/receiver.py",
        'self.same.eq(self.up & found["same"])',
        "self.same.eq(self.up)",
        RECEIVER,
    ),
    Mutant(
        "link: what is missing is asked for by each packet behind it",
        "hw/intarsia/link/receiver.py",
        "self.retry.eq(self.up & missing & ~asked)",
        "self.retry.eq(self.up & missing)",
        RECEIVER,
    ),
    Mutant(
        "link: a lost question is not asked again",
        "hw/intarsia/link/receiver.py",
        "with m.If(self.tick | self.accepted |",
        "with m.If(self.accepted |",
        RECEIVER,
    ),
    Mutant(
        "link: more packets are sent than are kept",
        "hw/intarsia/link/collector.py",
        "(self.begun | ~in_flight[-1])",
        "(self.begun | ~in_flight[-1] | ~in_flight[-2])",
        TRANSMITTER,
    ),
    Mutant(
        "link: the oldest packet is not repeated",
        "hw/intarsia/link/transmitter.py",
        "out.eq(base), sent.eq(oldest), primed.eq(0)]",
        "out.eq(begin_read.data), sent.eq(oldest + 1), primed.eq(0)]",
        TRANSMITTER,
    ),
    Mutant(
        "link: what has arrived is repeated to its end",
        "hw/intarsia/link/transmitter.py",
        "with m.Elif(again | behind[-1]):",
        "with m.Elif(again):",
        TRANSMITTER,
    ),
    Mutant(
        "link: what has lost its beginning is sent",
        "hw/intarsia/link/collector.py",
        "storing.eq(filling & (self.begun | (beat.first & ~self.dead)))",
        "storing.eq(filling & (self.begun | ~self.dead))",
        TRANSMITTER,
    ),
    Mutant(
        "link: an end comes up by any notice",
        "hw/intarsia/link/session.py",
        "agreed.eq(self.heard & ~self.up & (self.seen == life))",
        "agreed.eq(self.heard & ~self.up)",
        ERRORS,
    ),
    Mutant(
        "link: an end that begins anew is taken for what it was",
        "hw/intarsia/link/session.py",
        "self.renewed.eq(self.heard & self.up & self.hello & ~same)",
        "self.renewed.eq(0)",
        ERRORS,
    ),
    Mutant(
        "link: what is acknowledged nowhere is waited for",
        "hw/intarsia/link/session.py",
        "answered.eq(self.heard & self.up & same & self.news)",
        "answered.eq(self.heard & self.up)",
        ERRORS,
    ),
    Mutant(
        "link: a new life announces room that is taken",
        "hw/intarsia/link/returns.py",
        "capacity ^ ~held, due[name]",
        "capacity - 1, due[name]",
        RETURNS,
    ),
    Mutant(
        "returns: a header that returns nothing takes a turn",
        "hw/intarsia/link/returns.py",
        "with m.If(chosen.any() if self.relays else self.returned):",
        "with m.If(self.returned):",
        "tests/hw/link/test_returns.py::test_returns[4-True]",
    ),
    Mutant(
        "link: a port sleeps while it looks at a beat",
        "hw/intarsia/link/receiver.py",
        "self.awake.eq(arrived | ",
        "self.awake.eq(",
        PORT,
    ),
    Mutant(
        "link: a port sleeps while a packet is offered",
        "hw/intarsia/link/buffer.py",
        "self.awake.eq((begin != good_end) | out.valid)",
        "self.awake.eq(begin != good_end)",
        PORT,
    ),
    Mutant(
        "link: a port sleeps while it is called",
        "hw/intarsia/link/collector.py",
        "self.awake.eq(self.waits | ",
        "self.awake.eq(",
        PORT,
    ),
    Mutant(
        "router: packets for other nodes reach the sink",
        "hw/intarsia/link/router.py",
        "mine.eq(~take.p.first | (header.destination == self.node))",
        "mine.eq(1)",
        ROUTER,
    ),
    Mutant(
        "router: packets of two ports are mixed",
        "hw/intarsia/link/router.py",
        "holding.eq(~(output.ready & output.p.last))",
        "holding.eq(0)",
        ROUTER,
    ),
    Mutant(
        "router: later beats leave by the port of what looks like their destination",
        "hw/intarsia/link/router.py",
        "way.eq(Mux(source.p.first, looked_up, held))",
        "way.eq(looked_up)",
        ROUTER,
    ),
    Mutant(
        "router: what the chip sends goes before what is passed on",
        "hw/intarsia/link/router.py",
        "holder.eq(grants)",
        "holder.eq(1)",
        ROUTER,
    ),
    Mutant(
        "router: the second packet goes where the first one went",
        "hw/intarsia/link/router.py",
        "m.d.sync += passing.eq(0)",
        "m.d.sync += passing.eq(take.p.first)",
        ROUTER,
    ),
    Mutant(
        "link: packets keep the number of the link that they came by",
        "hw/intarsia/link/collector.py",
        "stored.data[link_bit:].eq(link_fields)",
        "stored.data[link_bit:].eq(link_fields | beat.data[link_bit:])",
        TRANSMITTER,
    ),
    Mutant(
        "topologies: rings are passed through the hub",
        "hw/intarsia/isa/topologies.py",
        "return node + 1 if to > node else node - 1",
        "return (node + 1) % chips if node < last else HUB",
        "tests/hw/isa/test_topologies.py",
    ),
    Mutant(
        "topologies: circles are not looked for",
        "hw/intarsia/isa/topologies.py",
        "waits.setdefault(behind, set()).add(ahead)",
        "waits.setdefault(behind, set())",
        "tests/hw/isa/test_topologies.py",
    ),
    Mutant(
        "sync: a barrier opens one member early",
        "hw/intarsia/sync/port.py",
        "(counted.data.count >= known.data.members)",
        "(counted.data.count + 1 >= known.data.members)",
        SYNC,
    ),
    Mutant(
        "sync: what is heard waits for what is said",
        "hw/intarsia/sync/port.py",
        "with m.Elif(message.valid):",
        "with m.Elif(message.valid & ~self.send.valid):",
        SYNC,
    ),
    Mutant(
        "sync: arrivals before the declaration are forgotten",
        "hw/intarsia/sync/port.py",
        "m.d.comb += write.en.eq(1)",
        "m.d.comb += [write.en.eq(1), count.en.eq(1)]",
        SYNC,
    ),
    Mutant(
        "sync: the coordinator does not compare ESPs",
        "hw/intarsia/sync/port.py",
        "(counted.data.count != 0) & (counted.data.esp != point.esp)",
        "Const(0)",
        SYNC,
    ),
    Mutant(
        "memory: damage is reported to who does not ask for the byte",
        "hw/intarsia/memory/memory.py",
        "damaged.eq(wrong & from_mask)",
        "damaged.eq(wrong)",
        MEMORY,
    ),
    Mutant(
        "memory: parity is not compared",
        "hw/intarsia/memory/memory.py",
        "damaged.eq(wrong & from_mask)",
        "damaged.eq(0)",
        MEMORY,
    ),
)
