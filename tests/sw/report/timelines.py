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
    processes = {pid: name for (kind, pid, _), name in names.items() if kind == "process_name"}
    found = {
        (processes[pid], name): []
        for (kind, pid, _), name in names.items()
        if kind == "thread_name"
    }
    for event in events:
        if event["ph"] == "X":
            process = processes[event["pid"]]
            thread = names["thread_name", event["pid"], event["tid"]]
            found[process, thread].append(event)
    return found


#: Keys of events, by phase: those that the format asks for, and the types of their values.
#: [Trace Event Format; Perfetto's docs, "Chrome JSON format"]
PHASES = {
    "M": {"name": str, "args": dict},
    "X": {"name": str, "cat": str, "ts": int, "dur": int, "args": dict},
    "C": {"name": str, "ts": int, "args": dict},
}

#: Metadata, and the type of what they say.
METADATA = {
    "process_name": ("name", str),
    "thread_name": ("name", str),
    "process_sort_index": ("sort_index", int),
    "thread_sort_index": ("sort_index", int),
}

#: Numbers of processes and threads, and integers in JSON that all readers take.
MOST_IDS, MOST = 1 << 32, 1 << 53


def assert_conforms(trace):
    """What the format demands of each event, and what Perfetto's reader takes for granted."""
    assert trace["displayTimeUnit"] in ("ms", "ns")
    threads = {}
    named = set()
    for event in trace["traceEvents"]:
        keys = PHASES[event["ph"]]
        assert set(event) == {"ph", "pid", "tid", *keys}, event
        assert all(type(event[key]) is kind for key, kind in keys.items()), event
        assert all(0 < event[key] < MOST_IDS for key in ("pid", "tid")), event
        assert all(0 <= event[key] < MOST for key in ("ts", "dur") if key in event), event
        # Threads are named by their number alone, whatever their process.
        assert threads.setdefault(event["tid"], event["pid"]) == event["pid"], event
        if event["ph"] == "M":
            key, kind = METADATA[event["name"]]
            assert set(event["args"]) == {key}
            assert type(event["args"][key]) is kind
            assert event["args"][key] != ""
            named.add((event["name"], event["tid"]))
        else:
            assert ("thread_name", event["tid"]) in named, event
            assert event["name"]
            kinds = (int, float) if event["ph"] == "C" else (int, float, str, bool)
            assert all(type(value) in kinds for value in event["args"].values()), event


def assert_opens(trace):
    """It conforms; slices follow each other; counters come back to zero."""
    assert_conforms(trace)
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
