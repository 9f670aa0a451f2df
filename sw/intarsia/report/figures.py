"""Figures of a recording, as Plotly takes them: dictionaries of data and layout."""

from collections.abc import Sequence
from typing import Any

from intarsia.isa.config import ChipConfig
from intarsia.report.booking import Use
from intarsia.report.drawing import BAR, INK, Figure, bar, logarithmic, plain, short, stacked
from intarsia.report.summary import LayerSummary

__all__ = ["cycles", "roofline", "traffic"]

USES = {
    Use.CONV: "#1f6fb2",
    Use.VECTOR: "#35a39b",
    Use.LOCAL: "#9ccf9f",
    Use.REMOTE: "#eda751",
    Use.CONTROL: "#c9503c",
    Use.IDLE: "#d5d7da",
}

#: Where names of points stand, in turn: neighbours are often in the same place.
SIDES = ("top center", "bottom center", "middle right", "middle left")

#: Layers up to which points of the roofline carry their names.
NAMED = 24


def cycles(layers: Sequence[LayerSummary]) -> Figure:
    """A stacked bar per layer: what chips did, in cycles of the mean chip."""
    rows = list(range(len(layers)))
    bars = [
        bar(
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
        "layout": stacked(
            [layer.name for layer in layers], "cycles", [layer.cycles for layer in layers]
        ),
    }


def traffic(layers: Sequence[LayerSummary]) -> Figure:
    """Bytes that all chips together move over links, per layer."""
    rows = list(range(len(layers)))
    names = [layer.name for layer in layers]
    bars = [
        bar("read", rows, [layer.read for layer in layers], "#1f6fb2", names, "%{x:,} bytes"),
        bar("written", rows, [layer.written for layer in layers], "#eda751", names, "%{x:,} bytes"),
    ]
    return {
        "data": bars,
        "layout": stacked(names, "bytes", [layer.read + layer.written for layer in layers]),
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
    layout = plain(520)
    layout["xaxis"] = logarithmic("multiplications per byte of weights, inputs and output")
    layout["yaxis"] = logarithmic("multiplications per cycle")
    layers_shown = {
        "type": "scatter",
        "mode": "markers+text" if len(points) <= NAMED else "markers",
        "name": "layers",
        "x": intensities,
        "y": [layer.rate for layer in points],
        "text": [short(layer.name) for layer in points],
        "textposition": [SIDES[number % len(SIDES)] for number in range(len(points))],
        "textfont": {"size": 11},
        "customdata": [layer.rate / peak for layer in points],
        "marker": {"size": 10, "color": "#1f6fb2", "line": {"width": 1, "color": "white"}},
        "hovertemplate": "%{text}<br>%{y:,.1f} multiplications per cycle, %{customdata:.1%} of the "
        "arrays<br>%{x:,.1f} per byte<extra></extra>",
    }
    return {"data": [*roofs, layers_shown], "layout": layout}


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
