"""The board's pins are those of its constraints, and its clock as well."""

import re
from pathlib import Path

from intarsia.board.ulx3s import BAUD, CLOCK, Ulx3s
from intarsia.isa.config import CONFIGS

CONSTRAINTS = (Path(__file__).parents[3] / "constraints" / "ulx3s.lpf").read_text()


def pins():
    """Pins of the board, bit by bit, as constraints name them."""
    board = Ulx3s(config=CONFIGS["ecp5-85k"])
    for path, _, value in board.signature.flatten(board):
        name = "__".join(map(str, path))
        yield from [name] if len(value) == 1 else (f"{name}[{n}]" for n in range(len(value)))


def test_each_pin_has_a_place_and_a_voltage():
    located = re.findall(r'^LOCATE COMP "(\S+)" SITE "\w+";$', CONSTRAINTS, re.M)
    powered = re.findall(r'^IOBUF PORT "(\S+)" .*IO_TYPE=LVCMOS33', CONSTRAINTS, re.M)
    assert sorted(located) == sorted(powered) == sorted(pins())


def test_no_place_is_taken_twice():
    sites = re.findall(r'SITE "(\w+)"', CONSTRAINTS)
    assert len(sites) == len({*sites})


def test_clock_is_that_of_the_constraints():
    assert f'FREQUENCY PORT "clk_25mhz" {CLOCK // 10**6} MHZ;' in CONSTRAINTS
    assert CLOCK % BAUD == 0
