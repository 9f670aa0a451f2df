"""When layers began and ended, from what streams of chips report."""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

from intarsia.isa.instruction import Stream

__all__ = ["Event", "layer_cycles"]

#: Streams whose instructions compute; the others move data ahead of them, or wait.
COMPUTING = {Stream.CONV.value, Stream.VECTOR.value, Stream.LOCAL.value}

#: Cycle, stream, context, layer (of those that began), whether it is an end, and cycles that the
#: stream had spent before, by activity.
Event = tuple[int, int, int, int, bool, Sequence[int]]


def layer_cycles(chips: Iterable[Sequence[Event]], layers: int) -> list[int]:
    """Cycles from the first start to the last end of each layer's computing instructions.

    Parameters
    ----------
    chips : iterable of sequence of Event
        Of each chip, in order of time. Instructions of a stream end in the order in which they
        began.
    layers : int
        Number of layers.

    Returns
    -------
    list of int
        0 for a layer that no chip computed.
    """
    begin: dict[int, int] = {}
    end: dict[int, int] = {}
    for events in chips:
        running: dict[int, deque[int]] = defaultdict(deque)
        for cycle, stream, _, layer, done, _ in events:
            if done:
                if not running[stream]:
                    continue  # it began before the first of these events
                layer = running[stream].popleft()
                if stream in COMPUTING:
                    end[layer] = max(end.get(layer, 0), cycle)
            else:
                running[stream].append(layer)
                if stream in COMPUTING:
                    begin[layer] = min(begin.get(layer, cycle), cycle)
    return [end.get(n, 0) - begin[n] if n in begin and n in end else 0 for n in range(layers)]
