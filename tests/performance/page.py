"""The table of all cases, on a terminal and in ``docs/performance.md``."""

from collections.abc import Iterator, Mapping

from rich.table import Table

from tests.performance.baseline import PAGE, RAISED
from tests.performance.cases import Case, Span
from tests.performance.measure import CONFIG, Figure

__all__ = ["meets", "table", "text", "write"]

TITLES = ("case", "cycles", "utilization", "wanted", "reached")

HEAD = """\
# Performance

One chip of configuration `{config}`, batch 1, measured at {commit} by `make bench`; links have a
latency of 32 cycles and carry 16 bytes a cycle each way. One row: `python -m tests.bench ResNet-8`.
Utilization is multiplications over what the array could have done in the cycles. `make test` fails
where a case takes over 2 % more cycles than `tests/performance/baseline.json` says."""

SPANS = {
    Span.NETWORK: "Networks: the second of two inferences with different inputs, from the doorbell "
    "to the last byte of output at the host",
    Span.LAYER: "Single layers, with operands and result in the chip's memory, from the start of "
    "the engine to its last write",
    Span.COLD: "Single layers from off-chip to off-chip, with nothing in the chip's memory before: "
    "program, weights and input are fetched first; wanted is what the best peer reaches",
}


def meets(case: Case, figure: Figure) -> bool:
    """Whether what is wanted of `case` is reached."""
    return (case.most_cycles is None or figure.cycles <= case.most_cycles) and (
        case.utilization is None or figure.utilization >= case.utilization
    )


def table(figures: Mapping[Case, Figure]) -> Table:
    """For a terminal."""
    shown = Table(*TITLES[:1])
    for title in TITLES[1:]:
        shown.add_column(title, justify="right")
    for case, figure in figures.items():
        shown.add_row(*_row(case, figure))
    return shown


def text(figures: Mapping[Case, Figure], commit: str) -> str:
    """For the page, up to the entries that were raised."""
    return "\n".join(_lines(figures, commit)) + "\n\n"


def write(figures: Mapping[Case, Figure], commit: str) -> None:
    """Make the page anew, but for the entries that were raised."""
    _, heading, by_hand = PAGE.read_text().partition(RAISED)
    PAGE.write_text(text(figures, commit) + heading + by_hand)


def _lines(figures: Mapping[Case, Figure], commit: str) -> Iterator[str]:
    yield HEAD.format(config=CONFIG, commit=commit)
    for span, title in SPANS.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield f"| {' | '.join(TITLES)} |"
        yield "| --- | ---: | ---: | ---: | --- |"
        for case, figure in figures.items():
            if case.span is span:
                yield f"| {' | '.join(_row(case, figure))} |"


def _row(case: Case, figure: Figure) -> list[str]:
    wanted = []
    if case.most_cycles is not None:
        wanted.append(f"≤ {case.most_cycles:,}")
    if case.utilization is not None:
        wanted.append(f"≥ {case.utilization:.1%}")
    reached = ("yes" if meets(case, figure) else "no") if wanted else ""
    return [
        case.name,
        f"{figure.cycles:,}",
        f"{figure.utilization:.1%}",
        ", ".join(wanted),
        reached,
    ]
