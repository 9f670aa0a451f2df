"""What `.ci/need` says about machines that lack something."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

NEED = Path(__file__).parents[1] / ".ci" / "need"
TOOLS = ("sh", "g++", "c++", "make", "perl")


@pytest.fixture
def machine(tmp_path):
    """Folder that is the whole PATH of a machine which lacks nothing, and how to ask it."""
    for tool in TOOLS:
        found = shutil.which(tool)
        if found is None:
            pytest.skip(f"{tool} is not here itself")
        (tmp_path / tool).symlink_to(found)
    write(tmp_path / "python3", f'exec {sys.executable} "$@"')

    def ask(*arguments):
        return subprocess.run(
            [NEED, *arguments],
            env=os.environ | {"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return tmp_path, ask


def write(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_complete_machine_is_told_nothing(machine):
    _, ask = machine
    result = ask()
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("tool", "package"), [("g++", "g++"), ("c++", "g++"), ("make", "make"), ("perl", "perl")]
)
def test_missing_tool_is_named_with_its_package(machine, tool, package):
    path, ask = machine
    (path / tool).unlink()
    result = ask()
    assert result.returncode == 1
    assert f"\n  {package}" in result.stderr
    assert result.stderr.endswith(f"sudo apt-get install {package}\n")


def test_everything_missing_is_one_line_to_type(machine):
    path, ask = machine
    for tool in (*TOOLS[1:], "python3"):
        (path / tool).unlink()
    wanted = "sudo apt-get install python3 python3-venv g++ make perl\n"
    assert ask().stderr.endswith(wanted)


def test_perl_without_its_modules_is_not_enough(machine):
    path, ask = machine
    (path / "perl").unlink()
    write(path / "perl", "exit 2")
    assert "perl with Pod::Usage" in ask().stderr


def test_python_without_venv_is_not_enough(machine):
    path, ask = machine
    write(path / "python3", f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"')
    result = ask()
    major, minor = sys.version_info[:2]
    assert result.stderr.endswith(f"sudo apt-get install python{major}.{minor}-venv\n")


def test_old_python_is_not_enough(machine):
    path, ask = machine
    write(path / "python3", 'case "$1" in -V) echo Python 3.9.2;; *) exit 1;; esac')
    result = ask()
    assert "python3 is Python 3.9.2, not Python 3.11 or newer" in result.stderr
    assert result.stderr.endswith("sudo apt-get install python3.11 python3.11-venv\n")


def test_another_python_can_be_named(machine):
    path, ask = machine
    (path / "python3").rename(path / "python-of-mine")
    assert ask().returncode == 1
    assert ask("python-of-mine").returncode == 0
