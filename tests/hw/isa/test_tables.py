"""Documents show the contract as it is."""

import re
from pathlib import Path

import pytest

from intarsia.isa.address import Operand
from intarsia.isa.document import document, layouts
from intarsia.isa.instruction import ControlOp, InstructionHeader, Stream
from intarsia.isa.registers import Access
from intarsia.isa.tables import enum_table, opcode_table, register_table, table

ROOT = Path(__file__).parents[3]

TABLE = re.compile(r"^\| Bits \| Field \| Meaning \|\n(?:\|.*\n?)+", re.MULTILINE)

READMES = sorted((ROOT / "hw" / "intarsia").glob("*/README.md"))


def test_document_is_current():
    """If not: python -m intarsia.isa.document > docs/isa.md."""
    assert (ROOT / "docs" / "isa.md").read_text() == document()


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_tables_of_layouts_are_current(readme):
    current = {table(layout) for layout in layouts()}
    for found in TABLE.findall(readme.read_text()):
        assert found.strip() in current, f"a table in {readme} is of no layout as it is now"


@pytest.mark.parametrize("made", [register_table, opcode_table])
def test_sequencer_shows_its_tables(made):
    assert made() in (ROOT / "hw" / "intarsia" / "sequencer" / "README.md").read_text()


def test_table():
    heads, rules, first, second = table(Operand).splitlines()
    assert heads == "| Bits | Field | Meaning |"
    assert rules == "|-----:|-------|---------|"
    assert first.startswith("| 23:0 | `offset` | Bytes from the start of the slot; in an engine's")
    assert second == "| 31:24 | `slot` | Slot of the instruction's context. |"
    assert [line.split(" | ")[0] for line in table(InstructionHeader).splitlines()[2:5]] == [
        "| 7:0",
        "| 15:8",
        "| 19:16",
    ]


def test_enum_table():
    assert enum_table(Stream).splitlines()[:3] == [
        "| Value | Name |",
        "|------:|------|",
        "| 0 | `CONTROL` |",
    ]
    assert enum_table(Access).splitlines()[-1] == "| 2 | `WO` |"


def test_opcode_table():
    assert len(opcode_table().splitlines()) == 2 + 7 + 1 + 3 + 2 + 5
    [sync] = [line for line in opcode_table().splitlines() if f"`{ControlOp.SYNC.name}`" in line]
    assert sync.startswith("| 4 | `SYNC` | CONTROL | `Sync` | 2 | 0 |")


def test_register_table():
    assert "| 0x034 | `SLOT_BASE` | RW | Base of the slot (23:0). |" in register_table()
