"""Cycles of 3 x 3 convolutions on a 16 x 16 map, for every number of channels from 1 to 64.

One chip of configuration `large`, operands and result in its memory, from the start of the engine
to its last write; the bytes are those of the golden model.
"""

from functools import partial

from tests.performance.case import Case, Span
from tests.performance.measure import measure
from tests.performance.shapes import single
from tests.soak.findings import Finding, Findings

__all__ = ["shapes"]

#: Height and width of the map, most channels on either side, and lanes and columns of the array.
SIZE, MOST, WIDE = 16, 64, 16

#: At least this part of what the array could do, counted in vectors.
LEAST = 0.75


def shapes(first: int = 0, only: int | None = None) -> Findings:
    """The section: pairs of channels from number `first` on, or one of them.

    Pair n has n // 64 + 1 channels of input and n % 64 + 1 of output. What passes is told by
    channels of input; what does not, one by one.
    """
    wanted = range(first, MOST * MOST) if only is None else range(only, only + 1)
    done = 0.0
    for depth in sorted({number // MOST for number in wanted}):
        numbers = [number for number in wanted if number // MOST == depth]
        parts: dict[int, float] = {}
        failed = 0
        for number in numbers:
            told = ""
            try:
                parts[number] = _part(number)
                if parts[number] < LEAST:
                    told = f"{parts[number]:.1%} of best"
            except AssertionError as error:
                told = str(error)
            done = (number - wanted.start + 1) / len(wanted)
            failed += bool(told)
            yield (
                done,
                Finding(run=number, what=f"{_name(number)}: {told}", passed=False)
                if told
                else None,
            )
        worst = min(parts, key=lambda number: parts[number], default=numbers[0])
        yield (
            done,
            Finding(
                run=numbers[0],
                what=f"3x3, {SIZE}x{SIZE}x{depth + 1} to {_channels(numbers[0])[1]} and more",
                passed=not failed,
                figures={
                    "passed": len(numbers) - failed,
                    "of": len(numbers),
                    "least": f"{parts.get(worst, 0.0):.1%}",
                    "at": _name(worst),
                    "mean": f"{sum(parts.values()) / max(len(parts), 1):.1%}",
                },
            ),
        )


def _channels(number: int) -> tuple[int, int]:
    return number // MOST + 1, number % MOST + 1


def _name(number: int) -> str:
    depth, channels = _channels(number)
    return f"{depth} to {channels}"


def _part(number: int) -> float:
    """Best cycles over those of a pair of channels."""
    depth, channels = _channels(number)
    case = Case(_name(number), Span.LAYER, partial(single, (SIZE, SIZE, depth), channels, 3))
    best = SIZE * SIZE * -(-9 * depth // WIDE) * -(-channels // WIDE)
    return best / measure(case, None).cycles
