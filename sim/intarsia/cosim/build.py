"""Libraries of the simulator, made when they are first needed and kept by what they depend on."""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from intarsia.chip.chip import Chip
from intarsia.common.verilog import convert
from intarsia.cosim.header import cpp_header
from intarsia.cosim.toolchain import compile_library, fingerprint, verilate
from intarsia.isa.config import ChipConfig
from intarsia.isa.counters import TIMEBASE
from intarsia.isa.instruction import Stream
from intarsia.memory.sram import SRAM_SOURCE

__all__ = ["cache_folder", "chip_library", "core_library"]

CORE = Path(__file__).with_name("core")

#: Sources that belong to the core, and not to a chip's library.
CORE_SOURCES = ("api", "chip", "endpoint", "fabric", "hub", "link_end")


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

    def build(folder: Path, library: Path) -> None:
        (folder / "isa.hpp").write_text(cpp_header())
        sources = [CORE / f"{name}.cpp" for name in CORE_SOURCES]
        compile_library(sources, library, include=[CORE, folder])

    return _cached("core", [cpp_header(), *_texts(CORE)], build)


def chip_library(config: ChipConfig) -> Path:
    """Library of a chip of one configuration."""
    verilog = convert(Chip(config=config), "chip")
    sources = [verilog, SRAM_SOURCE.read_text(), repr(config), *_texts(CORE)]

    def build(folder: Path, library: Path) -> None:
        (folder / "isa.hpp").write_text(cpp_header())
        (folder / "chip.v").write_text(verilog)
        generated = verilate([folder / "chip.v", SRAM_SOURCE], "chip", folder)
        compile_library(
            [*generated, CORE / "shell.cpp"],
            library,
            include=[CORE, folder],
            defines=_shell_defines(config),
            verilated=True,
        )

    return _cached(f"chip_{config.name}", sources, build)


def _shell_defines(config: ChipConfig) -> list[str]:
    def each(name: str, count: int) -> str:
        return f"-DFOR_{name}(M)={' '.join(f'M({n})' for n in range(count))}"

    return [
        f"-DPORTS={config.link_ports}",
        f"-DLINK_BYTES={config.link_bytes}",
        f"-DTIMEBASE={TIMEBASE}",
        each("PORTS", config.link_ports),
        each("STREAMS", len(Stream)),
        "-DPREVIOUS_CLOCK=__Vtrigprevexpr___TOP__clk__0",
    ]


def _texts(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.glob("*.?pp"))]


def _cached(name: str, sources: Iterable[str], build: Callable[[Path, Path], None]) -> Path:
    """The library `name` made from `sources`, built if there is none yet."""
    digest = hashlib.sha256(fingerprint().encode())
    for source in sources:
        digest.update(source.encode())
    folder = cache_folder() / f"{name}_{digest.hexdigest()[:16]}"
    library = folder / f"{name}.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        build(folder, library)
    return library
