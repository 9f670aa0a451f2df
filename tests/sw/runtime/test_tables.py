"""Chips keep parts of the map where no slot and no other part lies, and sets have room to spare."""

import random
from collections import Counter

import pytest

from intarsia.compiler import compile_network
from intarsia.compiler.placement import place, room
from intarsia.digits import MODEL
from intarsia.graph import Mode
from intarsia.importer import load
from intarsia.isa.config import config
from intarsia.isa.fragment import HOME_WAYS, home_set
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE, home_index, homes
from intarsia.runtime.stock import Stock
from intarsia.runtime.tables import SPARE, laid_out, spare

NODES = (MEMORY_NODE, HOST_NODE)


@pytest.fixture(scope="module", params=["tiny", "large"])
def plan(request):
    network = load(MODEL)
    return compile_network(network, config=config(request.param), chips=4, mode=Mode.ONNX)


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_tables_lie_in_the_room_that_there_is(plan, seed):
    placement = place(plan, None if seed is None else random.Random(seed))
    entries = Stock(plan, placement, (MEMORY_NODE,), 1).entries
    tables = laid_out(plan, placement, entries, NODES)
    assert plan.config.name == "tiny" or len(tables) == 4
    pairs = homes((*tables, *NODES))
    for chip, (base, size) in tables.items():
        parts = room(plan, placement, chip)
        assert base % (2 * size) == 0
        assert any(start <= base and base + size * 5 // 4 <= stop for start, stop in parts)
        left = spare(parts, tables[chip])
        free = sum(stop - start for start, stop in left)
        assert free == sum(stop - start for start, stop in parts) - size * 5 // 4
        assert all(stop <= base or start >= base + size * 5 // 4 for start, stop in left)
        loads = Counter(
            home_set(entry["data_id"], entry["fragment"], size // (HOME_WAYS * 32))
            for entry in entries
            if chip in pairs[home_index(entry["data_id"])]
        )
        assert max(loads.values(), default=0) <= HOME_WAYS - SPARE


def test_chips_without_room_keep_nothing(plan, monkeypatch):
    monkeypatch.setattr("intarsia.runtime.tables.room", lambda *_: [(16, 200)])
    placement = place(plan)
    entries = Stock(plan, placement, (MEMORY_NODE,), 1).entries
    assert laid_out(plan, placement, entries, NODES) == {}
    assert spare([(16, 200)], None) == [(16, 200)]
