"""``intarsia verilog``: the chip for somebody else's tools."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intarsia.cli.options import Config

if TYPE_CHECKING:
    from amaranth.lib import wiring

    from intarsia.isa.config import ChipConfig

__all__ = ["BLOCKS", "components", "verilog"]

BLOCKS = {
    "atu": "atu",
    "control_counters": "counters",
    "control_registers": "registers",
    "conv": "conv",
    "dma_local": "local",
    "dma_remote": "remote",
    "dma_responder": "responder",
    "link_port": "port0",
    "link_router": "router",
    "memory": "memory",
    "sequencer": "sequencer",
    "sync": "sync",
    "vector": "vector",
}
"""Files of blocks, and what the chip calls them."""


def verilog(
    folder: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where to put the files.")
    ],
    config: Config = "ecp5-85k",
) -> None:
    """Write synthesizable Verilog of the chip and of every block.

    Beside it go the memory macro, to be replaced by hard macros where there are any, and the tables
    of registers and descriptors.
    """
    from rich.console import Console
    from rich.progress import track

    from intarsia.cli.reference import reference
    from intarsia.common.verilog import convert
    from intarsia.isa.config import CONFIGS
    from intarsia.memory.sram import SRAM_SOURCE

    folder.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    modules = components(CONFIGS[config])
    for name in track(modules, description=f"Verilog of {config}", console=console, transient=True):
        (folder / f"{name}.v").write_text(convert(modules[name], name))
    (folder / SRAM_SOURCE.name).write_bytes(SRAM_SOURCE.read_bytes())
    (folder / "reference.md").write_text(reference())
    names = ", ".join(f"{name}.v" for name in modules)
    console.print(f"wrote {names}, {SRAM_SOURCE.name} and reference.md to {folder}", soft_wrap=True)


def components(config: "ChipConfig") -> "dict[str, wiring.Component]":
    """The chip and its blocks, with the parameters that they have there, by file name."""
    from intarsia.chip.chip import Chip

    blocks = Chip(config=config).elaborate(None).submodules
    return {
        "chip": Chip(config=config),
        **{file: getattr(blocks, name) for file, name in BLOCKS.items()},
    }
