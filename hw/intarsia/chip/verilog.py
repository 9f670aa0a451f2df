"""Verilog of the chip and of its blocks, for somebody else's tools."""

import json
from collections.abc import Iterator
from pathlib import Path

from amaranth.lib import wiring

from intarsia.chip.top import Top
from intarsia.common.verilog import convert
from intarsia.isa.config import ChipConfig
from intarsia.isa.document import document
from intarsia.memory.sram import SRAM_SOURCE

__all__ = ["modules", "write"]


def modules(config: ChipConfig) -> dict[str, wiring.Component]:
    """The chip, with its pins, and its blocks, by the names of their modules."""
    top = Top(config=config)
    blocks = top.chip.blocks.items()
    return {"chip": top, **{name: block for name, block in blocks if name not in _repeated(config)}}


def write(config: ChipConfig, folder: Path) -> Iterator[str]:
    """Write a folder that synthesis can start from; gives the name of each file once it is there.

    For each module: Verilog, and a description of its ports in Amaranth's JSON schema. For all of
    them: the macro that memories consist of, to be replaced by hard ones where there are any, and
    the tables of registers, instructions, descriptors and packets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SRAM_SOURCE.name).write_bytes(SRAM_SOURCE.read_bytes())
    yield SRAM_SOURCE.name
    (folder / "isa.md").write_text(document())
    yield "isa.md"
    for name, component in modules(config).items():
        (folder / f"{name}.json").write_text(_describe(component))
        yield f"{name}.json"
        (folder / f"{name}.v").write_text(convert(component, name))
        yield f"{name}.v"


def _describe(component: wiring.Component) -> str:
    return json.dumps(component.metadata.as_json(), indent=2) + "\n"


def _repeated(config: ChipConfig) -> set[str]:
    """Blocks of which there is one more, that differs by its number alone."""
    return {f"link{p}" for p in range(1, config.link_ports)}
