"""The table of peers: its limits, its verdicts, and what is in it."""

import pytest

from intarsia.compiler import CompileError
from tests.performance import page
from tests.performance.case import Figure
from tests.performance.limits import Limits, limits
from tests.performance.peers import NAMES, PEERS, verdict
from tests.performance.shapes import ds_cnn, single

BY_NAME = {peer.name: peer for peer in PEERS}
PEER = BY_NAME["3x3, 32x32x16 to 16"]


@pytest.mark.parametrize(
    ("layer", "found"),
    [
        (single((32, 32, 16), 16, 3), (32 * 32 * 9, 144, 1024, 1024)),
        (single((16, 16, 32), 64, 3, stride=2), (8 * 8 * 18 * 4, 1152, 512, 256)),
        (single((32, 32, 3), 16, 3), (32 * 32 * 2, 27, 192, 1024)),
        (single((24, 24, 32), 32, 3, depthwise=True), (24 * 24 * 2, 18, 1152, 1152)),
        (single((3, 3, 256), 250, 1), (9 * 16 * 16, 4000, 144, 141)),
    ],
)
def test_limits_of_a_layer(layer, found):
    assert limits(layer) == Limits(*found, most=max(found))


def test_limits_of_a_network_are_of_all_its_layers():
    network = ds_cnn()
    first, pairs, last = 25 * 5 * 3 * 4, 25 * 5 * (4 + 16), 4
    weights = 40 * 64 + 4 * (9 * 64 + 64 * 64) + 64 * 12
    found = limits(network)
    assert found.array == first + 4 * pairs + last
    assert (found.weights, found.input, found.output) == (weights // 16, -(-490 // 16), 1)


def test_limits_add_up_one_by_one():
    both = Limits(1, 5, 0, 0, 5) + Limits(7, 2, 1, 1, 7) * 2
    assert both == Limits(15, 9, 2, 2, 19)


@pytest.mark.parametrize(
    ("cycles", "most", "told"),
    [(9909, 0, "ahead"), (9910, 9000, "behind"), (9910, 9010, "at the limit")],
)
def test_verdicts(cycles, most, told):
    """93 % of 256 multipliers are 9,909.7 cycles."""
    figure = Figure(cycles, 2_359_296, Limits(most=most))
    assert verdict(PEER, figure) == told
    assert page.meets(PEER.case, figure) == (told != "behind")


def test_all_that_peers_were_measured_on_is_there():
    assert len(PEERS) == 16 + 1 + 2
    for peer in PEERS:
        assert len(peer.utilization) == len(NAMES)
        assert 0 < peer.best < 1
    layers = BY_NAME["ResNet-8, convolutions one by one"].case.model
    assert isinstance(layers, tuple)
    macs = sum(times * _macs(make()) for make, times in layers)
    assert macs == 12_501_632 - 640


def test_memory_is_beside_the_chip_where_peers_are_judged():
    for peer in PEERS:
        assert (peer.case.link_latency, peer.far.link_latency) == (1, 32)
        assert peer.case.model == peer.far.model
        assert not peer.case.long


def _macs(network):
    [op] = network.ops
    height, width, _ = network.tensors[op.output].shape
    return height * width * op.weights.size


def test_page_has_figures_limits_and_refusals():
    other = next(peer for peer in PEERS if peer is not PEER)
    figure = Figure(9910, 2_359_296, Limits(9216, 144, 1024, 1025, 9216))
    over = Figure(10_123, 2_359_296, figure.limits)
    lines = page.text(
        {PEER.case: figure, PEER.far: over, other.case: CompileError("too large")}, "abc"
    ).splitlines()
    [row] = [line for line in lines if line.startswith(f"| {PEER.name} |")]
    cells = [cell.strip() for cell in row.split("|")][2:-1]
    assert cells[:6] == ["9,910", "93.0%", "10,123", "93%", "90%", "66%"]
    assert cells[6:] == ["9,216", "144", "1,024", "1,025", "at the limit"]
    [row] = [line for line in lines if line.startswith(f"| {other.name} |")]
    assert row.endswith("| refused: too large |")
