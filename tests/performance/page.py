"""The table of all cases, on a terminal and in ``docs/performance.md``."""

from collections.abc import Iterator, Mapping
from dataclasses import fields

from rich.table import Table

from intarsia.compiler.errors import CompileError
from tests.performance.baseline import PAGE, RAISED
from tests.performance.case import FAR, NEAR, Case, Figure, Span
from tests.performance.limits import Limits
from tests.performance.measure import CONFIG
from tests.performance.peers import NAMES, PEERS, SLACK, verdict

__all__ = ["Outcome", "meets", "table", "text", "write"]

TITLES = ("case", "cycles", "utilization", "wanted", "reached")

HEAD = """\
# Performance

One chip of configuration `{config}`, batch 1, measured at {commit} by `make bench`. Memory and host
are nodes behind a hub, two links from the chip. A link carries 16 bytes a cycle each way, and has a
latency of {far} cycles, or of {near} where it says *beside the chip*; a memory's own latency is 32
cycles on top of that, and it has all that it is asked for, at 16 bytes a cycle, before it replies.
Cycles end when the host has committed the last byte of output; the interrupt, which waits for its
acknowledgement, comes later. One row: `python -m tests.bench ResNet-8`. Utilization is
multiplications over what the array could have done in the cycles. `make test` fails where a case
takes over 2 % more cycles than `tests/performance/baseline.json` says."""

SPANS = {
    Span.NETWORK: "Networks: the second of two inferences with different inputs, from the doorbell "
    "to the last byte of output at the host",
    Span.LAYER: "Single layers, with operands and result in the chip's memory, from the start of "
    "the engine to its last write",
}

PEERS_TITLE = "Beside others: from off-chip to off-chip, with nothing in the chip's memory before"
FAR_TITLE = f"cycles, links of {FAR}"

PEERS_ABOUT = """\
Program, weights and input are fetched first, of layers that run alone and of whole networks; the
first inference, from the doorbell to the last byte of output at the host. The peers were measured
with a memory that answers after 32 cycles in all. So what is judged here was measured with memory
and host beside the chip: 32 cycles in the memory, and links of {near} cycle to a hub and on, where
each node has a packet whole before it goes on. `{title}` is the same over links of {far} cycles,
each of them as long as all that the peers had to wait. The peers' figures are those of their own
arrays: NVDLA small 64 multipliers and 8 bytes a cycle, NNgen 64 or 72 and 8, Gemmini 256 and 16.
The limits are cycles: vectors through the array, and bytes of weights, input and output over 16 a
cycle. Wanted is more than every peer reaches, or at most {slack:.2f} times the largest limit."""


#: What a case came to: a figure, or why the chip can't do it.
Outcome = Figure | CompileError

BY_CASE = {peer.case: peer for peer in PEERS}


def meets(case: Case, figure: Figure) -> bool:
    """Whether what is wanted of `case` is reached."""
    if case in BY_CASE:
        return verdict(BY_CASE[case], figure) != "behind"
    return (case.most_cycles is None or figure.cycles <= case.most_cycles) and (
        case.utilization is None or figure.utilization >= case.utilization
    )


def table(figures: Mapping[Case, Outcome]) -> Table:
    """For a terminal."""
    shown = Table(*TITLES[:1])
    for title in TITLES[1:]:
        shown.add_column(title, justify="right")
    for case, figure in figures.items():
        shown.add_row(*_row(case, figure))
    return shown


def text(figures: Mapping[Case, Outcome], commit: str) -> str:
    """For the page, up to the entries that were raised."""
    return "\n".join(_lines(figures, commit)) + "\n\n"


def write(figures: Mapping[Case, Outcome], commit: str) -> None:
    """Make the page anew, but for the entries that were raised."""
    _, heading, by_hand = PAGE.read_text().partition(RAISED)
    PAGE.write_text(text(figures, commit) + heading + by_hand)


def _lines(figures: Mapping[Case, Outcome], commit: str) -> Iterator[str]:
    yield HEAD.format(config=CONFIG, commit=commit, near=NEAR, far=FAR)
    for span, title in SPANS.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield f"| {' | '.join(TITLES)} |"
        yield "| --- | ---: | ---: | ---: | --- |"
        for case, figure in figures.items():
            if case.span is span:
                yield f"| {' | '.join(_row(case, figure))} |"
    yield from _beside(figures)


def _row(case: Case, found: Outcome) -> list[str]:
    wanted = []
    if case.most_cycles is not None:
        wanted.append(f"≤ {case.most_cycles:,}")
    if case.utilization is not None:
        wanted.append(f"≥ {case.utilization:.1%}")
    if case in BY_CASE:
        wanted.append(f"> {BY_CASE[case].best:.1%}")
    if not isinstance(found, Figure):
        return [case.name, "", "", ", ".join(wanted), f"no: {found}"]
    reached = ("yes" if meets(case, found) else "no") if wanted else ""
    if case in BY_CASE:
        reached = verdict(BY_CASE[case], found)
    return [
        case.name,
        f"{found.cycles:,}",
        f"{found.utilization:.1%}",
        ", ".join(wanted),
        reached,
    ]


def _beside(figures: Mapping[Case, Outcome]) -> Iterator[str]:
    """The table of what peers were measured on."""
    yield ""
    yield f"## {PEERS_TITLE}"
    yield ""
    yield PEERS_ABOUT.format(slack=SLACK, near=NEAR, far=FAR, title=FAR_TITLE)
    yield ""
    limits = [field.name for field in fields(Limits) if field.name != "most"]
    bounds = (f"{name} limit" for name in limits)
    titles = ("case", "cycles", "utilization", FAR_TITLE, *NAMES, *bounds, "")
    yield f"| {' | '.join(titles)} |"
    yield f"| --- |{' ---: |' * (len(titles) - 2)} --- |"
    for peer in PEERS:
        if peer.case not in figures:
            continue
        found = figures[peer.case]
        others = ("" if part is None else f"{100 * part:g}%" for part in peer.utilization)
        far = figures.get(peer.far)
        if isinstance(found, Figure):
            over = f"{far.cycles:,}" if isinstance(far, Figure) else ""
            own = f"{found.cycles:,}", f"{found.utilization:.1%}", over
            bounds = [f"{getattr(found.limits, name):,}" for name in limits]
            cells = [*own, *others, *bounds, verdict(peer, found)]
        else:
            cells = ["", "", "", *others, *[""] * len(limits), f"refused: {found}"]
        yield f"| {peer.name} | {' | '.join(cells)} |"
