"""``intarsia verilog``: the chip for somebody else's tools."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from intarsia.cli.options import Config

__all__ = ["verilog"]


def verilog(
    folder: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where to put the files.")
    ],
    config: Config = "ecp5-85k",
    json: Annotated[
        Path | None,
        typer.Option(metavar="OUT.json", help="Where to leave names and sizes of the files."),
    ] = None,
) -> None:
    """Write synthesizable Verilog of the chip and of every block.

    Beside it go the memory macro, to be replaced by hard macros where there are any, and the tables
    of registers and descriptors.
    """
    from intarsia.chip.verilog import write
    from intarsia.cli import tables
    from intarsia.isa.config import CONFIGS

    if json is not None:
        json.parent.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    names = []
    with console.status(f"Verilog of {config}"):
        for name in write(CONFIGS[config], folder):
            console.print(folder / name, soft_wrap=True, highlight=False)
            names.append(name)
    if json is not None:
        sizes = {name: (folder / name).stat().st_size for name in names}
        tables.write({"config": config, "folder": str(folder), "bytes": sizes}, json)
