"""C++ sees the contract as Python has it."""

import re
from itertools import takewhile

from intarsia.cosim.header import cpp_header
from intarsia.isa.packet import EXTENDED, PacketHeader, PacketKind

LINES = cpp_header().splitlines()


def block(first):
    """Lines from `first` to the closing brace."""
    return [*takewhile(lambda line: line[:1] != "}", LINES[LINES.index(first) + 1 :])]


def test_fields_are_at_their_bits():
    assert block("namespace sync_point {") == [
        "constexpr Field GROUP{0, 8};",
        "constexpr Field RESERVED{8, 8};",
        "constexpr Field ESP{16, 16};",
        "constexpr Field RESERVED1{32, 64};",
        "constexpr unsigned BITS = 96;",
    ]
    assert "constexpr Field CRC{64, 32};" in block("namespace packet_header {")


def test_all_fields_are_there():
    lines = block("namespace packet_header {")
    assert len(lines) == len([*PacketHeader.as_shape()]) + 1


def test_enumerations_have_their_values():
    lines = block("enum class PacketKind : uint32_t {")
    assert lines == [f"    {kind.name} = {kind.value}," for kind in PacketKind]


def test_tuples_of_members_are_arrays():
    [line] = [line for line in LINES if " EXTENDED[] " in line]
    assert re.findall(r"PacketKind::(\w+)", line) == [kind.name for kind in EXTENDED]


def test_numbers_are_constants():
    assert {
        "constexpr unsigned HEADER_BYTES = 16;",
        "constexpr unsigned CREDIT_UNIT = 8;",
        "constexpr unsigned HOST_NODE = 33;",
        "constexpr unsigned PAYLOAD_MAX = 1024;",
    } <= {*LINES}


def test_names_are_known_before_they_are_used():
    kinds = LINES.index("enum class PacketKind : uint32_t {")
    [array] = [n for n, line in enumerate(LINES) if " EXTENDED[] " in line]
    assert kinds < array


def test_nothing_depends_on_the_order_of_imports():
    assert cpp_header() == cpp_header()
