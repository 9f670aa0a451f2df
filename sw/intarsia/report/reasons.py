"""Figures of what engines spent their cycles on, as Plotly takes them."""

from typing import Any

from intarsia.isa.counters import Activity
from intarsia.report.booking import PRECEDENCE
from intarsia.report.drawing import AROUND, BAR, FAINT, GAP, Figure, bar, choice, plain, stacked
from intarsia.report.tables import Table, last_if_none

__all__ = ["REASONS", "counted", "stalled"]

ACTIVITIES = {
    Activity.BUSY: ("busy", "#1f6fb2"),
    Activity.OPERANDS: ("waiting for operands", "#eda751"),
    Activity.MEMORY: ("waiting for memory", "#8f6bb8"),
    Activity.WEIGHTS: ("waiting for weights", "#d3b83c"),
    Activity.DRAIN: ("draining", "#35a39b"),
    Activity.LINK: ("waiting for a link", "#c9503c"),
    Activity.BARRIER: ("waiting at a barrier", "#7c3a2d"),
    Activity.IDLE: ("idle", "#d5d7da"),
}

#: Columns of tables, and what they are called for people.
REASONS = {activity.name.lower(): title for activity, (title, _) in ACTIVITIES.items()}

#: Engines that work for layers, in the order of the menu.
ENGINES = tuple(stream.name.lower() for stream in PRECEDENCE)


def stalled(stalls: Table, chips: int) -> Figure:
    """A stacked bar per layer: what an engine did, in cycles of the mean chip; a menu names it."""
    order = sorted({row["number"] for row in stalls.rows}, key=last_if_none)
    names = {row["number"]: row["layer"] for row in stalls.rows}
    titles = [names[number] for number in order]
    spent: dict[tuple[str, str], list[float]] = {
        (engine, reason): [0.0] * len(order) for engine in ENGINES for reason in REASONS
    }
    places = {number: place for place, number in enumerate(order)}
    lengths = {engine: [0.0] * len(order) for engine in ENGINES}
    for row in stalls.rows:
        place = places[row["number"]]
        lengths[row["engine"]][place] += row["cycles"] / chips
        for reason in REASONS:
            spent[row["engine"], reason][place] += row[reason] / chips
    bars = [
        bar(
            title,
            range(len(order)),
            spent[engine, activity.name.lower()],
            colour,
            titles,
            "%{x:,.0f} cycles",
        )
        | {"visible": engine == ENGINES[0]}
        for engine in ENGINES
        for activity, (title, colour) in ACTIVITIES.items()
    ]
    layouts = {engine: stacked(titles, "cycles", lengths[engine]) for engine in ENGINES}
    menu = [
        _choice(
            engine,
            [of == engine for of in ENGINES for _ in ACTIVITIES],
            {"xaxis.range": layouts[engine]["xaxis"]["range"]},
        )
        for engine in ENGINES
    ]
    layout = layouts[ENGINES[0]]
    layout["updatemenus"] = [choice(menu)]
    return {"data": bars, "layout": layout}


def counted(counters: Table, chips: int) -> Figure:
    """A stacked bar per engine of one chip; a menu chooses the chip."""
    bars, menu = [], []
    for chip in range(chips):
        rows = [row for row in counters.rows if row["chip"] == chip]
        for activity, (title, colour) in ACTIVITIES.items():
            found = [row[activity.name.lower()] for row in rows]
            shares = [cycles / row["total"] for cycles, row in zip(found, rows, strict=True)]
            engines = [row["engine"].replace("_", " ") for row in rows]
            template = "%{customdata:,} cycles, %{x:.1%}"
            drawn = bar(title, engines, shares, colour, engines, template)
            bars.append(drawn | {"customdata": found, "visible": chip == 0})
        menu.append(
            _choice(f"chip {chip}", [of == chip for of in range(chips) for _ in ACTIVITIES])
        )
    layout = plain(8 * BAR + AROUND)
    layout["barmode"] = "stack"
    layout["xaxis"] = {"tickformat": ".0%", "range": [0, 1], "gridcolor": FAINT}
    layout["yaxis"] = {"autorange": "reversed", "automargin": True, **GAP}
    if chips > 1:
        layout["updatemenus"] = [choice(menu)]
    return {"data": bars, "layout": layout}


def _choice(
    label: str, visible: list[bool], layout: dict[str, Any] | None = None
) -> dict[str, Any]:
    """An entry of a menu, that shows some of the bars, and changes the layout for them."""
    return {"label": label, "method": "update", "args": [{"visible": visible}, layout or {}]}
