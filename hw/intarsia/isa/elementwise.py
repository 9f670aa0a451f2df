"""Work of the vector engine: sums of two tensors, and pools.

All three walk over ``out_height`` x ``out_width`` pixels of ``channels`` bytes. Maps with padding
are cut by the compiler into regions in each of which the window has one size; so no window here
leaves its map.

- POOL_MAX: maximum over the taps ``a + oy * row_step + ox * pixel_step + ky * tap_row_step + kx *
  tap_step``, clamped to [low, high].
- POOL_SUM: ``bias`` plus the sum over the same taps, requantized with `rounding`, `multiplier`,
  `shift` (and ``half = scale_a`` in mode MEAN), zero point and clamp.
- ADD: a at ``oy * row_step + ox * pixel_step``, b at ``oy * tap_row_step + ox * tap_step``. With
  ``pa = (a - zero_a) * scale_a``, ``pb = (b - zero_b) * scale_b``, both scales signed 32 bits:

  - rounding FP32 (numerics mode onnx): ``acc = pa + RNE24(pb + bias)``
  - rounding HALF_UP (xnnpack): ``acc = pa + pb + bias``
  - rounding DOUBLE (tflite): ``acc = RDBPOT((pa + 2**10) >> 11, shift_a) + RDBPOT((pb + 2**10) >>
    11, shift_b)``, RDBPOT being gemmlowp's RoundingDivideByPOT

  then requantized as above. acc has 48 bits. With ``swapped``, b is the first term, and a the
  second: they change places in the formulas, and ``zero_a`` and so on are those of the first term.

With ``chained``, `a` is not read: its vectors come from the convolution engine, from the chained
CONV of the same context that is next in order. It has as many channels as this, and as many pixels:
``out_height`` x ``out_width`` for ADD, ``taps_y`` x ``taps_x`` for pools. Vectors come block of
channels by block of channels, and so they are combined and written, whereas without ``chained`` all
channels of a pixel follow one another. The instruction starts when the convolution engine is ready
to deliver, so it must not wait for anything that waits for that CONV. A number of vectors other
than this takes is a fault: DESCRIPTOR, with the word of ``out_height``.

A chained pool has one window, the whole map, and one pixel of output; or, with ``down`` and
``across``, where the configuration has ``pool_entries``, ``out_height`` x ``out_width`` windows,
each a rectangle of the map, all with the same requantization. What is known of a window is kept
from its first tap to its last one: there is room where windows, counted in raster order from the
first that is not complete to the last that has begun, are never more than ``pool_entries``. Sums
are kept in 16 bits.
"""

from amaranth import *
from amaranth.lib import data

from intarsia.isa.address import Operand
from intarsia.isa.numerics import Rounding

__all__ = ["VectorDescriptor", "Windows"]


class Windows(data.Struct):
    """Where windows lie along one axis of the map that a chained pool takes.

    Here for rows; likewise for columns. What is beyond the map is left out. A window has at least
    one row of the map, and no row has more than 15 windows. No field is zero, or all are.
    """

    begun: 4
    """Windows that the first row is in."""

    wait: 4
    """Rows from the first one to that with which the next window begins."""

    left: 4
    """Rows of the first window, counted from the first row of the map."""

    stride: 4
    """Rows from one window to the next."""


class VectorDescriptor(data.Struct):
    """Body of ADD, POOL_MAX and POOL_SUM: 80 bytes, of which 3 operands."""

    a: Operand
    """First input."""

    b: Operand
    """Second input of ADD; equal to `a` for pools."""

    output: Operand
    """Output."""

    out_height: 16
    """Rows of output, not zero."""

    out_width: 16
    """Columns of output, not zero."""

    channels: 24
    """Bytes of a pixel, not zero."""

    rounding: Rounding
    """Rounding mode; FP32 for POOL_MAX, which rounds nothing."""

    chained: 1
    """`a` comes from the convolution engine, and not from memory."""

    swapped: 1
    """`a` is the second term (ADD)."""

    reserved: 2
    """Must be zero."""

    taps_y: 16
    """Rows of the window, or, if chained, of the map that comes; 1 for ADD."""

    taps_x: 16
    """Columns of the window, or, if chained, of the map that comes; 1 for ADD."""

    pixel_step: 24
    """Bytes of `a` from one output pixel to the next."""

    out_zero_point: signed(8)
    """Added after requantization."""

    row_step: 24
    """Bytes of `a` from one output row to the next."""

    low: signed(8)
    """Lower clamp."""

    tap_step: 24
    """Bytes between columns of the window; for ADD, bytes of `b` from one pixel to the next."""

    high: signed(8)
    """Upper clamp."""

    tap_row_step: 24
    """Bytes between rows of the window; for ADD, bytes of `b` from one row to the next."""

    shift: signed(8)
    """Shift of the rounding mode."""

    out_pixel_step: 24
    """Bytes of the output from one pixel to the next."""

    zero_a: signed(8)
    """Subtracted from `a` (ADD)."""

    out_row_step: 24
    """Bytes of the output from one row to the next."""

    zero_b: signed(8)
    """Subtracted from `b` (ADD)."""

    multiplier: 32
    """Multiplier of the rounding mode."""

    scale_a: signed(32)
    """Factor of `a` (ADD); half of the divisor (POOL_SUM in mode MEAN)."""

    scale_b: signed(32)
    """Factor of `b` (ADD)."""

    shift_a: 8
    """Right shift of the rescaled `a` (ADD, DOUBLE)."""

    shift_b: 8
    """Right shift of the rescaled `b` (ADD, DOUBLE)."""

    reserved1: 16
    """Must be zero."""

    bias: signed(64)
    """Constant term; must fit 48 bits."""

    down: Windows
    """Rows of the windows of a chained pool; zero if its window is the whole map."""

    across: Windows
    """Columns of the windows; zero if ``down`` is."""

    reserved2: 32
    """Must be zero."""
