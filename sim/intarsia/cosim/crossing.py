"""A node that is nothing but a crossing, whose packets C++ makes and checks.

Its library has the interface of a chip's, so that it takes a chip's place in a simulated system.
"""

from functools import cache
from pathlib import Path

from intarsia.common.verilog import convert
from intarsia.cosim.build import CORE, PREVIOUS, built
from intarsia.cosim.header import cpp_header
from intarsia.cosim.toolchain import compile_objects, link, verilate
from intarsia.isa.config import ChipConfig
from intarsia.link.crossing import Crossing
from intarsia.link.geometry import CLASSES

__all__ = ["crossing_library"]


@cache
def crossing_library(config: ChipConfig) -> Path:
    """Library of a crossing with the ports of a chip."""
    verilog = convert(Crossing(link_bytes=config.link_bytes, ports=config.link_ports), "chip")
    source = Path(__file__).with_suffix(".cpp")

    def build(folder: Path) -> None:
        (folder / "isa.hpp").write_text(cpp_header())
        (folder / "chip.v").write_text(verilog)
        sources = [*verilate([folder / "chip.v"], "chip", folder), source]
        ports = range(config.link_ports)
        defines = [
            f"-DPORTS={config.link_ports}",
            f"-DLINK_BYTES={config.link_bytes}",
            f"-DFOR_PORTS(M)={' '.join(f'M({p})' for p in ports)}",
            f"-DFOR_CLASSES(M)={' '.join(f'M({n}, {name})' for n, name in enumerate(CLASSES))}",
            PREVIOUS,
        ]
        include = [CORE, folder]
        objects = compile_objects(sources, folder, include=include, defines=defines, verilated=True)
        link(objects, folder / "chip.so")

    texts = [path.read_text() for path in (source, *sorted(CORE.glob("*.hpp")))]
    return built(f"crossing_{config.name}", [verilog, cpp_header(), *texts], build) / "chip.so"
