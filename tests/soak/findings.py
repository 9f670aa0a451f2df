"""What sections of a soak find, and how it is told."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Finding", "Findings", "write"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One run of a section.

    Members
    -------
    run : int
        Its number in the section: ``--only`` runs it again.
    what : str
        What was run, with the seed in it: for people.
    passed : bool
    figures : dict
    """

    run: int
    what: str
    passed: bool
    figures: dict[str, Any] = field(default_factory=dict)


#: Findings of a section as they come, each with the part of the section that is done; between them,
#: parts alone.
Findings = Iterator[tuple[float, Finding | None]]


def write(found: dict[str, Sequence[Finding]], seed: int, folder: Path) -> None:
    """Leave ``soak.json`` and ``soak.md`` in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = {
        name: [
            {"run": each.run, "what": each.what, "passed": each.passed, **each.figures}
            for each in findings
        ]
        for name, findings in found.items()
    }
    (folder / "soak.json").write_text(json.dumps({"seed": seed, "sections": sections}, indent=1))
    lines = [f"# Soak, seed {seed}"]
    for name, findings in found.items():
        passed = sum(each.passed for each in findings)
        lines += ["", f"## {name}: {passed} of {len(findings)} passed", ""]
        columns = dict.fromkeys(key for each in findings for key in each.figures)
        lines += [_row("run", "what", "passed", *columns), _row(*["---"] * (3 + len(columns)))]
        lines += [
            _row(
                each.run,
                each.what,
                "yes" if each.passed else "NO",
                *(each.figures.get(key, "") for key in columns),
            )
            for each in findings
        ]
    (folder / "soak.md").write_text("\n".join(lines) + "\n")


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |"
