"""A plan whose chips are not the first nodes."""

import pytest

from intarsia.compiler.compile import compile_network
from intarsia.graph import Mode
from intarsia.isa.config import config
from tests.sim.model.test_machine import network


@pytest.fixture(scope="package")
def plan():
    return compile_network(
        network(),
        config=config("ecp5-85k"),
        chips=2,
        nodes=(1, 4),
        mode=Mode.XNNPACK,
        partition="rows",
    )
