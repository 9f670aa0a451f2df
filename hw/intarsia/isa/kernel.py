"""Work of the convolution engine: one convolution (or the part of one that a chip computes).

For every output pixel (oy, ox), block of output channels, and chunk (ky, kx, c) of the window, the
engine reads the vector at

    input + origin + oy * row_step + ox * pixel_step + ky * tap_row_step + kx * tap_step + c * lanes

whose valid lanes are those with a row ``oy * stride_y - pad_top + ky * dilation_y`` in
0..in_height-1, and a byte position ``ox * pixel_step - pad_left + kx * tap_step + c * lanes +
lane`` in 0..row_bytes-1. All other lanes read as ``zero_point``: that is the padding. Addresses
wrap around within the macro-bank of ``input``: a vector that is only partly valid may begin before
the first byte of the buffer. Chunks c run over ``ceil(run / lanes)``; a window row that lies dense
in memory (dilation 1, all channels used) is one run of kernel_width * channels bytes, with x_taps =
1; otherwise a run is one tap.

Weights are stored ``[block of output channels][chunk][column][lane]``, zero where a lane exceeds
the run; chunks are in the order ky, kx, c. The last block has only the columns that exist. With
``diagonal``, column n sees lane n alone, weights are ``[block][chunk][lane]`` (always whole
vectors), and block b adds ``b * columns`` to addresses and byte positions: a depthwise convolution.

With ``striped``, weights lie in as many pieces as the configuration has weight ports, S of 2 or 4,
which are read side by side, and fast where they lie in different macro-banks: piece s, from the
s-th operand of ``weights``, ``weights1``, ``weights2``, ``weights3`` on, has columns s, s + S, s +
2 S, … of each chunk. Pieces have as many vectors of each chunk as the first one: what stands for a
column that a block does not have is read, and means nothing. Not with ``diagonal``.

With ``packed``, chunks run over all rows of the window: byte b of the window, counted over its rows
of ``run`` bytes each, is in lane ``b % lanes`` of chunk ``b // lanes``, and there are
``ceil(row_taps * run / lanes)`` of them. For windows without horizontal dilation (x_taps = 1),
where rows of the window are as far apart in memory as in the vectors, modulo `lanes`: then all
bytes of a vector lie in different banks. A vector may have bytes of up to `PACKED_ROWS` rows;
lanes that have none read as ``zero_point``.

``sliding`` is for the same convolutions as ``diagonal``, where the window has at most `WINDOW` rows
and columns, nothing is dilated, ``tap_step`` is the size of a pixel, and the chip has line buffers.
The chunk of an output pixel is then the whole window, of which each column sees that of its own
channel: lane ``3 * j + i`` is the tap j rows above the window's last row and i pixels left of its
last column. Weights are ``[block][column][lane]``, zero in all other lanes.

Channel records are stored in order of output channels, 16 bytes each. Output pixel (oy, ox) of
channel k goes to ``output + oy * out_row_step + ox * out_pixel_step + k``.

With ``chained``, nothing is written: the vectors go to the vector engine, in the order in which
they would be written. That is, for each block of `columns` output channels, for each output pixel
in raster order. The next chained instruction of the same context for the vector engine takes them,
and begins when the engine has turned to this one's output. ``output`` is ignored, but must be an
operand in use. If there is no such instruction in the context any more, the vectors are lost.
"""

from amaranth import *
from amaranth.lib import data

from intarsia.isa.address import Operand
from intarsia.isa.numerics import Rounding

__all__ = ["PACKED_ROWS", "PACKED_RUN", "WEIGHTS", "WINDOW", "ConvDescriptor"]

#: Rows of the window that a vector may have bytes of, with `ConvDescriptor.packed`.
PACKED_ROWS = 4

#: Bytes of the longest row of a window that is `packed`.
PACKED_RUN = 255

#: Operands that pieces of weights begin at, in order.
WEIGHTS = "weights", "weights1", "weights2", "weights3"

#: Rows and columns of the largest window with `ConvDescriptor.sliding`.
WINDOW = 3


class ConvDescriptor(data.Struct):
    """Body of CONV: 80 bytes, of which 7 operands. Those not in use are looked up as well."""

    input: Operand
    """First stored byte of the input rows that this chip holds."""

    weights: Operand
    """Weights, in the order given above."""

    records: Operand
    """Channel records."""

    output: Operand
    """First byte of the output."""

    weights1: Operand
    """Second piece of weights, with `striped`."""

    weights2: Operand
    """Third piece of weights, with `striped`."""

    weights3: Operand
    """Fourth piece of weights, with `striped`."""

    reserved: 32
    """Must be zero."""

    in_height: 16
    """Rows stored at `input`. Rows outside are padding."""

    row_taps: 8
    """Rows of the window, 1..255."""

    x_taps: 8
    """Runs in a row of the window, 1..255."""

    out_height: 16
    """Rows of output to compute, not zero."""

    out_width: 16
    """Columns of output to compute, not zero."""

    out_channels: 16
    """Output channels to compute, not zero."""

    run: 16
    """Bytes of a run, not zero. With `diagonal` or `sliding`: 1."""

    row_bytes: 24
    """Bytes of a stored row, without the gap of a pitch."""

    zero_point: signed(8)
    """Value of padding: zero point of the input."""

    row_step: 24
    """Bytes from the window of one output row to that of the next: vertical stride times pitch."""

    stride_y: 8
    """Input rows from one output row to the next."""

    tap_row_step: 24
    """Bytes between rows of the window: vertical dilation times pitch."""

    dilation_y: 8
    """Input rows between rows of the window."""

    pixel_step: 24
    """Bytes from the window of one output pixel to that of the next: stride times pixel size."""

    pad_top: signed(8)
    """Rows of the first window above the first stored row."""

    tap_step: 24
    """Bytes between runs of a row of the window."""

    rounding: Rounding
    """Rounding mode."""

    diagonal: 1
    """Depthwise: column n sees lane n only."""

    sliding: 1
    """Depthwise: column n sees the window of channel n."""

    packed: 1
    """Rows of the window follow one another in vectors."""

    striped: 1
    """Weights lie in pieces."""

    pad_left: signed(24)
    """Bytes of the first window left of the first stored column."""

    out_zero_point: signed(8)
    """Added after requantization."""

    origin: signed(24)
    """Bytes from `input` to the first window's first byte: -(pad_top * pitch + pad_left), plus the
    first channel of a group."""

    low: signed(8)
    """Lower clamp."""

    out_pixel_step: 24
    """Bytes from one output pixel to the next."""

    high: signed(8)
    """Upper clamp."""

    out_row_step: 24
    """Bytes from one output row to the next."""

    reserved1: 7
    """Must be zero."""

    chained: 1
    """The output goes to the vector engine, and not to memory."""
