"""Mutants: small named faults, put into a copy of the project, that some test must notice."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.inputs import ENVIRONMENT, inputs_folder

__all__ = ["ROOT", "Mutant", "mutate", "passes", "workshop"]

ROOT = Path(__file__).parents[2]
ROOTS = "hw", "sim", "sw"
"""Folders whose ``intarsia`` is put before the installed one."""

TIMEOUT = 900
"""Seconds; a mutant that makes a test hang has been noticed."""


@dataclass(frozen=True)
class Mutant:
    """A fault.

    Members
    -------
    name : str
        Says what is wrong with the design.
    file : str
        Where it is, from the project's root.
    old, new : str
        Text that occurs once in the file, and what is put in its place.
    test : str
        What must fail: a pytest path or node id, from the project's root.
    """

    name: str
    file: str
    old: str
    new: str
    test: str


def workshop(folder: Path) -> Path:
    """Copy the project into `folder`, to be broken there."""
    for name in (*ROOTS, "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def mutate(folder: Path, mutant: Mutant, *, back: bool = False) -> None:
    """Put the fault into the copy in `folder`, or take it out again.

    Raises
    ------
    ValueError
        If the text to replace does not occur exactly once in the project's file.
    """
    original = (ROOT / mutant.file).read_text()
    count = original.count(mutant.old)
    if count != 1:
        raise ValueError(f"mutant {mutant.name!r}: {mutant.file} has its text {count} times, not 1")
    text = original if back else original.replace(mutant.old, mutant.new)
    (folder / mutant.file).write_text(text)


def passes(folder: Path, tests: Iterable[str]) -> bool:
    """Whether pytest succeeds with the copy in `folder`. Its output is left in ``pytest.log``."""
    paths = [str(folder / root) for root in ROOTS]
    environment = os.environ | {
        "COCOTB_RANDOM_SEED": "1",  # a mutant's fate is not a matter of luck
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    if inputs := inputs_folder():
        environment[ENVIRONMENT] = str(inputs)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    with (folder / "pytest.log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            return False
        finally:
            _end(process)
    if code not in (0, 1):
        raise RuntimeError(f"pytest could not run {', '.join(tests)}: see {log.name}")
    return code == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and the simulators that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
