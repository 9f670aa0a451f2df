"""Bytes over a link that damages one beat in 10,000, until as many as wanted have arrived.

Two crossings of the gateware's own link ports send to each other as fast as they can. Every byte
that arrives is compared with what was sent.
"""

import time
from collections.abc import Iterator
from contextlib import closing

from intarsia.cosim.faults import Faults
from intarsia.cosim.traffic import Figures, Load, Traffic
from intarsia.isa.config import config
from intarsia.isa.topologies import topology
from tests.soak.findings import Finding, Findings

__all__ = ["FLIT_BITS", "FLIT_ERRORS", "links", "soak"]

#: Probability that a beat is damaged.
FLIT_ERRORS = 1e-4

#: What may be flipped in a beat: its bits, and the mark of a packet's beginning.
FLIT_BITS = 8 * config("large").link_bytes + 1

#: Cycles between two looks at the figures.
SPELL = 20_000


def made(seed: int) -> Traffic:
    """Two crossings, joined by a link that damages beats."""
    load = Load(classes=("control", "reply", "request"), length=1024, answers=False, seed=seed)
    faults = Faults(ber=FLIT_ERRORS / FLIT_BITS, seed=seed)
    return Traffic(config("large"), topology("pair", 2), load, faults=faults)


def soak(size: int, seed: int) -> Iterator[tuple[Figures, int]]:
    """Let `size` bytes of payload arrive. Tells figures and cycles so far, again and again."""
    with closing(made(seed)) as traffic:
        begin = traffic.fabric.now
        figures = traffic.figures()
        while figures.size < size and not (figures.wrong or figures.faults):
            traffic.run(SPELL)
            figures = traffic.figures()
            yield figures, traffic.fabric.now - begin


def links(size: int, seed: int) -> Findings:
    """The section."""
    begun = time.process_time()
    figures, cycles = next(steps := soak(size, seed))
    for step in steps:
        figures, cycles = step
        yield min(figures.size / size, 1.0), None
    spent = time.process_time() - begun
    found = {
        "bytes": figures.size,
        "packets": figures.packets,
        "wrong": figures.wrong,
        "lost": figures.lost,
        "faults": figures.faults,
        "cycles": cycles,
        "bytes per CPU second": round(figures.size / spent),
    }
    yield (
        1.0,
        Finding(
            run=0,
            what=f"{size:,} bytes at {FLIT_ERRORS:g} flit errors, seed {seed}",
            passed=not (figures.wrong or figures.faults or figures.lost),
            figures=found,
        ),
    )
