"""Somebody else's tools get the chip, its blocks, and what they need to know."""

import json

import pytest
from amaranth.hdl import Value
from amaranth.lib.wiring import In

from intarsia.chip import verilog
from intarsia.chip.verilog import modules
from intarsia.isa.config import CONFIGS, config
from intarsia.isa.document import document

#: Pins of every chip, and their widths; those of outputs are negative.
PINS = {
    "clk": 1,
    "rst": 1,
    "tick": 1,
    "irq": -2,
    "trace_start": -5,
    "trace_done": -5,
    **{f"trace_layer{n}": -16 for n in range(5)},
    **{f"trace_context{n}": -4 for n in range(5)},
    "trace_activity": -15,
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


@pytest.mark.parametrize("name", CONFIGS)
def test_chip_has_the_pins_of_the_architecture(name):
    found = {}
    chip = modules(config(name))["chip"]
    for path, member, value in chip.signature.flatten(chip):
        width = len(Value.cast(value))
        found["__".join(map(str, path))] = width if member.flow is In else -width
    assert found == PINS | dict(link_pins(config(name)))


def test_writes_all_that_is_needed(tmp_path, monkeypatch):
    some = {name: modules(config("tiny"))[name] for name in ("registers", "dma_local", "memory")}
    monkeypatch.setattr(verilog, "modules", lambda config: some)
    names = list(verilog.write(config("tiny"), tmp_path / "out"))
    assert sorted(names) == sorted(path.name for path in (tmp_path / "out").iterdir())
    for name in some:
        assert f"\nmodule {name} (" in (tmp_path / "out" / f"{name}.v").read_text()
        described = json.loads((tmp_path / "out" / f"{name}.json").read_text())
        assert described["interface"]["members"]
    assert "module intarsia_sram" in (tmp_path / "out" / "sram.v").read_text()
    assert "intarsia_sram" in (tmp_path / "out" / "memory.v").read_text()
    assert (tmp_path / "out" / "isa.md").read_text() == document()


def test_every_block_is_a_module_of_its_own():
    names = list(modules(config("tiny")))
    assert names[0] == "chip"
    assert {"atu", "conv", "dma_local", "dma_remote", "link0", "memory", "sequencer"} < {*names}
    assert "link1" not in names
