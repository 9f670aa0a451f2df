"""Mutants of windows that slide or are packed, and of what must be there when a block begins."""

from tests.mutants.runner import Mutant

__all__ = ["WINDOWS"]

CONV = "tests/hw/conv/test_engine.py::test_larger_engine[large]"
SMALL = "tests/hw/conv/test_engine.py::test_engine[tiny]"

WINDOWS = (
    Mutant(
        "windows: the padding at the end of a row is the next row's first pixel",
        "hw/intarsia/conv/lines.py",
        "Mux(formed.slide.tail, self.zero_point, window[row][0][channel])",
        "window[row][0][channel]",
        CONV,
    ),
    Mutant(
        "windows: the end of the row before is seen at the left",
        "hw/intarsia/conv/lines.py",
        "(slide.row_start & ~slide.tail) | after_tail",
        "slide.row_start & ~slide.tail",
        CONV,
    ),
    Mutant(
        "windows: a row above the map is taken for stored",
        "hw/intarsia/conv/lines.py",
        "slide.above < above)",
        "slide.above + 1 < above)",
        CONV,
    ),
    Mutant(
        "windows: padding at the right is kept as a pixel of the row",
        "hw/intarsia/conv/lines.py",
        "write.en.eq(shift & ~slide.beyond)",
        "write.en.eq(shift)",
        CONV,
    ),
    Mutant(
        "windows: the last one of a row goes with the next row's first, which has one of its own",
        "hw/intarsia/conv/slider.py",
        "& (first_target > row_position)",
        "",
        CONV,
    ),
    Mutant(
        "windows: rows below the map are read",
        "hw/intarsia/conv/slider.py",
        "with m.If(y < job.in_height):",
        "with m.If(y <= job.in_height):",
        CONV,
    ),
    Mutant(
        "windows: rows longer than the line buffers are taken",
        "hw/intarsia/conv/check.py",
        "pixels |= job.row_bytes > job.tap_step << ceil_log2(self._line_pixels)",
        "pixels |= 0",
        CONV,
    ),
    Mutant(
        "packed windows: their rows are taken for dense",
        "hw/intarsia/conv/packing.py",
        "row_distance.eq(row_distance + job.tap_row_step)",
        "row_distance.eq(row_distance + job.run)",
        SMALL,
    ),
    Mutant(
        "packed windows: all rows of a vector are padding if the first is",
        "hw/intarsia/conv/walker.py",
        "rows.bit_select(lane.far, 1)",
        "rows[0]",
        SMALL,
    ),
    Mutant(
        "packed windows: bytes of which there are none are read",
        "hw/intarsia/conv/packing.py",
        "found.used.eq(row != job.row_taps)",
        "found.used.eq(1)",
        SMALL,
    ),
    Mutant(
        "memory: bytes that are far are looked for in the lanes of the request",
        "hw/intarsia/memory/memory.py",
        "turned.eq((Cat(far, far) << (offset << 1))[2 * lanes :])",
        "turned.eq(far)",
        "tests/hw/memory/test_memory.py::test_memory[tiny-straight]",
    ),
    Mutant(
        "conv: records are changed under the last row",
        "hw/intarsia/conv/drain.py",
        "with m.If(records.ready & ~pending):",
        "with m.If(records.ready):",
        SMALL,
    ),
    Mutant(
        "conv: weights of a block of pixels are asked for twice",
        "hw/intarsia/conv/passes.py",
        "offer_weights.eq(~weights_offered)",
        "offer_weights.eq(1)",
        SMALL,
    ),
)
