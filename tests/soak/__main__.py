"""``python -m tests.soak``: the command."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tests.soak import __doc__ as purpose
from tests.soak.findings import Finding, Findings, write
from tests.soak.layers import layers
from tests.soak.links import links
from tests.soak.migration import migration
from tests.soak.shapes import shapes
from tests.soak.survival import deaths, flips

__all__ = ["main"]

SECTIONS = {
    "deaths": "each of four chips killed, over links that lose packets, with two replicas",
    "flips": "bits that flip in the chips' memories",
    "migration": "fragments that move while a network runs",
    "links": "bytes over a link that damages one beat in 10,000",
    "layers": "layers made up at random, exact on simulated chips",
    "shapes": "cycles of 3x3 on 16x16, from every 1 to 64 channels to every 1 to 64",
}

BUILD = Path(__file__).parents[2] / "build"


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak",
        description=purpose,
        epilog="Sections: " + "; ".join(f"{name}: {what}" for name, what in SECTIONS.items()),
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="; all if left out")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn")
    parser.add_argument("--only", type=int, metavar="N", help="run N of each section alone")
    parser.add_argument(
        "--first",
        type=int,
        default=0,
        metavar="N",
        help="of layers and shapes: leave out runs before",
    )
    parser.add_argument("--layers", type=int, default=10_000, help="from the first on")
    parser.add_argument("--deaths", type=int, default=20, help="of each chip")
    parser.add_argument("--flips", type=int, default=200, help="in each run")
    parser.add_argument("--flip-runs", type=int, default=5, help="with so many flips each")
    parser.add_argument("--moves", type=int, default=1000, help="at least, in each run")
    parser.add_argument("--bytes", type=float, default=1e9, help="that are to arrive")
    parser.add_argument("--out", type=Path, default=BUILD, help="where to leave soak.json, soak.md")
    arguments = parser.parse_args(words)
    unknown = sorted({*arguments.sections} - {*SECTIONS})
    if unknown:
        parser.error(f"there is no section {unknown[0]!r}, but {', '.join(SECTIONS)}")
    return arguments


def findings(section: str, arguments: argparse.Namespace) -> Findings:
    """Findings of a section, as they come."""
    seed, only = arguments.seed, arguments.only
    match section:
        case "deaths":
            return deaths(arguments.deaths, seed, only)
        case "flips":
            return flips(arguments.flips, arguments.flip_runs, seed, only)
        case "migration":
            return migration(arguments.moves, seed, only)
        case "layers":
            return layers(arguments.layers, seed, arguments.first, only)
        case "shapes":
            return shapes(arguments.first, only)
        case _:
            return links(int(arguments.bytes), seed)


def main(words: list[str] | None = None) -> int:
    """Run sections. Returns 1 if something did not pass."""
    arguments = parsed(words)
    console = Console()
    console.print(f"seed {arguments.seed}")
    found: dict[str, list[Finding]] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        for section in arguments.sections or SECTIONS:
            task = progress.add_task(section, total=1.0)
            found[section] = []
            for part, finding in findings(section, arguments):
                progress.update(task, completed=part)
                if finding is not None:
                    found[section].append(finding)
                    told = ", ".join(f"{name} {what}" for name, what in finding.figures.items())
                    outcome = "passed" if finding.passed else "[red]FAILED[/red]"
                    console.print(f"{section} {finding.run}: {outcome}: {finding.what}: {told}")
                    write(found, arguments.seed, arguments.out)
    failed = [
        f"python -m tests.soak {section} --seed {arguments.seed} --only {finding.run}"
        for section, all_found in found.items()
        for finding in all_found
        if not finding.passed
    ]
    for command in failed:
        console.print(f"[red]failed[/red]; again: {command}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
