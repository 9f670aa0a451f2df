"""Recordings as time lines for Perfetto.

The format is Chrome's trace events in JSON, which ui.perfetto.dev and chrome://tracing open. It is
written without a library: that of Perfetto itself writes protobuf, and brings a trace processor.

One process per chip, one thread per stream. Processes are numbered from 1 on, as 0 has a meaning of
its own; no two threads have the same number, not even in different processes, as Perfetto goes by
that alone where it names them. The format counts microseconds: one is a cycle here.
"""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from intarsia.isa.counters import Activity
from intarsia.isa.instruction import Stream
from intarsia.runtime.recording import Recording, Span

__all__ = ["trace_events", "write_trace"]

#: Process of the host; chip N is process N + 2.
HOST = 1

#: Thread N of process P is thread P * THREADS + N; there are fewer processes.
THREADS = 1000


def write_trace(recording: Recording, path: Path) -> None:
    """Store a recording as a trace; folders are made as needed.

    The same recording gives the same bytes, on whatever machine and however fast it ran.
    """
    about = {key: recording.report[key] for key in ABOUT}
    trace = {
        "traceEvents": list(trace_events(recording)),
        "displayTimeUnit": "ns",
        "otherData": {"unit": "1 us is 1 cycle, from reset", **about},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(trace, separators=(",", ":")) + "\n")


#: What of the report goes into the trace: nothing that depends on the machine.
ABOUT = ("model", "mode", "config", "chips", "partition", "inferences", "output_sha256")


def trace_events(recording: Recording) -> Iterator[dict[str, Any]]:
    """Names of processes and threads, then slices by chip, stream and time, then counter tracks."""
    config = recording.plan.config.name
    yield from _named(HOST, "host", {1: "inferences"})
    threads = {stream.value + 1: stream.name.lower() for stream in Stream}
    for chip in range(len(recording.plan.chips)):
        yield from _named(_process(chip), f"chip {chip} ({config})", threads)
    for number, (begin, end) in enumerate(recording.inferences):
        yield _slice(HOST, 1, f"inference {number}", "host", begin, end, {"number": number})
    names = [layer.name for layer in recording.plan.layers]
    for span in recording.spans:
        arguments: dict[str, Any] = {"layer": names[span.layer], "opcode": span.opcode}
        if span.size:
            arguments["bytes"] = span.size
        if not span.complete:
            arguments["complete"] = False
        arguments |= {
            activity.name.lower(): cycles
            for activity, cycles in zip(Activity, span.spent, strict=False)
            if cycles
        }
        name = f"{names[span.layer]} {span.opcode}"
        category = span.stream.name.lower()
        process, thread = _process(span.chip), span.stream.value + 1
        yield _slice(process, thread, name, category, span.begin, span.end, arguments)
    for chip, spans in groupby(recording.spans, key=lambda span: span.chip):
        yield from _engines_at_work(chip, list(spans))


def _process(chip: int) -> int:
    return HOST + 1 + chip


def _place(process: int, thread: int) -> dict[str, Any]:
    return {"pid": process, "tid": process * THREADS + thread}


def _named(process: int, name: str, threads: dict[int, str]) -> Iterator[dict[str, Any]]:
    def naming(kind: str, thread: int, value: dict[str, Any]) -> dict[str, Any]:
        return {"ph": "M", **_place(process, thread), "name": kind, "args": value}

    first = min(threads)
    yield naming("process_name", first, {"name": name})
    yield naming("process_sort_index", first, {"sort_index": process})
    for thread, title in threads.items():
        yield naming("thread_name", thread, {"name": title})
        yield naming("thread_sort_index", thread, {"sort_index": thread})


def _slice(
    process: int,
    thread: int,
    name: str,
    category: str,
    begin: int,
    end: int,
    arguments: dict[str, Any],
) -> dict[str, Any]:
    return {
        "ph": "X",
        **_place(process, thread),
        "name": name,
        "cat": category,
        "ts": begin,
        "dur": end - begin,
        "args": arguments,
    }


def _engines_at_work(chip: int, spans: list[Span]) -> Iterator[dict[str, Any]]:
    """How many engines of a chip have something under way; the control stream is none."""
    changes: Counter[int] = Counter()
    for span in spans:
        if span.stream is not Stream.CONTROL:
            changes[span.begin] += 1
            changes[span.end] -= 1
    count = 0
    for cycle, change in sorted(changes.items()):
        if change:
            count += change
            yield {
                "ph": "C",
                **_place(_process(chip), Stream.CONTROL.value + 1),
                "name": "engines at work",
                "ts": cycle,
                "args": {"engines": count},
            }
