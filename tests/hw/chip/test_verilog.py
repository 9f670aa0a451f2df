"""Somebody else's tools get the chip, its blocks, and what they need to know."""

import json

import pytest

from intarsia.chip.chip import Chip
from intarsia.chip.verilog import modules, write
from intarsia.isa.config import CONFIGS, config
from intarsia.isa.document import document

#: Pins of every chip, and their widths; those of outputs are negative.
PINS = {
    "clk": 1,
    "rst": 1,
    "tick": 1,
    "irq": -1,
    "trace_start": -5,
    "trace_done": -5,
    **{f"trace_layer{n}": -16 for n in range(5)},
    **{f"trace_context{n}": -4 for n in range(5)},
    "axil__awvalid": 1,
    "axil__awready": -1,
    "axil__awaddr": 12,
    "axil__awprot": 3,
    "axil__wvalid": 1,
    "axil__wready": -1,
    "axil__wdata": 32,
    "axil__wstrb": 4,
    "axil__bvalid": -1,
    "axil__bready": 1,
    "axil__bresp": -2,
    "axil__arvalid": 1,
    "axil__arready": -1,
    "axil__araddr": 12,
    "axil__arprot": 3,
    "axil__rvalid": -1,
    "axil__rready": 1,
    "axil__rdata": -32,
    "axil__rresp": -2,
}


def link_pins(settings):
    for p in range(settings.link_ports):
        for direction, sign in (("rx", 1), ("tx", -1)):
            yield f"{direction}{p}__valid", sign
            yield f"{direction}{p}__start", sign
            yield f"{direction}{p}__data", sign * 8 * settings.link_bytes


def ports(text):
    """Ports of the only module that isn't a part of another, as in :data:`PINS`."""
    found = {}
    for line in text.splitlines():
        words = line.strip().rstrip(";").split()
        if words[:1] in (["input"], ["output"]):
            high = int(words[1].strip("[]").split(":")[0]) if words[1].startswith("[") else 0
            found[words[-1]] = (high + 1) * (1 if words[0] == "input" else -1)
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verilog")
    names = list(write(config("tiny"), folder))
    assert sorted(names) == sorted(path.name for path in folder.iterdir())
    return folder


def test_chip_has_the_pins_of_the_architecture(written):
    text = (written / "chip.v").read_text()
    top = text[text.rindex("\nmodule chip(") :]
    assert ports(top) == PINS | dict(link_pins(config("tiny")))


def test_every_block_is_there(written):
    for name in modules(config("tiny")):
        text = (written / f"{name}.v").read_text()
        assert f"\nmodule {name}(" in text
        described = json.loads((written / f"{name}.json").read_text())
        assert described["interface"]["members"]


def test_memory_is_a_macro(written):
    assert "module intarsia_sram" in (written / "sram.v").read_text()
    assert "intarsia_sram" in (written / "memory.v").read_text()


def test_contract_goes_with_it(written):
    assert (written / "isa.md").read_text() == document()


@pytest.mark.parametrize("name", CONFIGS)
def test_chip_of_any_configuration(name):
    chip = Chip(config=config(name))
    links = [name for name in chip.signature.members if name.startswith(("rx", "tx"))]
    assert len(links) == 2 * config(name).link_ports
