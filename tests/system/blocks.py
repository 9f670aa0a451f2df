"""Which chips a layer made up at random is laid over, and whether it is exact there.

Layers come in blocks that share chips; a layer, its inputs, its chips and all places follow from
its seed.
"""

import numpy as np

from intarsia.compiler.errors import CompileError
from intarsia.cosim.fabric import FabricError
from intarsia.driver.errors import DriverError
from intarsia.golden import evaluate
from tests.system.chips import Chips
from tests.system.layers import Layer, made_up_layer

__all__ = ["BLOCK", "MOST_BYTES", "ROOMY", "complaint", "complaint_with_room", "layer_of", "system"]

#: Seeds that share chips, from a multiple of it on.
BLOCK = 50

#: Configuration and number of chips, block by block in turn.
SYSTEMS = [*[("large", 1)] * 5, ("tiny", 1), *[("large", 2)] * 2, ("large", 1), ("tiny", 2)]

#: Configuration and number of chips for a layer that those of its block have no room for.
ROOMY = ("large", 1)

#: Bytes of the largest map, by configuration: what fits, with all that a layer needs besides.
MOST_BYTES = {"large": 20 * 20 * 40, "tiny": 4000}


def system(block: int) -> tuple[str, int]:
    """Configuration and number of the chips of a block."""
    return SYSTEMS[block % len(SYSTEMS)]


def layer_of(seed: int) -> Layer:
    """The layer of a seed."""
    name, _ = system(seed // BLOCK)
    return made_up_layer(seed, MOST_BYTES[name])


def complaint(chips: Chips, layer: Layer) -> str:
    """What is wrong with `layer` on the chips of its block; nothing, if all bytes are right."""
    told = f"layer of seed {layer.seed}, {type(layer.network.ops[0]).__name__}, mode {layer.mode}"
    try:
        found = chips.run(layer.network, layer.mode, layer.inputs, layer.seed)
    except (DriverError, FabricError) as error:
        return f"{told}: {error}"
    for number, (x, outputs) in enumerate(zip(layer.inputs, found, strict=True)):
        golden = evaluate(layer.network, x, layer.mode)
        for name, y in outputs.items():
            if wrong := int(np.count_nonzero(y != golden[name])):
                return f"{told}: {wrong} of {y.size} bytes of {name} differ in inference {number}"
    return ""


def complaint_with_room(chips: Chips, layer: Layer) -> tuple[str, bool]:
    """The same; and whether the compiler refused these chips, so that it was run on `ROOMY`."""
    try:
        return complaint(chips, layer), False
    except CompileError:
        with Chips(*ROOMY) as roomy:
            return complaint(roomy, layer), True
