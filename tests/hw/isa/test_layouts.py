"""Bits that parties agree on do not move: what is written here changes with a format only."""

import pytest

from intarsia.isa.document import layouts
from tests.hw.isa.words import WORDS

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
        "weights1": (128, 32),
        "weights2": (160, 32),
        "weights3": (192, 32),
        "reserved": (224, 32),
        "in_height": (256, 16),
        "row_taps": (272, 8),
        "x_taps": (280, 8),
        "out_height": (288, 16),
        "out_width": (304, 16),
        "out_channels": (320, 16),
        "run": (336, 16),
        "row_bytes": (352, 24),
        "zero_point": (376, 8),
        "row_step": (384, 24),
        "stride_y": (408, 8),
        "tap_row_step": (416, 24),
        "dilation_y": (440, 8),
        "pixel_step": (448, 24),
        "pad_top": (472, 8),
        "tap_step": (480, 24),
        "rounding": (504, 4),
        "diagonal": (508, 1),
        "sliding": (509, 1),
        "packed": (510, 1),
        "striped": (511, 1),
        "pad_left": (512, 24),
        "out_zero_point": (536, 8),
        "origin": (544, 24),
        "low": (568, 8),
        "out_pixel_step": (576, 24),
        "high": (600, 8),
        "out_row_step": (608, 24),
        "reserved1": (632, 7),
        "chained": (639, 1),
    },
    "VectorDescriptor": {
        "a": (0, 32),
        "b": (32, 32),
        "output": (64, 32),
        "out_height": (96, 16),
        "out_width": (112, 16),
        "channels": (128, 24),
        "rounding": (152, 4),
        "chained": (156, 1),
        "swapped": (157, 1),
        "reserved": (158, 2),
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
        "down": (576, 16),
        "across": (592, 16),
        "reserved2": (608, 32),
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
    **WORDS,
}

#: Bits of each layout.
SIZES = {
    "ProgramHeader": 384,
    "InstructionHeader": 128,
    "LoopBody": 128,
    "Sync": 128,
    "DeclareGroup": 128,
    "Notify": 128,
    "ConvDescriptor": 640,
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
