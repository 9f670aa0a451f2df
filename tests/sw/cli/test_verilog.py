import re

import pytest

from intarsia.cli.verilog import BLOCKS, components, verilog
from intarsia.isa.config import CONFIGS
from intarsia.isa.registers import REGISTERS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verilog")
    verilog(folder, "tiny")
    return folder


def test_chip_and_blocks_have_a_file_each(folder):
    for name in ("chip", *BLOCKS):
        assert f"\nmodule {name}(" in (folder / f"{name}.v").read_text()
    assert "module intarsia_sram" in (folder / "sram.v").read_text()


def test_no_block_of_the_chip_is_left_out(folder):
    inside = set(re.findall(r"^module \\chip\.(\w+) ", (folder / "chip.v").read_text(), re.M))
    ports = {f"port{n}" for n in range(CONFIGS["tiny"].link_ports)}
    assert inside - ports == set(BLOCKS.values()) - ports


def test_blocks_are_as_the_chip_has_them():
    config = CONFIGS["tiny"]
    assert components(config)["memory"].config is config
    assert set(components(config)) == {"chip", *BLOCKS}


def test_reference_has_registers_and_layouts(folder):
    text = (folder / "reference.md").read_text()
    for register in REGISTERS:
        assert f"| {register.value:#05x} | `{register.name}` |" in text
    for layout in ("ConvDescriptor", "PacketHeader", "FragmentEntry", "InstructionHeader"):
        assert f"\n## {layout}\n" in text
    assert "| 23:0 | `offset` |" in text
