"""A folder that holds a recording's tables and their page."""

import json
from pathlib import Path

from intarsia.report.page import page
from intarsia.report.summary import summarize
from intarsia.report.tables import counters, engines, layers, stalls
from intarsia.runtime.recording import Recording

__all__ = ["write_report"]


def write_report(recording: Recording, folder: Path) -> None:
    """Write ``index.html``, ``report.json``, and a ``.csv`` of each table.

    ``report.json`` has the session's report, and the tables under their names: ``layers``,
    ``stalls``, ``engines`` and ``counters``. The folder is made as needed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = [layers(recording), stalls(recording), engines(recording), counters(recording)]
    for table in tables:
        table.write(folder)
    everything = {
        "report": recording.report,
        "cycles": recording.cycles,
        "inferences": recording.inferences,
        **{table.name: table.rows for table in tables},
    }
    (folder / "report.json").write_text(json.dumps(everything, indent=1) + "\n")
    by_layer, reasons, _, by_engine = tables
    summaries = summarize(by_layer, recording.plan.config.macs)
    (folder / "index.html").write_text(page(recording, summaries, reasons, by_engine))
