"""Layers made up at random, thousands of them, each compared with the golden model byte by byte."""

from collections import Counter
from collections.abc import Iterator

from tests.soak.findings import Finding, Findings
from tests.system.blocks import BLOCK, complaint_with_room, layer_of, system
from tests.system.chips import Chips

__all__ = ["layers"]

#: Layers of one seed of the section; those of the next come after them.
APART = 1_000_000


def layers(count: int, seed: int, first: int = 0, only: int | None = None) -> Findings:
    """The section: `count` layers from number `first` on, or one of them.

    What passes is told by block, by the number of its first layer; what does not, one by one. A
    layer that the compiler refuses, as the chips of its block have no room for it, is run on a chip
    that has, and counted as ``elsewhere``.
    """
    base = (seed - 1) * APART
    wanted = range(first, first + count) if only is None else range(only, only + 1)
    done = 0
    for numbers in _blocks(wanted):
        name, chips_used = system((base + numbers[0]) // BLOCK)
        kinds: Counter[str] = Counter()
        failed = []
        with Chips(name, chips_used) as chips:
            for number in numbers:
                layer = layer_of(base + number)
                kinds[type(layer.network.ops[0]).__name__] += 1
                told, elsewhere = complaint_with_room(chips, layer)
                if elsewhere:
                    kinds["elsewhere"] += 1
                if told:
                    failed.append(Finding(run=number, what=told, passed=False))
        done += len(numbers)
        part = done / len(wanted)
        for finding in failed:
            yield part, finding
        yield (
            part,
            Finding(
                run=numbers[0],
                what=f"{len(numbers)} layers on {chips_used} x {name}",
                passed=not failed,
                figures={"exact": len(numbers) - len(failed), "of": len(numbers), **kinds},
            ),
        )


def _blocks(wanted: range) -> Iterator[range]:
    """The numbers, cut where other chips are used."""
    at = wanted.start
    while at < wanted.stop:
        end = min(wanted.stop, (at // BLOCK + 1) * BLOCK)
        yield range(at, end)
        at = end
