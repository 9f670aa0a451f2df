"""Layers and descriptors that the engine is tried with."""

from tests.hw.conv.layers import Layer

__all__ = [
    "LAYERS",
    "PACKED",
    "PAUSES",
    "REFUSED",
    "REFUSED_PACKING",
    "REFUSED_WINDOWS",
    "SLIDING",
    "STRIPED",
]

PAUSES = [0.0, 0.5]

LAYERS = {
    "pixel": Layer(size=(1, 1), channels=3, out_channels=5),
    "dense": Layer(size=(1, 1), channels=70, out_channels=9, low=0),
    "dw_pixel": Layer(size=(1, 1), channels=9, out_channels=9, diagonal=True),
    "corners": Layer(
        size=(3, 3), channels=5, out_channels=4, kernel=(3, 3), before=(2, 2), after=(2, 2),
        zero_point=-7,
    ),
    "far_pads": Layer(
        size=(1, 1), channels=1, out_channels=1, kernel=(2, 2), before=(6, 6), after=(5, 5),
        zero_point=99,
    ),
    "wraps": Layer(
        size=(6, 5), channels=3, out_channels=2, kernel=(3, 3), before=(1, 1), after=(1, 1),
        bank=2,
    ),
    "tail": Layer(size=(4, 4), channels=3, out_channels=6, kernel=(2, 3)),
    "taps": Layer(
        size=(7, 7), channels=6, out_channels=7, kernel=(3, 3), dilation=(2, 2), group=(1, 5),
        before=(2, 2),
    ),
    "depthwise": Layer(
        size=(6, 6), channels=11, out_channels=11, kernel=(3, 3), before=(1, 1), after=(1, 1),
        diagonal=True, stride=(1, 2), zero_point=3,
    ),
    "blocks": Layer(size=(12, 17), channels=2, out_channels=6, kernel=(2, 2)),
    "one_chunk": Layer(size=(13, 16), channels=4, out_channels=9, stride=(1, 1)),
    "full_half": Layer(size=(8, 8), channels=4, out_channels=5),
    "two_halves": Layer(size=(16, 8), channels=5, out_channels=8),
    "tall": Layer(size=(200, 1), channels=1, out_channels=3, row_gap=3),
    "wide": Layer(size=(1, 200), channels=1, out_channels=3),
}  # fmt: skip

#: Depthwise, with line buffers.
SLIDING = {
    "whole_map": Layer(size=(3, 3), channels=5, out_channels=5, kernel=(3, 3)),
    "same": Layer(
        size=(6, 7), channels=16, out_channels=16, kernel=(3, 3), before=(1, 1), after=(1, 1),
        zero_point=-7,
    ),
    "halves": Layer(
        size=(13, 11), channels=37, out_channels=37, kernel=(3, 3), stride=(2, 2), after=(1, 1),
        zero_point=3, row_gap=2,
    ),
    "blocks": Layer(
        size=(24, 24), channels=19, out_channels=19, kernel=(3, 3), before=(1, 1), after=(1, 1),
        zero_point=99,
    ),
    "two_wide": Layer(
        size=(5, 2), channels=9, out_channels=9, kernel=(3, 3), before=(1, 1), after=(1, 1),
        zero_point=8,
    ),
    "all_pads": Layer(
        size=(2, 3), channels=3, out_channels=3, kernel=(3, 3), before=(2, 2), after=(2, 4),
        zero_point=-50,
    ),
    "sparse": Layer(size=(9, 9), channels=8, out_channels=8, kernel=(2, 3), stride=(4, 5)),
    "row": Layer(size=(1, 200), channels=4, out_channels=4, kernel=(1, 3), before=(0, 1)),
    "scale": Layer(size=(4, 70), channels=4, out_channels=4),
}  # fmt: skip
#: Windows of which vectors have several rows.
PACKED = {
    "three_bytes": Layer(
        size=(5, 6), channels=1, out_channels=3, kernel=(3, 3), before=(1, 1), after=(1, 1),
        zero_point=-7,
    ),
    "across": Layer(
        size=(7, 7), channels=3, out_channels=9, kernel=(3, 3), before=(1, 1), after=(1, 1),
        stride=(2, 2), zero_point=3,
    ),
    "tall": Layer(
        size=(12, 5), channels=1, out_channels=6, kernel=(10, 4), stride=(2, 2), before=(4, 1),
        after=(5, 1), zero_point=50,
    ),
    "apart": Layer(
        size=(9, 4), channels=5, out_channels=5, kernel=(3, 2), dilation=(3, 1), before=(2, 0),
        after=(3, 1), zero_point=-1,
    ),
    "wraps": Layer(
        size=(6, 5), channels=3, out_channels=2, kernel=(3, 3), before=(2, 2), after=(2, 2),
        bank=2,
    ),
    "seven": Layer(size=(9, 9), channels=3, out_channels=4, kernel=(7, 7), stride=(2, 2)),
    "blocks": Layer(size=(20, 20), channels=1, out_channels=5, kernel=(2, 2), zero_point=9),
}  # fmt: skip

#: With weights in pieces.
STRIPED = {
    "pixel": Layer(size=(1, 1), channels=3, out_channels=5),
    "dense": Layer(size=(1, 1), channels=70, out_channels=9, low=0),
    "one": Layer(size=(2, 3), channels=2, out_channels=1, kernel=(2, 2)),
    "whole": Layer(size=(3, 3), channels=9, out_channels=16, zero_point=-7),
    "blocks": Layer(size=(12, 17), channels=2, out_channels=6, kernel=(2, 2)),
}

#: Name of a field, value that it must not have, and word of the descriptor that it is in.
REFUSED = {
    "row_taps": ("row_taps", 0, 8),
    "x_taps": ("x_taps", 0, 8),
    "height": ("out_height", 0, 9),
    "width": ("out_width", 0, 9),
    "channels": ("out_channels", 0, 10),
    "run": ("run", 0, 10),
    "diagonal": ("diagonal", 1, 10),
    "rounding": ("rounding", 4, 15),
    "unknown": ("rounding", 15, 15),
    "reserved": ("reserved", 1 << 31, 7),
    "reserved1": ("reserved1", 0x40, 19),
}

#: The same, of SLIDING["same"]. Its pixels are of 16 bytes, 7 a row.
REFUSED_WINDOWS = {
    "both": ("diagonal", 1, 15),
    "run": ("run", 2, 10),
    "tall": ("row_taps", 4, 8),
    "wide": ("x_taps", 4, 8),
    "a_pixel": ("row_bytes", 16, 11),
    "long_row": ("row_bytes", 257 * 16, 11),
    "dilated": ("dilation_y", 2, 13),
    "cut": ("pad_top", 0xFF, 14),
    "far_above": ("pad_top", 3, 14),
    "no_pixel": ("tap_step", 0, 11),
    "far_left": ("pad_left", 33, 16),
}

#: The same, of PACKED["across"].
REFUSED_PACKING = {
    "diagonal": ("diagonal", 1, 10),
    "taps": ("x_taps", 2, 8),
    "long_run": ("run", 256 + 9, 10),
    "banks": ("tap_row_step", 1 << 16, 13),
}
