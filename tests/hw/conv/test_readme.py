"""The engine's specification shows the layouts that the hardware has."""

from pathlib import Path

import pytest

from intarsia.isa.kernel import ConvDescriptor
from intarsia.isa.numerics import ChannelRecord
from intarsia.isa.tables import table

README = Path(__file__).parents[3] / "hw" / "intarsia" / "conv" / "README.md"


@pytest.mark.parametrize("layout", [ConvDescriptor, ChannelRecord])
def test_tables_are_current(layout):
    assert table(layout) in README.read_text()
