"""``make soak``: bytes over a link that damages one beat in 10,000, until a billion have arrived.

Two crossings of the gateware's own link ports send to each other as fast as they can. Every byte
that arrives is compared with what was sent.
"""

import argparse
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from intarsia.cosim.faults import Faults
from intarsia.cosim.traffic import Figures, Load, Traffic
from intarsia.isa.config import config
from intarsia.isa.topologies import topology

__all__ = ["FLIT_ERRORS", "soak"]

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


def soak(size: int, seed: int, progress=lambda figures: None) -> tuple[Figures, int]:
    """Let `size` bytes of payload arrive. Returns the figures, and the cycles that it took."""
    traffic = made(seed)
    try:
        begin = traffic.fabric.now
        figures = traffic.figures()
        while figures.size < size and not (figures.wrong or figures.faults):
            traffic.run(SPELL)
            figures = traffic.figures()
            progress(figures)
        return figures, traffic.fabric.now - begin
    finally:
        traffic.close()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--bytes", type=float, default=1e9, help="that are to arrive")
    parser.add_argument("--seed", type=int, default=1, help="of packets and errors")
    arguments = parser.parse_args()
    console = Console()
    columns = (TextColumn("bytes"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    begun = time.process_time()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=int(arguments.bytes))
        figures, cycles = soak(
            int(arguments.bytes),
            arguments.seed,
            lambda found: bar.update(task, completed=min(found.size, int(arguments.bytes))),
        )
    console.print(
        f"{figures.wrong} wrong packets, {figures.faults} faults among {figures.packets:,} packets "
        f"with {figures.size:,} bytes of payload, at {FLIT_ERRORS:g} flit errors, "
        f"seed {arguments.seed}: {cycles:,} cycles, {time.process_time() - begun:.0f} s"
    )
    return int(bool(figures.wrong or figures.faults or figures.lost))


if __name__ == "__main__":
    sys.exit(main())
