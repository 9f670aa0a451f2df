"""The page of a report: one HTML file that needs nothing else, and no network."""

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from plotly import io as plotly

from intarsia.report import figures, reasons
from intarsia.report.drawing import Figure
from intarsia.report.summary import LayerSummary
from intarsia.report.tables import Table, last_if_none
from intarsia.runtime.recording import Recording

__all__ = ["page"]

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #24292f; background: #f6f7f8; margin: 0; }
main { max-width: 1120px; margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin: 0; }
h2 { font-size: 18px; margin: 0 0 4px; }
p { margin: 0 0 8px; color: #57606a; max-width: 85ch; }
section { background: white; border: 1px solid #e1e4e8; border-radius: 8px; margin-top: 20px;
  padding: 18px 20px; overflow-x: auto; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px;
  margin: 20px 0 0; }
dl div { background: white; border: 1px solid #e1e4e8; border-radius: 8px; padding: 10px 14px; }
dt { color: #57606a; font-size: 13px; }
dd { margin: 0; font-size: 21px; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px; text-align: right; border-bottom: 1px solid #eaecef; }
th { font-weight: 600; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
"""

CYCLES = """Every cycle of the last inference is booked once: on the layer whose instruction was
under way, the convolution engine's before the vector engine's, before a local copy, before
transfers, before barriers. Where nothing was under way, it goes to the layer that began next. The
bars are those of the mean chip and sum to the inference; the tick shows what the layer's
multiplications would take if every multiplier worked in every cycle."""

ROOFLINE = """Layers of the last inference on all chips together, with every cycle that is booked on
them. The sloping roofs are bandwidths: of chip memory, reading and writing in all banks at once,
and of links. A layer's bytes are its weights, inputs and output, once each; what stays in chip
memory does not cross links, so layers may stand above that roof."""

STALLS = """What the engine was doing in each cycle of the last inference, as the chip says itself:
the bars are those of the mean chip and sum to the inference. What an engine waited for before an
instruction counts for that instruction's layer. The menu chooses the engine."""

NUMBERS = """The same in numbers: cycles of the last inference, of all chips together."""

COUNTERS = """What each engine of a chip did in each of {cycles} cycles from reset on, as its own
counters have it; {before} of them had passed when the first inference began. Idle is what is left
to the total."""

TRAFFIC = """Bytes that the chips' own READs and WRITEs moved in the last inference: weights that do
not stay, parts of activations that other chips hold, input and output. Headers are not included;
with them, and with all that other nodes sent, {total} bytes crossed links per inference, in the
mean over all inferences; weights that stay are loaded during the first."""


def page(
    recording: Recording, layers: Sequence[LayerSummary], stalls: Table, counters: Table
) -> str:
    """The page. Everything in it is from the recording; the same one gives the same page."""
    return "".join(_parts(recording, layers, stalls, counters))


def _parts(
    recording: Recording, layers: Sequence[LayerSummary], stalls: Table, counters: Table
) -> Iterator[str]:
    report, config = recording.report, recording.plan.config
    chips = len(recording.plan.chips)
    title = escape(Path(report["model"]).name)
    about = f"{chips} x {config.name}, mode {report['mode']}, partition {report['partition']}"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
    yield f"<h1>{title}</h1>\n<p>{about}</p>\n"
    yield _tiles(recording)
    drawn = [
        ("cycles", "Cycles by layer", CYCLES, figures.cycles(layers)),
        ("stalls", "What engines waited for, by layer", STALLS, reasons.stalled(stalls, chips)),
        ("roofline", "Roofline", ROOFLINE, figures.roofline(layers, config, chips)),
        (
            "counters",
            "Counters by engine",
            COUNTERS.format(
                cycles=f"{recording.cycles:,}", before=f"{recording.inferences[0][0]:,}"
            ),
            reasons.counted(counters, chips),
        ),
        (
            "traffic",
            "Bytes over links by layer",
            TRAFFIC.format(total=f"{report['link_bytes'] / report['inferences']:,.0f}"),
            figures.traffic(layers),
        ),
    ]
    for number, (name, heading, text, figure) in enumerate(drawn):
        yield f"<section>\n<h2>{heading}</h2>\n<p>{text}</p>\n"
        yield _drawn(figure, name, library=number == 0)
        yield "\n</section>\n"
    yield f"<section>\n<h2>Layers</h2>\n{_layers(layers)}</section>\n"
    yield f"<section>\n<h2>Engines by layer</h2>\n<p>{NUMBERS}</p>\n{_stalls(stalls)}</section>\n"
    yield "</main>\n</body>\n</html>\n"


def _drawn(figure: Figure, name: str, *, library: bool) -> str:
    return plotly.to_html(
        figure,
        config={"displayModeBar": False, "responsive": True},
        include_plotlyjs=library,
        full_html=False,
        div_id=name,
    )


def _tiles(recording: Recording) -> str:
    report = recording.report
    begin, end = recording.inferences[-1]
    macs = report["macs"] / report["inferences"]
    arrays = recording.plan.config.macs * len(recording.plan.chips)
    differ = "not checked" if report["mismatches"] is None else f"{report['mismatches']:,}"
    tiles = {
        "cycles of the last inference": f"{end - begin:,}",
        "multiplications": f"{macs:,.0f}",
        "utilization of the arrays": f"{macs / (end - begin) / arrays:.1%}",
        "bytes over links, mean": f"{report['link_bytes'] / report['inferences']:,.0f}",
        "inferences": f"{report['inferences']:,}",
        "bytes unlike the golden model's": differ,
    }
    items = (f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in tiles.items())
    return f"<dl>{''.join(items)}</dl>\n"


def _layers(layers: Sequence[LayerSummary]) -> str:
    titles = ("layer", "operator", "cycles", "multiplications", "utilization", "read", "written")
    rows = [
        (
            layer.name,
            layer.operator if layer.device == "chip" else f"{layer.operator} ({layer.device})",
            f"{layer.cycles:,.0f}",
            f"{layer.macs:,}",
            f"{layer.utilization:.1%}" if layer.macs else "",
            f"{layer.read:,}",
            f"{layer.written:,}",
        )
        for layer in layers
    ]
    return _table(titles, rows)


def _stalls(stalls: Table) -> str:
    """Rows of all chips, added up."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for row in sorted(stalls.rows, key=lambda row: last_if_none(row["number"])):
        sums.setdefault((row["layer"], row["engine"]), Counter()).update({
            title: row[key] for key, title in reasons.REASONS.items()
        })
    titles = ("layer", "engine", *reasons.REASONS.values(), "cycles")
    rows = [
        (
            *about,
            *(f"{cycles[title]:,}" if cycles[title] else "" for title in reasons.REASONS.values()),
            f"{cycles.total():,}",
        )
        for about, cycles in sums.items()
    ]
    return _table(titles, rows)


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{title}</th>" for title in titles)
    body = "\n".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"
