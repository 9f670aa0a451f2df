"""What figures have in common, as Plotly takes it."""

from collections.abc import Sequence
from typing import Any

__all__ = [
    "AROUND",
    "BAR",
    "FAINT",
    "GAP",
    "INK",
    "Figure",
    "bar",
    "choice",
    "logarithmic",
    "plain",
    "short",
    "stacked",
]

Figure = dict[str, Any]

INK, FAINT = "#24292f", "#e7e9ec"

#: Between names and bars.
GAP = {"ticks": "outside", "ticklen": 6, "tickcolor": "white"}

#: Pixels: of a horizontal bar, and of what is around the bars.
BAR, AROUND = 26, 130

#: Characters of a layer's name that are shown.
NAME = 32


def bar(
    name: str,
    rows: Sequence[Any],
    values: Sequence[float],
    colour: str,
    titles: Sequence[str],
    template: str,
) -> dict[str, Any]:
    """Horizontal bars of one colour, a part of those that are stacked."""
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": list(rows),
        "x": list(values),
        "hovertext": list(titles),
        "marker": {"color": colour},
        "hovertemplate": f"%{{hovertext}}<br>{name}: {template}<extra></extra>",
    }


def stacked(names: Sequence[str], unit: str, lengths: Sequence[float]) -> dict[str, Any]:
    """Layout of bars of such lengths, one below the other in the network's order."""
    layout = plain(BAR * len(names) + AROUND)
    layout["barmode"] = "stack"
    layout["xaxis"] = {
        "title": {"text": unit},
        "tickformat": ",",
        "gridcolor": FAINT,
        "range": [0, 1.03 * max(*lengths, 1)],
    }
    layout["yaxis"] = {
        "tickvals": list(range(len(names))),
        "ticktext": [short(name) for name in names],
        "range": [len(names) - 0.5, -0.5],
        "automargin": True,
        **GAP,
    }
    return layout


def plain(height: int) -> dict[str, Any]:
    """Layout of a figure, so many pixels high."""
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 60, "r": 20, "t": 64, "b": 50},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "legend": {
            "orientation": "h",
            "traceorder": "normal",
            "x": 1,
            "xanchor": "right",
            "y": 1.02,
            "yanchor": "bottom",
        },
        "bargap": 0.25,
        "hoverlabel": {"font": {"size": 13}},
    }


def logarithmic(title: str) -> dict[str, Any]:
    """An axis."""
    return {"type": "log", "title": {"text": title}, "gridcolor": FAINT, "dtick": 1}


def short(name: str) -> str:
    """The end of a name that is long."""
    return name if len(name) <= NAME else f"…{name[1 - NAME :]}"


def choice(buttons: Sequence[dict[str, Any]], active: int = 0) -> dict[str, Any]:
    """A menu above the bars, to the left."""
    where = {"x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
    return {"buttons": list(buttons), "active": active, **where}
