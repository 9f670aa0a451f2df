"""Figures of a recording, as Plotly takes them: dictionaries of data and layout."""

from collections.abc import Sequence
from typing import Any

from intarsia.isa.config import ChipConfig
from intarsia.isa.counters import Activity
from intarsia.report.booking import Use
from intarsia.report.summary import LayerSummary
from intarsia.report.tables import Table

__all__ = ["counted", "cycles", "roofline", "traffic"]

Figure = dict[str, Any]

USES = {
    Use.CONV: "#1f6fb2",
    Use.VECTOR: "#35a39b",
    Use.LOCAL: "#9ccf9f",
    Use.REMOTE: "#eda751",
    Use.CONTROL: "#c9503c",
    Use.IDLE: "#d5d7da",
}

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

INK, FAINT = "#24292f", "#e7e9ec"

#: Between names and bars.
GAP = {"ticks": "outside", "ticklen": 6, "tickcolor": "white"}

#: Pixels: of a horizontal bar, and of what is around the bars.
BAR, AROUND = 26, 130

#: Characters of a layer's name that are shown.
NAME = 32

#: Where names of points stand, in turn: neighbours are often in the same place.
SIDES = ("top center", "bottom center", "middle right", "middle left")

#: Layers up to which points of the roofline carry their names.
NAMED = 24


def cycles(layers: Sequence[LayerSummary]) -> Figure:
    """A stacked bar per layer: what chips did, in cycles of the mean chip."""
    rows = list(range(len(layers)))
    bars = [
        _bar(
            use.value,
            rows,
            [layer.uses[use] for layer in layers],
            colour,
            [layer.name for layer in layers],
            "%{x:,.0f} cycles",
        )
        for use, colour in USES.items()
    ]
    multiplying = [row for row in rows if layers[row].macs]
    least = {
        "type": "scatter",
        "mode": "markers",
        "name": "multiplications at full use",
        "y": multiplying,
        "x": [layers[row].least for row in multiplying],
        "marker": {"symbol": "line-ns", "size": BAR // 2, "line": {"width": 2.5, "color": INK}},
        "text": [layers[row].name for row in multiplying],
        "hovertemplate": "%{text}<br>at full use of the arrays: %{x:,.0f} cycles<extra></extra>",
    }
    return {
        "data": [*bars, least],
        "layout": _bars(layers, "cycles", [layer.cycles for layer in layers]),
    }


def traffic(layers: Sequence[LayerSummary]) -> Figure:
    """Bytes that all chips together move over links, per layer."""
    rows = list(range(len(layers)))
    names = [layer.name for layer in layers]
    bars = [
        _bar("read", rows, [layer.read for layer in layers], "#1f6fb2", names, "%{x:,} bytes"),
        _bar(
            "written", rows, [layer.written for layer in layers], "#eda751", names, "%{x:,} bytes"
        ),
    ]
    return {
        "data": bars,
        "layout": _bars(layers, "bytes", [layer.read + layer.written for layer in layers]),
    }


def roofline(layers: Sequence[LayerSummary], config: ChipConfig, chips: int) -> Figure:
    """Multiplications per cycle over multiplications per byte, under what the chips could do."""
    points = sorted(
        (layer for layer in layers if layer.macs and layer.cycles),
        key=lambda layer: (layer.intensity, layer.rate),
    )
    peak = config.macs * chips
    memory = 2 * config.macro_banks * config.lanes * chips
    links = config.link_ports * config.link_bytes * chips
    intensities = [layer.intensity for layer in points]
    left = min([peak / memory, *intensities]) / 2
    right = max([peak / links, *intensities]) * 2
    roofs = [
        _roof("chip memory, all banks", memory, peak, left, right, "#35a39b"),
        _roof("links, all ports one way", links, peak, left, right, "#eda751"),
    ]
    layout = _layout(520)
    layout["xaxis"] = _log("multiplications per byte of weights, inputs and output")
    layout["yaxis"] = _log("multiplications per cycle")
    layers_shown = {
        "type": "scatter",
        "mode": "markers+text" if len(points) <= NAMED else "markers",
        "name": "layers",
        "x": intensities,
        "y": [layer.rate for layer in points],
        "text": [_short(layer.name) for layer in points],
        "textposition": [SIDES[number % len(SIDES)] for number in range(len(points))],
        "textfont": {"size": 11},
        "customdata": [layer.rate / peak for layer in points],
        "marker": {"size": 10, "color": "#1f6fb2", "line": {"width": 1, "color": "white"}},
        "hovertemplate": "%{text}<br>%{y:,.1f} multiplications per cycle, %{customdata:.1%} of the "
        "arrays<br>%{x:,.1f} per byte<extra></extra>",
    }
    return {"data": [*roofs, layers_shown], "layout": layout}


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
            bar = _bar(title, engines, shares, colour, engines, template)
            bars.append(bar | {"customdata": found, "visible": chip == 0})
        shown = [of == chip for of in range(chips) for _ in ACTIVITIES]
        menu.append({"label": f"chip {chip}", "method": "restyle", "args": [{"visible": shown}]})
    layout = _layout(8 * BAR + AROUND)
    layout["barmode"] = "stack"
    layout["xaxis"] = {"tickformat": ".0%", "range": [0, 1], "gridcolor": FAINT}
    layout["yaxis"] = {"autorange": "reversed", "automargin": True, **GAP}
    if chips > 1:
        layout["updatemenus"] = [
            {"buttons": menu, "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
        ]
    return {"data": bars, "layout": layout}


def _bar(
    name: str,
    rows: Sequence[Any],
    values: Sequence[float],
    colour: str,
    titles: Sequence[str],
    template: str,
) -> dict[str, Any]:
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


def _roof(
    name: str, bytes_per_cycle: int, peak: int, left: float, right: float, colour: str
) -> dict[str, Any]:
    ridge = peak / bytes_per_cycle
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"{name}: {bytes_per_cycle} bytes per cycle",
        "x": [left, ridge, right],
        "y": [left * bytes_per_cycle, peak, peak],
        "line": {"color": colour, "width": 2},
        "hovertemplate": "%{y:,.0f} multiplications per cycle at %{x:,.1f} per byte<extra></extra>",
    }


def _bars(layers: Sequence[LayerSummary], unit: str, lengths: Sequence[float]) -> dict[str, Any]:
    """Layout of bars of such lengths, one below the other in the network's order."""
    layout = _layout(BAR * len(layers) + AROUND)
    layout["barmode"] = "stack"
    layout["xaxis"] = {
        "title": {"text": unit},
        "tickformat": ",",
        "gridcolor": FAINT,
        "range": [0, 1.03 * max(*lengths, 1)],
    }
    layout["yaxis"] = {
        "tickvals": list(range(len(layers))),
        "ticktext": [_short(layer.name) for layer in layers],
        "range": [len(layers) - 0.5, -0.5],
        "automargin": True,
        **GAP,
    }
    return layout


def _layout(height: int) -> dict[str, Any]:
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


def _log(title: str) -> dict[str, Any]:
    return {"type": "log", "title": {"text": title}, "gridcolor": FAINT, "dtick": 1}


def _short(name: str) -> str:
    return name if len(name) <= NAME else f"…{name[1 - NAME :]}"
