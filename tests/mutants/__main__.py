"""``python -m tests.mutants [WORD ...]``: put each fault in, and see that a test fails.

With words, only the mutants whose names contain one of them. Leaves with 1 if a mutant survived.
"""

import argparse
import concurrent.futures
import os
import queue
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.mutants.catalogue import MUTANTS
from tests.mutants.runner import Mutant, mutate, passes, workshop


def survivors(mutants: list[Mutant], workshops: list[Path], console: Console) -> list[Mutant]:
    """Try all `mutants`, as many at a time as there are workshops."""
    free: queue.Queue[Path] = queue.Queue()
    for folder in workshops:
        free.put(folder)

    def survives(mutant: Mutant) -> bool:
        folder = free.get()
        try:
            mutate(folder, mutant)
            return passes(folder, [mutant.test])
        finally:
            mutate(folder, mutant, back=True)
            free.put(folder)

    columns = TextColumn("mutants"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    alive = []
    with (
        concurrent.futures.ThreadPoolExecutor(len(workshops)) as pool,
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task("", total=len(mutants))
        running = {pool.submit(survives, mutant): mutant for mutant in mutants}
        for future in concurrent.futures.as_completed(running):
            mutant = running[future]
            if future.result():
                alive.append(mutant)
            fate = "[red]survived[/]" if mutant in alive else "killed"
            progress.console.print(f"{fate} {mutant.name} ({mutant.file})")
            progress.advance(task)
    return alive


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("words", nargs="*", help="only mutants whose names contain one of these")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at a time")
    arguments = parser.parse_args()
    words = arguments.words or [""]
    mutants = [mutant for mutant in MUTANTS if any(word in mutant.name for word in words)]
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        workshops = [workshop(Path(folder) / str(job)) for job in range(arguments.jobs)]
        tests = sorted({mutant.test for mutant in mutants})
        console.print(f"{len(mutants)} mutants; first, the {len(tests)} tests without any")
        if not passes(workshops[0], tests):
            lines = (workshops[0] / "pytest.log").read_text().splitlines()
            console.print("\n".join(lines[-40:]), markup=False)
            return 1
        alive = survivors(mutants, workshops, console)
    console.print(f"{len(mutants) - len(alive)} of {len(mutants)} mutants killed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
