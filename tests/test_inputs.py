"""Real-network cases are counted, and are not skipped behind anybody's back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inputs import CMSIS_NN, ENVIRONMENT, NETWORKS

ROOT = Path(__file__).parents[1]
CASES = "tests/sim/golden/test_cmsis_nn.py"


def run(cases, folder, *options):
    """Exit code and last line of pytest on `cases`, with inputs in `folder`."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, cases]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        command, env=environ | {ENVIRONMENT: str(folder)}, cwd=ROOT, capture_output=True, text=True
    )
    return done.returncode, done.stdout.rstrip().splitlines()[-1]


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_cases_are_counted(inputs_folder, options):
    code, last = run(CASES, inputs_folder, "-k", "maxpooling", *options)
    assert (code, last) == (0, "real-network cases: ran 6 of 6")


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_skipping_is_failing_where_inputs_are_named(tmp_path, options):
    code, last = run(CASES, tmp_path, "-k", "maxpooling", *options)
    assert (code, last) == (1, "real-network cases: ran 0 of 6")


def test_skipping_is_skipping_where_they_are_not():
    code, last = run(CASES, "", "-k", "maxpooling")  # an empty variable is none
    assert code == 0
    assert last.startswith("real-network cases: ran ")


def test_lists_name_the_files_that_there_are(inputs_folder):
    assert {path.stem for path in (inputs_folder / "cmsis_nn").glob("*.npz")} == set(CMSIS_NN)
    models = {path.stem for path in (inputs_folder / "models").iterdir()}
    assert models == {*NETWORKS, "mobilenet_v2_224_int8"}
