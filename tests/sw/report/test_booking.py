"""Every cycle of the last inference is booked once."""

import random

import pytest

from intarsia.isa.instruction import Stream
from intarsia.report.booking import Use, book, last_inference
from intarsia.runtime.recording import Span
from tests.sw.report.recordings import RECORDING, recording

BUSY = {
    Stream.CONV: Use.CONV,
    Stream.VECTOR: Use.VECTOR,
    Stream.LOCAL: Use.LOCAL,
    Stream.REMOTE: Use.REMOTE,
    Stream.CONTROL: Use.CONTROL,
}


def test_spans_are_those_of_the_last_inference_cut_at_its_ends():
    found = [(span.opcode, span.begin, span.end) for span in last_inference(RECORDING)]
    assert ("DOORBELL", 0, 1) in found
    assert ("READ", 195, 200) in found
    assert ("CONV", 10, 60) in found
    assert len(found) == len(RECORDING.spans) - 2


def test_spans_that_only_touch_the_inference_are_left_out():
    touching = (
        Span(0, Stream.CONV, "CONV", 0, 990, 1000),
        Span(0, Stream.CONV, "CONV", 0, 1200, 1210),
    )
    assert last_inference(recording(spans=touching)) == []


def test_cycles_go_to_what_was_under_way():
    first, second = book(RECORDING)[0]
    # 0-1 doorbell, 1-10 nothing, 10-90 convolutions, 90-100 add, 100-130 read, 130-150 barrier
    assert first == {Use.CONTROL: 1, Use.IDLE: 9, Use.CONV: 80}
    assert second == {Use.VECTOR: 10, Use.REMOTE: 30, Use.CONTROL: 20, Use.IDLE: 50}


def test_idle_cycles_go_to_what_begins_next():
    first, second = book(RECORDING)[1]
    # 0-20 nothing, 20-80 convolution, 80-90 nothing, 90-95 copy, 95-100 nothing, 100-190 write,
    # 190-195 nothing, 195-200 read
    assert first == {Use.IDLE: 20 + 5, Use.CONV: 60, Use.REMOTE: 5}
    assert second == {Use.IDLE: 10 + 5, Use.LOCAL: 5, Use.REMOTE: 90}


def test_chip_that_did_nothing_was_idle():
    alone = recording(spans=tuple(span for span in RECORDING.spans if span.chip == 0))
    assert book(alone)[1] == [{Use.IDLE: 200}, {}]


def test_session_without_inferences_has_nothing_to_tell():
    with pytest.raises(ValueError, match="without inferences"):
        last_inference(recording(inferences=()))


@pytest.mark.parametrize("seed", range(20))
def test_random_spans_cycle_by_cycle(seed):
    rng = random.Random(seed)
    spans = []
    for chip in range(2):
        for stream in Stream:
            at = rng.randrange(30)
            while at < 250 and rng.random() < 0.9:
                end = at + rng.randint(1, 40)
                spans.append(Span(chip, stream, "X", rng.randrange(2), at, end))
                at = end + rng.choice((0, 0, 1, 25))
    made = recording(spans=tuple(spans), inferences=((20, 220),))
    booked = book(made)
    for chip in range(2):
        assert sum(uses.total() for uses in booked[chip]) == 200
        for stream, use in BUSY.items():
            earlier = list(BUSY)[: list(BUSY).index(stream)]
            for layer in range(2):
                cycles = sum(
                    runs(spans, chip, stream, cycle) == layer
                    and all(runs(spans, chip, other, cycle) is None for other in earlier)
                    for cycle in range(20, 220)
                )
                assert booked[chip][layer][use] == cycles


def runs(spans, chip, stream, cycle):
    """Layer of the instruction of a stream that is under way, if any."""
    for span in spans:
        if (span.chip, span.stream) == (chip, stream) and span.begin <= cycle < span.end:
            return span.layer
    return None
