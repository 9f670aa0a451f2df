"""Where the cycles of an inference went: each is booked once, on one layer and one use."""

import enum
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from intarsia.isa.instruction import Stream
from intarsia.runtime.recording import Recording, Span

__all__ = ["PRECEDENCE", "Use", "book", "last_inference"]


class Use(enum.StrEnum):
    """What a chip did in a cycle. Of several things at once, it is the first in this order."""

    CONV = "convolution under way"
    VECTOR = "vector engine under way"
    LOCAL = "local copy under way"
    REMOTE = "waiting for transfers"
    CONTROL = "waiting at barriers"
    IDLE = "nothing under way"


#: Streams in the order of the uses that they stand for.
PRECEDENCE = (Stream.CONV, Stream.VECTOR, Stream.LOCAL, Stream.REMOTE, Stream.CONTROL)


def last_inference(recording: Recording) -> list[Span]:
    """Spans of the last inference, cut off at its ends; cycles count from its beginning.

    Raises
    ------
    :exc:`ValueError`
        If there was no inference.
    """
    if not recording.inferences:
        raise ValueError("There is nothing to tell of a session without inferences")
    begin, end = recording.inferences[-1]
    return [
        Span(
            span.chip,
            span.stream,
            span.opcode,
            span.layer,
            max(span.begin, begin) - begin,
            min(span.end, end) - begin,
            span.size,
            span.complete and span.end <= end,
        )
        for span in recording.spans
        if span.begin < end and span.end > begin
    ]


def book(recording: Recording) -> list[list[Counter[Use]]]:
    """Cycles of the last inference, by chip, layer and use.

    A cycle is booked on the layer of the instruction that gives it its use. Where nothing is under
    way, that is the layer of what begins next, or, at the end, of what ended last.

    Returns
    -------
    list of list of Counter
        Those of each chip sum to the cycles of the inference.
    """
    begin, end = recording.inferences[-1]
    spans = last_inference(recording)
    layers = len(recording.plan.layers)
    booked = []
    for chip in range(len(recording.plan.chips)):
        own = [span for span in spans if span.chip == chip]
        counts: list[Counter[Use]] = [Counter() for _ in range(layers)]
        for layer, use, cycles in _pieces(own, end - begin):
            counts[layer][use] += cycles
        booked.append(counts)
    return booked


def _pieces(spans: Sequence[Span], cycles: int) -> Iterator[tuple[int, Use, int]]:
    """The time from 0 to `cycles`, cut where anything begins or ends: layer, use, length."""
    edges = sorted({0, cycles, *(s.begin for s in spans), *(s.end for s in spans)})
    streams = {stream: [span for span in spans if span.stream is stream] for stream in PRECEDENCE}
    begins = sorted(spans, key=lambda span: span.begin)
    at = dict.fromkeys(PRECEDENCE, 0)
    upcoming, layer = 0, 0
    for begin, end in pairwise(edges):
        while upcoming < len(begins) and begins[upcoming].begin < end:
            upcoming += 1
        for stream in PRECEDENCE:
            own = streams[stream]
            while at[stream] < len(own) and own[at[stream]].end <= begin:
                at[stream] += 1
            if at[stream] < len(own) and own[at[stream]].begin <= begin:
                layer = own[at[stream]].layer
                yield layer, Use[stream.name], end - begin
                break
        else:
            if upcoming < len(begins):
                layer = begins[upcoming].layer
            yield layer, Use.IDLE, end - begin
