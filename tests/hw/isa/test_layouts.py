"""Bits that parties agree on do not move: what is written here changes with a format only."""

import importlib

import pytest
from amaranth.hdl import Shape
from amaranth.lib import enum

from intarsia.isa.document import MODULES, layouts
from intarsia.isa.fragment import CHECKED_MAX, CHECKED_UNIT, FRAGMENT_FORMAT
from intarsia.isa.instruction import PROGRAM_FORMAT, TOKEN_MAX, TOKENS, UNIT
from intarsia.isa.opcodes import INSTRUCTIONS
from intarsia.isa.packet import CREDIT_UNIT, EXTENSION_BYTES, HEADER_BYTES, LINK_FORMAT
from intarsia.isa.registers import IDENTITY

#: Offset and width of each field.
LAYOUTS = {
    "ProgramHeader": {
        "program_format": (0, 16),
        "streams": (16, 16),
        "length": (32, 32),
        "start": (64, 256),
        "reserved": (320, 64),
    },
    "InstructionHeader": {
        "opcode": (0, 8),
        "length": (8, 8),
        "operands": (16, 4),
        "flags": (20, 4),
        "layer": (24, 16),
        "reserved": (40, 24),
        "wait": (64, 32),
        "signal": (96, 32),
    },
    "LoopBody": {
        "back": (0, 24),
        "reserved": (24, 8),
        "count": (32, 32),
        "reserved1": (64, 64),
    },
    "Sync": {
        "group": (0, 8),
        "reserved": (8, 8),
        "esp": (16, 16),
        "reserved1": (32, 96),
    },
    "DeclareGroup": {
        "group": (0, 8),
        "reserved": (8, 8),
        "coordinator": (16, 16),
        "first": (32, 16),
        "members": (48, 16),
        "absent": (64, 32),
        "reserved1": (96, 32),
    },
    "Notify": {
        "value": (0, 32),
        "reserved": (32, 96),
    },
    "ConvDescriptor": {
        "input": (0, 32),
        "weights": (32, 32),
        "records": (64, 32),
        "output": (96, 32),
        "in_height": (128, 16),
        "row_taps": (144, 8),
        "x_taps": (152, 8),
        "out_height": (160, 16),
        "out_width": (176, 16),
        "out_channels": (192, 16),
        "run": (208, 16),
        "row_bytes": (224, 24),
        "zero_point": (248, 8),
        "row_step": (256, 24),
        "stride_y": (280, 8),
        "tap_row_step": (288, 24),
        "dilation_y": (312, 8),
        "pixel_step": (320, 24),
        "pad_top": (344, 8),
        "tap_step": (352, 24),
        "rounding": (376, 4),
        "diagonal": (380, 1),
        "sliding": (381, 1),
        "packed": (382, 1),
        "reserved": (383, 1),
        "pad_left": (384, 24),
        "out_zero_point": (408, 8),
        "origin": (416, 24),
        "low": (440, 8),
        "out_pixel_step": (448, 24),
        "high": (472, 8),
        "out_row_step": (480, 24),
        "reserved1": (504, 8),
    },
    "VectorDescriptor": {
        "a": (0, 32),
        "b": (32, 32),
        "output": (64, 32),
        "out_height": (96, 16),
        "out_width": (112, 16),
        "channels": (128, 24),
        "rounding": (152, 4),
        "reserved": (156, 4),
        "taps_y": (160, 16),
        "taps_x": (176, 16),
        "pixel_step": (192, 24),
        "out_zero_point": (216, 8),
        "row_step": (224, 24),
        "low": (248, 8),
        "tap_step": (256, 24),
        "high": (280, 8),
        "tap_row_step": (288, 24),
        "shift": (312, 8),
        "out_pixel_step": (320, 24),
        "zero_a": (344, 8),
        "out_row_step": (352, 24),
        "zero_b": (376, 8),
        "multiplier": (384, 32),
        "scale_a": (416, 32),
        "scale_b": (448, 32),
        "shift_a": (480, 8),
        "shift_b": (488, 8),
        "reserved1": (496, 16),
        "bias": (512, 64),
        "reserved2": (576, 64),
    },
    "LocalDescriptor": {
        "source": (0, 32),
        "destination": (32, 32),
        "row_bytes": (64, 24),
        "value": (88, 8),
        "rows": (96, 24),
        "reserved": (120, 8),
        "source_pitch": (128, 24),
        "reserved1": (152, 8),
        "destination_pitch": (160, 24),
        "reserved2": (184, 72),
    },
    "RemoteDescriptor": {
        "local": (0, 32),
        "data_id": (32, 40),
        "fragment": (72, 16),
        "reserved": (88, 8),
        "offset": (96, 24),
        "reserved1": (120, 8),
        "row_bytes": (128, 24),
        "reserved2": (152, 8),
        "rows": (160, 24),
        "reserved3": (184, 8),
        "remote_pitch": (192, 24),
        "reserved4": (216, 8),
        "local_pitch": (224, 24),
        "reserved5": (248, 136),
    },
    "StitchRecord": {
        "data_id": (0, 40),
        "fragment": (40, 16),
        "offset": (56, 24),
        "row_bytes": (80, 24),
        "local": (104, 24),
    },
    "StitchDescriptor": {
        "local": (0, 32),
        "records": (32, 32),
        "count": (64, 24),
        "reserved": (88, 72),
        "rows": (160, 24),
        "reserved1": (184, 8),
        "remote_pitch": (192, 24),
        "reserved2": (216, 8),
        "local_pitch": (224, 24),
        "reserved3": (248, 8),
    },
    "ChannelRecord": {
        "bias": (0, 32),
        "multiplier": (32, 32),
        "shift": (64, 8),
        "reserved": (72, 56),
    },
    "Operand": {
        "offset": (0, 24),
        "slot": (24, 8),
    },
    "SlotEntry": {
        "base": (0, 24),
        "size": (24, 24),
        "reserved": (48, 16),
    },
    "LogicalAddress": {
        "data_id": (0, 40),
        "fragment": (40, 16),
        "offset": (56, 24),
        "version": (80, 16),
    },
    "Permissions": {
        "read": (0, 1),
        "write": (1, 1),
        "accumulate": (2, 1),
        "moving": (3, 1),
    },
    "FragmentEntry": {
        "data_id": (0, 40),
        "fragment": (40, 16),
        "permissions": (56, 4),
        "entry_format": (60, 4),
        "base": (64, 32),
        "node": (96, 16),
        "version": (112, 16),
        "size": (128, 32),
        "checksum": (160, 32),
        "replica_base": (192, 32),
        "replica": (224, 16),
        "checked": (240, 1),
        "reserved": (241, 15),
    },
    "PacketHeader": {
        "destination": (0, 16),
        "kind": (16, 5),
        "length": (21, 11),
        "source": (32, 16),
        "transaction": (48, 16),
        "crc": (64, 32),
        "sequence": (96, 8),
        "acknowledge": (104, 8),
        "credit_class": (112, 2),
        "credits": (114, 6),
        "epoch": (120, 4),
        "link_format": (124, 4),
    },
    "TransactionNumber": {
        "place": (0, 3),
        "count": (3, 12),
        "repeated": (15, 1),
    },
    "ErrorDetail": {
        "data_id": (0, 40),
        "fragment": (40, 16),
        "offset": (56, 24),
        "fault": (80, 8),
        "reserved": (88, 8),
    },
    "SyncPoint": {
        "group": (0, 8),
        "reserved": (8, 8),
        "esp": (16, 16),
        "reserved1": (32, 64),
    },
    "ConfigWord": {
        "lanes": (0, 8),
        "contexts": (8, 4),
        "link_ports": (12, 4),
        "memory_log2": (16, 5),
        "macro_banks_log2": (21, 4),
        "atu_sets_log2": (25, 4),
        "atu_ways_minus_1": (29, 3),
    },
    "InterruptWord": {
        "notify": (0, 1),
        "fault": (1, 1),
        "reserved": (2, 30),
    },
    "StatusWord": {
        "running": (0, 16),
        "faulted": (16, 16),
    },
    "SlotIndexWord": {
        "slot": (0, 8),
        "context": (8, 4),
        "reserved": (12, 20),
    },
    "RouteWord": {
        "node": (0, 16),
        "port": (16, 4),
        "reserved": (20, 12),
    },
    "FenceWord": {
        "node": (0, 16),
        "dead": (16, 1),
        "reserved": (17, 15),
    },
    "HomeWord": {
        "index": (0, 3),
        "backup": (3, 1),
        "reserved": (4, 12),
        "node": (16, 16),
    },
    "SerialRequest": {
        "command": (0, 8),
        "address": (8, 16),
        "value": (24, 32),
        "check": (56, 8),
    },
    "SerialReply": {
        "status": (0, 8),
        "value": (8, 32),
        "check": (40, 8),
    },
    "FaultReport": {
        "code": (0, 8),
        "engine": (8, 4),
        "context": (12, 4),
        "node": (16, 16),
        "address": (32, 32),
        "data_id": (64, 40),
        "info": (104, 24),
    },
}

