"""What a run left behind, as tables for people and as JSON for programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

__all__ = ["layers", "summary", "write"]

Report = Mapping[str, Any]


def summary(report: Report, **more: str) -> Table:
    """Figures of the whole run; `more` come first."""
    inferences = report["inferences"]
    entries = report["atu"][0]["entries"]
    sets = max(chip["working_set"] for chip in report["atu"])
    rates = [chip["later_hit_rate"] for chip in report["atu"]]
    rate = min((rate for rate in rates if rate is not None), default=None)
    mismatches = report["mismatches"]
    rows = {
        "network": f"{Path(report['model']).name}, mode {report['mode']}",
        "chips": f"{report['chips']} x {report['config']}, {report['topology']}, "
        f"partition {report['partition']}",
        "inferences": f"{inferences}",
        **more,
        "bytes unlike the golden model's": (
            "not checked" if mismatches is None else f"{mismatches:,}"
        ),
        "cycles per inference": f"{report['cycles'] / inferences:,.0f}",
        "MACs per inference": f"{report['macs'] / inferences:,.0f}",
        "MAC utilization": f"{report['utilization']:.1%}",
        "bytes over links per inference": f"{report['link_bytes'] / inferences:,.0f}",
        "fragments a chip uses, ATU entries": f"{sets:,}, {entries:,}",
        "ATU hits from the second inference on": "" if rate is None else f"{rate:.1%}",
        "host accesses": f"{report['host_accesses']:,}",
        "simulated chip-cycles per second": f"{report['chip_cycles_per_s']:,.0f}",
        "wall time": f"{report['wall_s']:.1f} s",
        **_survived(report),
    }
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for row in rows.items():
        table.add_row(*row)
    return table


def _survived(report: Report) -> dict[str, str]:
    """What happened on the way, where something did."""
    rows = {}
    packets, links = report["packets"], report["links"]
    damaged = packets["damaged"] + sum(link["damaged"] for link in links)
    repeated = packets["repeated"] + sum(link["repeats"] for link in links)
    if damaged or repeated:
        rows["packets damaged, sent again"] = f"{damaged:,}, {repeated:,}"
    if report["restarts"]:
        rows["restarts"] = f"{report['restarts']}"
    if report["killed"]:
        events = (*report["recoveries"], *report["failovers"])
        latency = max(event["latency"] or 0 for event in events)
        lost = ", ".join(f"{node}" for node in report["killed"])
        rows["nodes lost"] = f"{lost}, noticed within {latency:,} cycles"
    return rows


def layers(report: Report) -> Table:
    """Figures of each layer."""
    table = Table("layer", "operator", "device")
    for title in ("cycles", "MACs", "utilization", "MACs on each chip"):
        table.add_column(title, justify="right")
    for layer in report["layers"]:
        macs = layer["macs"]
        shares = (f"{share / macs:.0%}" for share in layer["chips"]) if macs else ()
        table.add_row(
            layer["name"],
            layer["op"] + (f", fused into {layer['fused']}" if layer["fused"] else ""),
            layer["device"],
            f"{layer['cycles']:,}",
            f"{macs:,}",
            f"{layer['utilization']:.1%}" if macs else "",
            " ".join(shares),
        )
    return table


def write(report: Report, path: Path) -> None:
    """Store a report as JSON; folders are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n")
