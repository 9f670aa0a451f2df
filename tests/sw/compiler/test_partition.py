"""Every chip gets a fair share of every convolution that is worth sharing."""

import pytest

from intarsia.compiler.boxes import Box
from intarsia.compiler.costs import macs
from intarsia.compiler.errors import CompileError
from intarsia.compiler.partition import PARTITIONS, SHARED_MACS, partition
from intarsia.compiler.workload import Workload
from intarsia.graph.ops import Window
from intarsia.isa.config import config
from tests.sw.compiler.networks import Builder, made_up

#: Map and output channels of a 3x3 convolution with 0.1 to 3 MMAC.
LAYERS = {
    "tall": ((32, 32, 16), 16),
    "seven-rows": ((7, 7, 64), 64),
    "three-rows": ((3, 3, 64), 128),
    "one-row": ((1, 1, 640), 160),
    "few-channels": ((48, 48, 3), 2),
}


def convolution(shape, channels):
    builder = Builder(0, shape)
    window = Window(kernel=(3, 3), padding=(1, 1, 1, 1))
    builder.conv("input", window, channels, groups=1)
    return builder.network([builder.ops[0].output])


@pytest.mark.parametrize("name", PARTITIONS)
@pytest.mark.parametrize("size", ["ecp5-85k", "large"])
@pytest.mark.parametrize("case", LAYERS)
def test_shares_are_fair(case, size, name):
    network = convolution(*LAYERS[case])
    shares = partition(Workload.of(network), config(size), 4, name)["conv0"]
    done = [macs(network.ops[0], box, network) for box in shares]
    assert sum(done) >= SHARED_MACS
    assert min(done) >= 0.15 * sum(done)


@pytest.mark.parametrize("chips", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(10))
def test_everything_is_computed_by_somebody(seed, chips):
    network = made_up(seed)
    workload = Workload.of(network)
    shares = partition(workload, config("large"), chips, "auto")
    for _, op in workload.ops:
        whole = Box.whole(network.tensors[op.output].shape)
        boxes = [box for box in shares[op.output] if box]
        areas = sum(box.rows * box.channels for box in dict.fromkeys(boxes))
        assert areas == whole.rows * whole.channels
        assert all(box in whole for box in boxes)


@pytest.mark.parametrize(("name", "split"), [("rows", "rows"), ("channels", "channels")])
def test_does_as_it_is_told(name, split):
    network = convolution((12, 12, 8), 16)
    [*boxes] = partition(Workload.of(network), config("large"), 4, name)["conv0"]
    assert [getattr(box, split) for box in boxes] == [{"rows": 3, "channels": 4}[split]] * 4


def test_small_layers_are_not_shared_at_any_cost():
    builder = Builder(0, (1, 1, 64))
    builder.conv("input", Window(kernel=(1, 1)), 10, groups=1)
    network = builder.network([builder.ops[0].output])
    shares = partition(Workload.of(network), config("large"), 4, "auto")["conv0"]
    assert sum(bool(box) for box in shares) == 1


def test_refuses_unknown_names():
    with pytest.raises(CompileError, match="partition 'stripes'; there are auto, rows, channels"):
        partition(Workload.of(made_up(0)), config("large"), 2, "stripes")