#: Bits of each layout.
SIZES = {
    "ProgramHeader": 384,
    "InstructionHeader": 128,
    "LoopBody": 128,
    "Sync": 128,
    "DeclareGroup": 128,
    "Notify": 128,
    "ConvDescriptor": 512,
    "VectorDescriptor": 640,
    "LocalDescriptor": 256,
    "RemoteDescriptor": 384,
    "StitchRecord": 128,
    "StitchDescriptor": 256,
    "ChannelRecord": 128,
    "Operand": 32,
    "SlotEntry": 64,
    "LogicalAddress": 96,
    "Permissions": 4,
    "FragmentEntry": 256,
    "PacketHeader": 128,
    "TransactionNumber": 16,
    "ErrorDetail": 96,
    "SyncPoint": 96,
    "ConfigWord": 32,
    "InterruptWord": 32,
    "StatusWord": 32,
    "SlotIndexWord": 32,
    "RouteWord": 32,
    "FenceWord": 32,
    "HomeWord": 32,
    "SerialRequest": 64,
    "SerialReply": 48,
    "FaultReport": 128,
}

#: Width and values of each enumeration.
ENUMS = {
    "Stream": (
        3,
        {
            "CONTROL": 0,
            "CONV": 1,
            "VECTOR": 2,
            "LOCAL": 3,
            "REMOTE": 4,
        },
    ),
    "ControlOp": (
        8,
        {
            "NOP": 0,
            "END": 1,
            "LOOP": 2,
            "DOORBELL": 3,
            "SYNC": 4,
            "DECLARE_GROUP": 5,
            "NOTIFY": 6,
        },
    ),
    "ConvOp": (
        8,
        {
            "CONV": 16,
        },
    ),
    "VectorOp": (
        8,
        {
            "ADD": 32,
            "POOL_MAX": 33,
            "POOL_SUM": 34,
        },
    ),
    "LocalOp": (
        8,
        {
            "COPY": 48,
            "FILL": 49,
        },
    ),
    "RemoteOp": (
        8,
        {
            "READ": 64,
            "WRITE": 65,
            "ACCUMULATE": 66,
            "GATHER": 67,
            "SCATTER": 68,
        },
    ),
    "SerialCommand": (8, {"READ": 0x52, "WRITE": 0x57}),
    "SerialStatus": (
        8,
        {
            "OKAY": 0x4B,
            "REFUSED": 0x45,
            "GARBLED": 0x47,
            "INTERRUPT": 0x49,
        },
    ),
    "Rounding": (
        4,
        {
            "FP32": 0,
            "DOUBLE": 1,
            "MEAN": 2,
            "HALF_UP": 3,
        },
    ),
    "MessageClass": (
        2,
        {
            "REQUEST": 0,
            "FORWARD": 1,
            "REPLY": 2,
            "CONTROL": 3,
        },
    ),
    "PacketKind": (
        5,
        {
            "READ": 0,
            "WRITE": 1,
            "ACCUMULATE": 2,
            "MAP_UPDATE": 3,
            "MAP_LOOKUP": 8,
            "MAP_INVALIDATE": 9,
            "READ_REPLY": 16,
            "WRITE_ACK": 17,
            "ERROR": 18,
            "MAP_REPLY": 19,
            "MAP_INVALIDATED": 20,
            "MAP_UPDATED": 21,
            "CREDIT": 24,
            "SYNC_ARRIVE": 25,
            "SYNC_RELEASE": 26,
            "ACK": 28,
            "RETRY": 29,
            "HELLO": 30,
        },
    ),
    "Register": (
        10,
        {
            "ID": 0x000,
            "CONFIG": 0x004,
            "NODE": 0x008,
            "WATCHDOG": 0x00C,
            "IRQ": 0x010,
            "NOTIFY": 0x014,
            "START": 0x018,
            "DOORBELL": 0x01C,
            "STATUS": 0x020,
            "STOP": 0x024,
            "SLOT_INDEX": 0x030,
            "SLOT_BASE": 0x034,
            "SLOT_SIZE": 0x038,
            "OWNER_CONTEXT": 0x040,
            "OWNER": 0x044,
            "ROUTE": 0x048,
            "FENCE": 0x04C,
            "COUNTER_INDEX": 0x050,
            "COUNTER": 0x054,
            "FAULT0": 0x060,
            "FAULT1": 0x064,
            "FAULT2": 0x068,
            "FAULT3": 0x06C,
            "ENTRY0": 0x080,
            "ENTRY1": 0x084,
            "ENTRY2": 0x088,
            "ENTRY3": 0x08C,
            "ENTRY4": 0x090,
            "ENTRY5": 0x094,
            "ENTRY6": 0x098,
            "ENTRY7": 0x09C,
            "ENTRY_COMMIT": 0x0A0,
            "HOME": 0x0A4,
            "HOME_BASE": 0x0A8,
            "HOME_SIZE": 0x0AC,
        },
    ),
    "Access": (
        2,
        {
            "RO": 0,
            "RW": 1,
            "WO": 2,
        },
    ),
    "FaultCode": (
        8,
        {
            "NONE": 0,
            "PARITY": 1,
            "PROGRAM": 2,
            "SLOT": 3,
            "DESCRIPTOR": 4,
            "TOKEN": 5,
            "ATU_MISS": 6,
            "OWNER": 7,
            "PERMISSION": 8,
            "VERSION": 9,
            "BOUNDS": 10,
            "WRONG_NODE": 11,
            "LINK": 12,
            "LINK_PROTOCOL": 13,
            "TRANSACTION": 14,
            "SYNC": 15,
            "WATCHDOG": 16,
            "NODE_DEAD": 17,
            "CHECKSUM": 18,
            "HOME_FULL": 19,
        },
    ),
    "Activity": (
        3,
        {
            "IDLE": 0,
            "BUSY": 1,
            "OPERANDS": 2,
            "MEMORY": 3,
            "WEIGHTS": 4,
            "DRAIN": 5,
            "LINK": 6,
            "BARRIER": 7,
        },
    ),
    "CounterBank": (
        4,
        {
            "CONTROL": 0,
            "CONV": 1,
            "VECTOR": 2,
            "LOCAL": 3,
            "REMOTE": 4,
            "RESPONDER": 5,
            "LINK_TX": 6,
            "LINK_RX": 7,
            "ATU": 8,
            "LINK_ERRORS": 9,
        },
    ),
}

