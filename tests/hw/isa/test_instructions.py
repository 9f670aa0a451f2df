"""Instructions are as long as they were, and constants what they were."""

import pytest

from intarsia.isa.fragment import CHECKED_MAX, CHECKED_UNIT, FRAGMENT_FORMAT
from intarsia.isa.instruction import PROGRAM_FORMAT, TOKEN_MAX, TOKENS, UNIT
from intarsia.isa.opcodes import INSTRUCTIONS
from intarsia.isa.packet import CREDIT_UNIT, EXTENSION_BYTES, HEADER_BYTES, LINK_FORMAT
from intarsia.isa.registers import IDENTITY

#: Units and operands of each instruction.
INSTRUCTION_SIZES = {
    "NOP": (1, 0),
    "END": (1, 0),
    "LOOP": (2, 0),
    "DOORBELL": (1, 0),
    "SYNC": (2, 0),
    "DECLARE_GROUP": (2, 0),
    "NOTIFY": (2, 0),
    "CONV": (6, 7),
    "ADD": (6, 3),
    "POOL_MAX": (6, 3),
    "POOL_SUM": (6, 3),
    "COPY": (3, 2),
    "FILL": (3, 2),
    "READ": (4, 1),
    "WRITE": (4, 1),
    "ACCUMULATE": (4, 1),
    "GATHER": (3, 2),
    "SCATTER": (3, 2),
}


def test_instructions_are_stable():
    found = {opcode.name: (info.units, info.operands) for opcode, info in INSTRUCTIONS.items()}
    assert found == INSTRUCTION_SIZES


def test_constants_are_stable():
    assert (PROGRAM_FORMAT, FRAGMENT_FORMAT, LINK_FORMAT) == (2, 3, 2)
    assert (CHECKED_MAX, CHECKED_UNIT) == (1024, 16)
    assert (UNIT, TOKENS, TOKEN_MAX) == (16, 32, 255)
    assert (HEADER_BYTES, EXTENSION_BYTES, CREDIT_UNIT) == (16, 12, 8)
    assert IDENTITY.to_bytes(4, "little") == b"INT1"


def test_streams_have_opcodes_of_their_own():
    values = [opcode.value for opcode in INSTRUCTIONS]
    assert len(values) == len(set(values))


@pytest.mark.parametrize("opcode", INSTRUCTIONS, ids=lambda opcode: opcode.name)
def test_operands_come_first(opcode):
    info = INSTRUCTIONS[opcode]
    shapes = [field.shape for _, field in info.body.as_shape()] if info.body else []
    operands = [isinstance(shape, type) and shape.__name__ == "Operand" for shape in shapes]
    assert operands == sorted(operands, reverse=True)
    assert info.operands == sum(operands) <= 8
