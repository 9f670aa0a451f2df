"""What makes a trace one that Perfetto opens."""

from collections import defaultdict
from itertools import pairwise

__all__ = ["assert_opens", "slices"]


def slices(trace):
    """Slices of each thread, by its process and name, in the order of the file."""
    events = trace["traceEvents"]
    names = {
        (event["name"], event["pid"], event["tid"]): event["args"]["name"]
        for event in events
        if event["ph"] == "M" and event["name"] in ("process_name", "thread_name")
    }
    found = {
        (names["process_name", pid, 0], name): []
        for (kind, pid, _), name in names.items()
        if kind == "thread_name"
    }
    for event in events:
        if event["ph"] == "X":
            process = names["process_name", event["pid"], 0]
            thread = names["thread_name", event["pid"], event["tid"]]
            found[process, thread].append(event)
    return found


def assert_opens(trace):
    """Whole numbers, slices that follow each other, counters that come back to zero."""
    for thread, own in slices(trace).items():
        for event in own:
            assert type(event["ts"]) is int
            assert type(event["dur"]) is int
            assert event["dur"] > 0, event
        for before, after in pairwise(own):
            assert before["ts"] + before["dur"] <= after["ts"], thread
    counters = defaultdict(list)
    for event in trace["traceEvents"]:
        if event["ph"] == "C":
            counters[event["pid"]].append((event["ts"], event["args"]["engines"]))
    for counts in counters.values():
        assert counts == sorted(counts)
        assert min(count for _, count in counts) == 0
        assert counts[-1][1] == 0
