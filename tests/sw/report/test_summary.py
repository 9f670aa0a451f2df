"""Layers of all chips together."""

import pytest

from intarsia.report.booking import Use
from intarsia.report.summary import summarize
from intarsia.report.tables import layers
from tests.sw.report.recordings import FIRST, RECORDING


@pytest.fixture
def both():
    return summarize(layers(RECORDING), macs_per_cycle=16)


def test_mean_cycles_sum_to_the_inference(both):
    assert sum(layer.cycles for layer in both) == 200


def test_layer_is_the_mean_of_chips_or_their_sum(both):
    first, second = both
    assert (first.name, first.operator, first.device) == (FIRST, "Conv", "chip")
    assert first.uses[Use.CONV] == (80 + 60) / 2
    assert first.macs == 1024
    assert first.least == 1024 / 2 / 16
    assert (second.read, second.written) == (256, 64)


def test_rates_are_over_all_cycles(both):
    first, second = both
    assert first.cycles == 90
    assert first.rate == 1024 / 90
    assert first.utilization == pytest.approx(first.rate / 32)
    assert first.intensity == 1024 / 320
    assert (second.rate, second.utilization) == (0, 0)