#: Units and operands of each instruction.
INSTRUCTION_SIZES = {
    "NOP": (1, 0),
    "END": (1, 0),
    "LOOP": (2, 0),
    "DOORBELL": (1, 0),
    "SYNC": (2, 0),
    "DECLARE_GROUP": (2, 0),
    "NOTIFY": (2, 0),
    "CONV": (5, 4),
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


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.__name__)
def test_layout_is_stable(layout):
    found = {name: (field.offset, field.width) for name, field in layout.as_shape()}
    assert found == LAYOUTS[layout.__name__]
    assert layout.as_shape().size == SIZES[layout.__name__]


def test_all_layouts_are_pinned():
    assert [layout.__name__ for layout in layouts()] == list(LAYOUTS) == list(SIZES)


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.__name__)
def test_layout_has_no_gap(layout):
    end = 0
    for _, field in layout.as_shape():
        assert field.offset == end
        end += field.width
    assert end == layout.as_shape().size


def test_enumerations_are_stable():
    found = {}
    for name in MODULES:
        module = importlib.import_module(f"intarsia.isa.{name}")
        for kind in vars(module).values():
            own = isinstance(kind, type) and kind.__module__ == module.__name__
            if own and issubclass(kind, enum.Enum):
                members = {member.name: member.value for member in kind}
                found[kind.__name__] = Shape.cast(kind).width, members
    assert found == ENUMS


def test_instructions_are_stable():
    found = {opcode.name: (info.units, info.operands) for opcode, info in INSTRUCTIONS.items()}
    assert found == INSTRUCTION_SIZES


def test_constants_are_stable():
    assert (PROGRAM_FORMAT, FRAGMENT_FORMAT, LINK_FORMAT) == (1, 3, 2)
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
    assert info.operands == sum(operands) <= 4
