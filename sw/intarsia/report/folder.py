"""A folder that holds a recording's tables and their page."""

import json
from pathlib import Path

from intarsia.report.page import page
from intarsia.report.summary import summarize
from intarsia.report.tables import counters, engines, layers
from intarsia.runtime.recording import Recording

__all__ = ["write_report"]


def write_report(recording: Recording, folder: Path) -> None:
    """Write ``index.html``, ``layers.csv``, ``engines.csv``, ``counters.csv`` and ``report.json``.

    ``report.json`` has the session's report, and the three tables under their names. The folder is
    made as needed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = [layers(recording), engines(recording), counters(recording)]
    for table in tables:
        table.write(folder)
    everything = {
        "report": recording.report,
        "cycles": recording.cycles,
        "inferences": recording.inferences,
        **{table.name: table.rows for table in tables},
    }
    (folder / "report.json").write_text(json.dumps(everything, indent=1) + "\n")
    by_layer, _, by_engine = tables
    summaries = summarize(by_layer, recording.plan.config.macs)
    (folder / "index.html").write_text(page(recording, summaries, by_engine))
