"""Convolutions at the ends of what is accepted, and of shapes that fit arrays badly, are exact.

Each on one chip, and dealt out over two by rows and by channels: maps have inner edges then, which
are not padded.
"""

from collections.abc import Iterator

import numpy as np
import pytest

from intarsia.golden import evaluate
from intarsia.graph import Mode
from intarsia.graph.ops import Window
from tests.system.chips import Chips
from tests.system.layers import LayerBuilder, some_input

pytestmark = pytest.mark.system

SEED = 20


def window(kernel, stride=(1, 1), dilation=(1, 1), padding=(0, 0, 0, 0)):
    return Window(kernel=kernel, stride=stride, dilation=dilation, padding=padding)


#: Map; channels of the result, and groups; window.
LAYERS = {
    "15x15": ((17, 16, 3), 5, 1, window((15, 15), padding=(7, 7, 7, 7))),
    "15x15, nearly all of it padding": (
        (2, 3, 4),
        6,
        1,
        window((15, 15), padding=(14, 14, 13, 14)),
    ),
    "15x15, depthwise, stride 15": ((40, 31, 8), 8, 8, window((15, 15), (15, 15))),
    "1x48": ((3, 50, 7), 9, 1, window((1, 48), padding=(0, 47, 0, 3))),
    "1x48, dilated": ((2, 100, 1), 4, 1, window((1, 48), dilation=(1, 2))),
    "48x1": ((50, 3, 7), 9, 1, window((48, 1), padding=(20, 0, 7, 0))),
    "1-D, depthwise": ((1, 99, 20), 20, 20, window((1, 9), (1, 2), (1, 3), (0, 5, 0, 24))),
    "uneven strides": ((19, 23, 17), 18, 1, window((2, 5), (3, 1), (1, 2), (0, 3, 1, 8))),
    "strides beyond the window": ((21, 22, 5), 33, 1, window((1, 2), (4, 5))),
    "dilation beyond the map": ((9, 9, 6), 7, 1, window((3, 3), dilation=(9, 8), padding=(9,) * 4)),
    "padding on one side": ((7, 8, 16), 16, 1, window((3, 3), padding=(0, 2, 2, 0))),
    "depthwise, multiplier 8": ((10, 11, 5), 40, 5, window((3, 3), padding=(1, 1, 1, 1))),
    "groups of 3 to 7": ((9, 8, 12), 28, 4, window((3, 3), (2, 2), padding=(1, 0, 1, 1))),
    "one channel": ((13, 31, 1), 1, 1, window((3, 3), padding=(1, 1, 1, 1))),
    "one pixel": ((1, 1, 37), 41, 1, window((3, 3), padding=(1, 1, 1, 1))),
    "1000 channels": ((2, 3, 1000), 3, 1, window((1, 1))),
    "fully connected, to 1000": ((1, 1, 64), 1000, 1, window((1, 1))),
    "fully connected, a batch of 7": ((7, 1, 130), 33, 1, window((1, 1))),
}


#: Chips, and how layers are dealt out.
SYSTEMS = [(1, "rows"), (2, "rows"), (2, "channels")]


@pytest.fixture(scope="module", params=SYSTEMS, ids=lambda each: f"{each[0]}-{each[1]}")
def system(request) -> Iterator[tuple[Chips, str]]:
    count, partition = request.param
    with Chips("large", count) as chips:
        yield chips, partition


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_layers_are_exact(system, layer):
    chips, partition = system
    shape, channels, groups, moves = layer
    for number, mode in enumerate(Mode):
        builder = LayerBuilder(SEED + number, ties=mode is Mode.XNNPACK)
        builder.tensor("input", shape)
        network = builder.network([builder.conv("input", moves, channels, groups)])
        inputs = [some_input(network, builder.noise, extreme) for extreme in (False, True)]
        found = chips.run(network, mode, inputs, SEED, partition)
        for x, outputs in zip(inputs, found, strict=True):
            golden = evaluate(network, x, mode)
            for name, y in outputs.items():
                np.testing.assert_array_equal(y, golden[name], err_msg=f"{name}, mode {mode}")
