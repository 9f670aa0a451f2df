"""The catalogue is about the project as it is; `make mutants` runs it."""

import subprocess
import sys

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.runner import ROOT, Mutant, mutate, passes, workshop


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_fits_the_project(mutant):
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1
    assert mutant.old != mutant.new


def test_tests_that_should_see_mutants_exist():
    """With their parameters; pytest says which ones it does not find."""
    tests = sorted({mutant.test for mutant in MUTANTS})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *tests]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not found.returncode, found.stderr


def test_names_are_unique():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_a_copy_is_broken_and_mended_while_the_project_stays(tmp_path):
    folder = workshop(tmp_path / "copy")
    test = folder / "tests" / "test_probe.py"
    test.write_text(
        "from intarsia.digits import data\n\ndef test_probe():\n    assert data.HELD_OUT == 360\n"
    )
    mutant = Mutant("x", "sw/intarsia/digits/data.py", "HELD_OUT = 360", "HELD_OUT = 1", "")
    before = (ROOT / mutant.file).read_text()
    assert passes(folder, [str(test)])
    mutate(folder, mutant)
    assert not passes(folder, [str(test)])
    mutate(folder, mutant, back=True)
    assert passes(folder, [str(test)])
    assert (ROOT / mutant.file).read_text() == before


def test_a_mutant_whose_text_is_gone_is_refused(tmp_path):
    mutant = Mutant("stale", "sw/intarsia/digits/data.py", "no such text", "", "")
    with pytest.raises(ValueError, match=r"mutant 'stale': .*data.py has its text 0 times, not 1"):
        mutate(tmp_path, mutant)


def test_what_pytest_cannot_run_is_an_error_and_no_kill(tmp_path):
    folder = workshop(tmp_path / "copy")
    with pytest.raises(RuntimeError, match=r"pytest could not run tests/none.py"):
        passes(folder, ["tests/none.py"])
