"""An object that all simulators contain is compiled once, whoever asks for it."""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from intarsia.bench.objects import compile_once

#: In place of a compiler: writes its arguments and a random number; fails as it is told.
COMPILER = """\
import os, sys
words = sys.argv[1:]
if "-fail" in words:
    sys.exit(3)
output = words[words.index("-o") + 1]
with open(output, "w") as file:
    file.write(" ".join(word for word in words if word != output) + os.urandom(8).hex())
"""


@pytest.fixture
def library(tmp_path):
    folder = tmp_path / "library"
    folder.mkdir()
    for name in ("a.cpp", "b.cpp", "a.h"):
        (folder / name).write_text("")
    return folder


@pytest.fixture
def build(tmp_path, library):
    """Compiles a source to a new object; gives the object's content, or the exit code."""
    compiler = tmp_path / "compiler.py"
    compiler.write_text(COMPILER)
    numbers = count()

    def build(source, *flags):
        made = tmp_path / f"{next(numbers)}.o"
        command = [sys.executable, str(compiler), *flags, "-c", "-o", str(made), str(source)]
        return compile_once(tmp_path / "shared", library, command) or made.read_text()

    return build


def test_the_same_is_compiled_once(build, library):
    assert build(library / "a.cpp", "-Os") == build(library / "a.cpp", "-Os")


def test_workers_wait_for_each_other(build, library):
    with ThreadPoolExecutor(4) as workers:
        made = list(workers.map(build, [library / "a.cpp"] * 8))
    assert len(set(made)) == 1


@pytest.mark.parametrize("change", ["source", "flags", "header", "design"])
def test_what_differs_is_compiled_again(build, library, tmp_path, change):
    source, flags = library / "a.cpp", ["-Os"]
    if change == "design":
        source = shutil.copy(source, tmp_path)
    before = build(source, *flags)
    if change == "source":
        source = library / "b.cpp"
    elif change == "flags":
        flags = ["-O0"]
    elif change == "header":
        (library / "a.h").write_text("int a;")
    assert build(Path(source), *flags) != before


def test_failures_are_passed_on_and_not_kept(build, library):
    assert build(library / "a.cpp", "-fail") == 3
    assert build(library / "a.cpp", "-fail") == 3
