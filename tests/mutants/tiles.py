"""Mutants of networks that are computed stripe by stripe."""

from tests.mutants.runner import Mutant

__all__ = ["TILES"]

STREAMING = "tests/sw/compiler/test_streaming.py"
ALONE = "tests/sw/compiler/test_alone.py"
SEGMENTS = "tests/sw/compiler/test_segments.py"

TILES = (
    Mutant(
        "tiles: rows are read from the memory node before they are there",
        "sw/intarsia/compiler/streaming.py",
        "work.after += stores",
        "work.after += stores[:0]",
        STREAMING,
    ),
    Mutant(
        "tiles: chips come to a barrier before they have stored their rows",
        "sw/intarsia/compiler/streaming.py",
        "patient=True, after=stores[-1:])",
        "patient=True)",
        STREAMING,
    ),
    Mutant(
        "tiles: chips read each other's rows before the barrier",
        "sw/intarsia/compiler/streaming.py",
        "return [(self._barrier, self._barrier.works)]",
        "return []",
        STREAMING,
    ),
    Mutant(
        "tiles: of several chips, two compute the stripe between them",
        "sw/intarsia/compiler/segments.py",
        "self.stripes * (chip + 1) // self.chips,",
        "-(-self.stripes * (chip + 1) // self.chips),",
        SEGMENTS,
    ),
    Mutant(
        "tiles: what a stripe computes of its neighbours' rows is handed out, too",
        "sw/intarsia/compiler/segments.py",
        "height * (stripe + 1) // stripes, 0",
        "min(height, height * (stripe + 1) // stripes + 1), 0",
        SEGMENTS,
    ),
    Mutant(
        "tiles: weights that are said to stay are loaded for each stripe",
        "sw/intarsia/compiler/streaming.py",
        "stay = at in segment.kept",
        "stay = False",
        STREAMING,
    ),
    Mutant(
        "tiles: of weights in several parts, the first is loaded as each",
        "sw/intarsia/compiler/streaming.py",
        "offset += buffer.size",
        "offset += 0",
        STREAMING,
    ),
    Mutant(
        "steps: rows that windows leave out are taken for their neighbours",
        "sw/intarsia/compiler/alone.py",
        "remote_pitch=stride * self.layout.line",
        "remote_pitch=self.layout.line",
        ALONE,
    ),
    Mutant(
        "steps: padding is taken for a row that windows see",
        "sw/intarsia/compiler/alone.py",
        " and not op.window.padding[0]",
        "",
        ALONE,
    ),
    Mutant(
        "steps: what is loaded later comes between what is loaded first",
        "sw/intarsia/compiler/alone.py",
        "load.after += gate",
        "pass",
        ALONE,
    ),
    Mutant(
        "steps: the last channels are computed twice",
        "sw/intarsia/compiler/pace.py",
        "replace(job, last=at)",
        "job",
        ALONE,
    ),
    Mutant(
        "steps: the last row that is needed comes with the next step",
        "sw/intarsia/compiler/pace.py",
        "max(bottom, loaded)",
        "max(bottom - 1, loaded)",
        ALONE,
    ),
)
