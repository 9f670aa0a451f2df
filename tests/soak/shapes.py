"""Cycles of 3 x 3 convolutions on a 16 x 16 map, for every number of channels from 1 to 64.

One chip of configuration `large`, operands and result in its memory, from the start of the engine
to its last write; the bytes are those of the golden model.
"""

import numpy as np

from intarsia.golden import evaluate
from intarsia.graph import Mode
from intarsia.runtime.timeline import layer_cycles
from tests.performance.measure import CONFIG
from tests.performance.shapes import single
from tests.soak.findings import Finding, Findings
from tests.system.chips import Chips

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
        with Chips(CONFIG, 1) as chip:
            for number in numbers:
                parts[number] = _part(chip, number)
                done = (number - wanted.start + 1) / len(wanted)
                told = f"{_name(number)}: " + (
                    f"{parts[number]:.1%} of best" if parts[number] else "bytes differ"
                )
                finding = Finding(run=number, what=told, passed=False)
                yield done, finding if parts[number] < LEAST else None
        failed = sum(part < LEAST for part in parts.values())
        worst = min(parts, key=lambda number: parts[number])
        yield (
            done,
            Finding(
                run=numbers[0],
                what=f"3x3, {SIZE}x{SIZE}x{depth + 1} to {_channels(numbers[0])[1]} and more",
                passed=not failed,
                figures={
                    "passed": len(numbers) - failed,
                    "of": len(numbers),
                    "least": f"{parts[worst]:.1%}",
                    "at": _name(worst),
                    "mean": f"{sum(parts.values()) / len(parts):.1%}",
                },
            ),
        )


def _channels(number: int) -> tuple[int, int]:
    return number // MOST + 1, number % MOST + 1


def _name(number: int) -> str:
    depth, channels = _channels(number)
    return f"{depth} to {channels}"


def _part(chip: Chips, number: int) -> float:
    """Best cycles over those of a pair of channels; 0 if the bytes are wrong."""
    depth, channels = _channels(number)
    network = single((SIZE, SIZE, depth), channels, 3)
    [end] = network.inputs
    shape = network.tensors[end.tensor].shape
    x = {end.tensor: np.random.default_rng(number).integers(-128, 128, shape).astype(np.int8)}
    chip.fabric.events(0)
    [found] = chip.run(network, Mode.ONNX, [x], None)
    [cycles] = layer_cycles([chip.fabric.events(0)], 1)
    golden = evaluate(network, x, Mode.ONNX)
    if any(np.any(y != golden[name]) for name, y in found.items()):
        return 0.0
    return SIZE * SIZE * -(-9 * depth // WIDE) * -(-channels // WIDE) / cycles
