"""Mutants of what is between a chip and a board's pins."""

from tests.mutants.runner import Mutant

__all__ = ["BOARDS"]

WIRE_TEST = "tests/hw/board/test_wire.py::test_wire[4]"
BRIDGE_TEST = "tests/hw/board/test_bridge.py::test_bridge"
BOARDS = (
    Mutant(
        "wire: silence does not set the symbols right",
        "hw/intarsia/board/wire.py",
        "m.d.sync += [has_back.eq(0), symbols.eq(0)]",
        "m.d.sync += has_back.eq(0)",
        WIRE_TEST,
    ),
    Mutant(
        "wire: a packet that finds no room is cut, not dropped",
        "hw/intarsia/board/wire.py",
        "keeps.eq(Mux(link.start, fits, kept))",
        "keeps.eq(fits)",
        WIRE_TEST,
    ),
    Mutant(
        "bridge: a request that is garbled is done",
        "hw/intarsia/board/bridge.py",
        "with m.If(total != 0):",
        "with m.If(0):",
        BRIDGE_TEST,
    ),
    Mutant(
        "bridge: addresses are cut to those of the bus",
        "hw/intarsia/board/bridge.py",
        "with m.Elif((request.address >> ADDRESS_BITS) != 0):",
        "with m.Elif(0):",
        BRIDGE_TEST,
    ),
    Mutant(
        "relay: what came while the offer was refused is lost",
        "hw/intarsia/common/relay.py",
        "with m.If(comes & ~moves):",
        "with m.If(0):",
        "tests/hw/common/test_relay.py::test_relay[double]",
    ),
    Mutant(
        "relay: a single one takes what it has no room for",
        "hw/intarsia/common/relay.py",
        "m.d.comb += waits.eq(valid)",
        "m.d.comb += waits.eq(0)",
        "tests/hw/common/test_relay.py::test_relay[single]",
    ),
    Mutant(
        "estimate: a way through cells counts, but the shortest one",
        "hw/intarsia/board/estimate.py",
        "if arrival > found.arrival.get(net, 0.0):",
        "if arrival < found.arrival.get(net, 99.0):",
        "tests/hw/board/test_estimate.py::test_the_longest_way_counts",
    ),
    Mutant(
        "atu: with relays, what is done is not what was chosen",
        "hw/intarsia/atu/cache.py",
        "m.d.sync += [doing.eq(first), kept.eq(chosen), its_port.eq(port)]",
        "m.d.sync += [doing.eq(first), kept.eq(chosen)]",
        "tests/hw/atu/test_cache.py::test_atu[ecp5-85k]",
    ),
)
