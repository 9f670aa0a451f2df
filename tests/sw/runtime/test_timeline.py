"""Layers' cycles, from what streams of chips report."""

import pytest

from intarsia.isa.instruction import Stream
from intarsia.runtime.timeline import layer_cycles


def begin(cycle, stream, layer):
    return (cycle, stream.value, 0, layer, False, ())


def end(cycle, stream):
    """Ends do not say of which layer."""
    return (cycle, stream.value, 0, 0, True, ())


CONV, VECTOR, LOCAL, REMOTE = Stream.CONV, Stream.VECTOR, Stream.LOCAL, Stream.REMOTE


def test_from_the_first_start_to_the_last_end():
    events = [begin(10, CONV, 1), end(15, CONV), begin(20, CONV, 1), end(42, CONV)]
    assert layer_cycles([events], 3) == [0, 32, 0]


def test_streams_are_told_apart():
    events = [begin(1, CONV, 0), begin(3, VECTOR, 1), end(7, VECTOR), end(9, CONV)]
    assert layer_cycles([events], 2) == [8, 4]


@pytest.mark.parametrize("stream", [CONV, VECTOR, LOCAL])
def test_all_that_compute_count(stream):
    assert layer_cycles([[begin(5, stream, 0), end(8, stream)]], 1) == [3]


@pytest.mark.parametrize("stream", [REMOTE, Stream.CONTROL])
def test_what_is_fetched_ahead_or_waits_does_not(stream):
    events = [begin(5, stream, 0), end(6, stream), begin(7, CONV, 0), end(9, CONV)]
    assert layer_cycles([events], 1) == [2]


def test_chips_share_a_layer():
    chips = [
        [begin(10, CONV, 0), end(20, CONV)],
        [begin(13, CONV, 0), end(31, CONV)],
        [begin(40, CONV, 1), end(45, CONV)],
    ]
    assert layer_cycles(chips, 2) == [21, 5]


def test_layers_of_a_stream_end_in_the_order_in_which_they_began():
    events = [begin(1, CONV, 0), begin(4, CONV, 1), end(6, CONV), end(30, CONV)]
    assert layer_cycles([events], 2) == [5, 26]


def test_what_began_before_is_left_out():
    events = [end(3, CONV), begin(5, CONV, 1), end(9, CONV)]
    assert layer_cycles([events], 2) == [0, 4]


def test_what_goes_on_is_left_out():
    assert layer_cycles([[begin(5, CONV, 0)]], 1) == [0]


def test_nothing_happened():
    assert layer_cycles([[], []], 2) == [0, 0]
