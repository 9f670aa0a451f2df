"""Flipped bits and dead chips, while ResNet-8 runs over four chips.

Without the real networks, that of the digits is run.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from intarsia.digits import MODEL, data
from intarsia.driver.errors import DriverError
from intarsia.graph import Mode
from intarsia.runtime import Session
from tests.inputs import goldens, inputs_folder
from tests.soak.findings import Finding, Findings

__all__ = ["CHIPS", "Case", "case", "deaths", "endured", "flips"]

CHIPS = 4
RESNET = "resnet8_cifar10_int8"

#: What links do while chips die.
NOISE = "ber=1e-7,drop=1e-3"

#: Inferences of a run with flips, and of one with a death.
FLIP_IMAGES, DEATH_IMAGES = 8, 2


@dataclass(frozen=True)
class Case:
    """A network, inputs, and the outputs that are expected; None: those of the golden model."""

    model: Path
    inputs: np.ndarray
    expected: np.ndarray | None


def case(folder: Path | None, count: int) -> Case:
    """ResNet-8, where its files are, with so many inputs; or the network of the digits."""
    if folder is None:
        images, _ = data.held_out()
        return Case(MODEL, images[:count], None)
    x, expected = goldens(folder, RESNET, Mode.XNNPACK)
    which = np.arange(count) % len(x)
    return Case(folder / "models" / f"{RESNET}.tflite", x[which], expected[which])


def endured(what: Case, faults: str, *, replicas: int = 1) -> dict[str, Any]:
    """What a run with `faults` came to: bytes that are wrong, and what was survived, or not."""
    with Session(what.model, chips=CHIPS, replicas=replicas, faults=faults) as session:
        try:
            outputs = session.run(what.inputs, check=what.expected is None)
        except DriverError as error:
            return {"wrong": 0, "error": str(error), "cycles": session.fabric.now}
        report, cycles = session.report, session.fabric.now
    if what.expected is None:
        wrong = report["mismatches"]
    else:
        wrong = int(np.count_nonzero(outputs.reshape(len(outputs), -1) != what.expected))
    return {
        "wrong": wrong,
        "error": "",
        "cycles": cycles,
        "restarts": report["restarts"],
        "killed": report["killed"],
        "causes": [_kind(each["cause"]) for each in report["recoveries"]],
    }


def flips(count: int, times: int, seed: int, only: int | None = None) -> Findings:
    """The section: `count` bits flip in memories in each of `times` runs."""
    what = case(inputs_folder(), FLIP_IMAGES)
    duration = endured(what, "")["cycles"]
    for run, done in _runs(times, only):
        faults = f"sram_flip={count}@1..{duration},seed={seed + run}"
        found = endured(what, faults)
        named = set(found.pop("causes", ())) | ({_kind(found["error"])} - {""})
        found["reported as"] = " ".join(sorted(named))
        yield (
            done,
            Finding(
                run=run,
                what=faults,
                passed=found["wrong"] == 0 and named <= {"PARITY"},
                figures=found,
            ),
        )


def deaths(times: int, seed: int, only: int | None = None) -> Findings:
    """The section: each chip dies in `times` runs, at random, over links that lose packets."""
    what = case(inputs_folder(), DEATH_IMAGES)
    duration = endured(what, f"{NOISE},seed={seed}", replicas=2)["cycles"]
    drawn = random.Random(f"{seed} deaths")
    cycles = [drawn.randint(1, duration) for _ in range(CHIPS * times)]
    for run, done in _runs(len(cycles), only):
        chip = run % CHIPS
        faults = f"{NOISE},kill=chip{chip}@{cycles[run]},seed={seed + run}"
        found = endured(what, faults, replicas=2)
        # Who dies when all is done is not missed.
        missed = found.get("killed") == [chip] and found["restarts"] >= 1
        passed = not found["error"] and found["wrong"] == 0
        passed = passed and (missed or (found["killed"], found["restarts"]) == ([], 0))
        found["causes"] = " ".join(found.get("causes", ()))
        yield done, Finding(run=run, what=faults, passed=passed, figures=found)


def _runs(count: int, only: int | None) -> Iterator[tuple[int, float]]:
    """Numbers of runs, each with the part of the section that is done after it."""
    for run in range(count) if only is None else [only]:
        yield run, 1.0 if only is not None else (run + 1) / count


def _kind(error: str) -> str:
    """What an error is about, in a word."""
    fault = re.search(r": ([A-Z_]+) reported by", error)
    return fault[1] if fault else "silence" if "silent" in error else error[:40]
