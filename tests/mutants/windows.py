"""Mutants of depthwise windows that slide, and of what must be there when a block begins."""

from tests.mutants.runner import Mutant

__all__ = ["WINDOWS"]

CONV = "tests/hw/conv/test_engine.py::test_larger_engine[large]"

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
        "conv: records are changed under the last row",
        "hw/intarsia/conv/drain.py",
        "with m.If(records.ready & ~pending):",
        "with m.If(records.ready):",
        "tests/hw/conv/test_engine.py::test_engine[tiny]",
    ),
    Mutant(
        "conv: weights of a block of pixels are asked for twice",
        "hw/intarsia/conv/passes.py",
        "offer_weights.eq(~weights_offered)",
        "offer_weights.eq(1)",
        "tests/hw/conv/test_engine.py::test_engine[tiny]",
    ),
)
