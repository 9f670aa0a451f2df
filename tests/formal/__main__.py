"""``python -m tests.formal [WORD ...]``: prove what is claimed; a table of claims and times."""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.formal.catalogue import PROOFS
from tests.formal.proof import refute

BUILD = Path(__file__).parents[2] / "build" / "formal"


def main() -> int:
    """Run from the command line. Leaves with 1 if a claim was refuted."""
    parser = argparse.ArgumentParser(prog="python -m tests.formal")
    parser.add_argument("words", nargs="*", help="only proofs whose names contain one of these")
    words = parser.parse_args().words or [""]
    console = Console()
    table = Table("proof", "claim", "cycles", "seconds")
    refuted = 0
    for name, proof in PROOFS.items():
        if any(word in name for word in words):
            begin = time.monotonic()
            with console.status(name):
                trace = refute(proof(), BUILD / name)
            cycles = "all" if proof.induction else f"{proof.depth}"
            claim = (proof.__doc__ or "").splitlines()[0]
            table.add_row(name, claim, cycles, f"{time.monotonic() - begin:.0f}")
            if trace:
                refuted += 1
                console.print(f"[red]refuted[/] {name}; see {BUILD / name}:\n{trace}")
    console.print(table)
    return 1 if refuted else 0


if __name__ == "__main__":
    sys.exit(main())
