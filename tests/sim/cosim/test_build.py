"""Libraries are made once, whoever needs them, and again when what they depend on has changed."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from intarsia.cosim import build


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INTARSIA_CACHE", str(tmp_path))
    return tmp_path


def slowly(folder: Path):
    time.sleep(0.2)
    (folder / "made").write_text(str(os.getpid()))


def make(results):
    path = build.built("thing", ["source"], slowly)
    results.put((path.name, (path / "made").read_text()))


def test_processes_that_want_the_same_make_it_once(folder):
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    processes = [spawn.Process(target=make, args=(results,)) for _ in range(3)]
    for process in processes:
        process.start()
    found = {results.get(timeout=30) for _ in processes}
    for process in processes:
        process.join()
    assert len(found) == 1


def test_what_failed_is_made_again(folder):
    def fail(folder):
        (folder / "half").touch()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        build.built("thing", ["source"], fail)
    path = build.built("thing", ["source"], slowly)
    assert (path / "made").exists()


def test_other_sources_are_another_thing(folder):
    first, again, other = (build.built("thing", [s], slowly) for s in ("a", "a", "b"))
    assert first == again
    assert first != other


def test_comments_and_docstrings_do_not_count():
    def code(text):
        return build.ast.dump(build._without_docstrings(build.ast.parse(text)))

    plain = "def f():\n    return 1\n"
    assert code('"""Says."""\n\n\ndef f():\n    "Does."\n    return 1  # one\n') == code(plain)
    assert code("def f():\n    return 2\n") != code(plain)
