"""Faults are written down in one line, mistakes are refused by name, and seeds draw the rest."""

from contextlib import closing

import pytest

from intarsia.cosim.fabric import Fabric, FabricError, SilenceError
from intarsia.cosim.faults import NO_FAULTS, Faults, FaultsError, Flips, parse_faults
from intarsia.isa.config import config
from intarsia.isa.registers import IDENTITY, Register
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE

TINY = config("tiny")

SPECS = {
    "": NO_FAULTS,
    "ber=1e-6,drop=1e-4": Faults(ber=1e-6, drop=1e-4),
    "kill=chip2@40000, kill=memory@5": Faults(kill={2: 40_000, MEMORY_NODE: 5}),
    "cut=host@7,seed=3": Faults(cut={HOST_NODE: 7}, seed=3),
    "sram_flip=chip1@9000,sram_flip=200@0..500": Faults(
        sram_flip=(Flips(first=9000, last=9000, chip=1), Flips(first=0, last=500, count=200))
    ),
}


@pytest.mark.parametrize(("spec", "faults"), SPECS.items())
def test_specs_are_read(spec, faults):
    assert parse_faults(spec) == faults


WRONG = {
    "bre=1": "'bre=1' is not NAME=VALUE with one of ber, drop, kill, cut, sram_flip, seed",
    "ber": "'ber' is not NAME=VALUE",
    "ber=1e-6,": "'' is not NAME=VALUE",
    "ber=x": "ber is a number, not 'x'",
    "ber=nan": "ber is a probability below 1",
    "drop=1": "drop is a probability below 1, not 1.0",
    "drop=0,drop=0": "drop is given more than once",
    "seed=1.5": "seed is a number, not '1.5'",
    "seed=-1": "seed is from 0 to",
    "kill=chip2": "kill is written like kill=chip2@40000, not 'chip2'",
    "kill=chip2@-1": "kill is written like",
    "kill=node2@1": "kill needs one of chip0, chip1, …, memory, memory1, host, not 'node2'",
    "kill=host@1": "the host can't be killed",
    "kill=chip1@1,kill=chip1@2": "kill of chip1 is given more than once",
    "cut=chip1@9..8": "no cycle lies in 9..8",
    "sram_flip=memory@1": "sram_flip needs a chip or a number of bits, not 'memory'",
    "sram_flip=0@1": "0 bits can't flip",
    "sram_flip=200": "sram_flip is written like sram_flip=200@0..90000",
}


@pytest.mark.parametrize(("spec", "message"), WRONG.items())
def test_mistakes_are_named(spec, message):
    with pytest.raises(FaultsError) as error:
        parse_faults(spec)
    assert str(error.value).startswith("Faults: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("spec", ["kill=chip2@1", "cut=chip2@1", "sram_flip=chip2@1"])
def test_chips_must_be_there(spec):
    with pytest.raises(FaultsError, match="there is no chip2, only chip0 to chip1, memory, host"):
        parse_faults(spec).check(2)
    parse_faults(spec).check(3)


def test_memory_nodes_must_be_there():
    with pytest.raises(FaultsError, match="there is no memory1, only chip0 to chip1, memory, host"):
        parse_faults("kill=memory1@1").check(2)
    parse_faults("kill=memory1@1").check(2, memories=2)


def test_times_are_drawn_from_the_seed():
    def kill(seed):
        return parse_faults(f"kill=chip0@1000..90000,seed={seed}").kill[0]

    assert kill(1) == kill(1) != kill(2)
    assert 1000 <= kill(1) <= 90_000


def test_flips_hit_every_byte_once_at_most():
    flips = parse_faults("sram_flip=4000@10..20,sram_flip=chip1@3,seed=5").flips([TINY] * 2)
    assert len({(flip.chip, flip.address) for flip in flips}) == 4001
    assert flips[0] == (3, 1, flips[0].address, flips[0].bit)
    assert {flip.cycle for flip in flips[1:]} == set(range(10, 21))
    assert {flip.bit for flip in flips} == set(range(9))
    assert {flip.chip for flip in flips} == {0, 1}
    assert max(flip.address for flip in flips) < TINY.memory_bytes
    other = parse_faults("sram_flip=4000@10..20,seed=6").flips([TINY] * 2)
    assert flips[1:] != other


def test_more_flips_than_bytes_are_refused():
    with pytest.raises(FaultsError, match="at most half of the 16384 bytes"):
        parse_faults("sram_flip=8193@1").flips([TINY])


def test_a_killed_chip_is_silent_for_ever():
    """From its cycle on: its control port does not answer, and the hub notices."""
    with closing(Fabric([TINY] * 2, faults=parse_faults("kill=chip1@5000"))) as fabric:
        assert fabric.access(1, Register.ID.value)[0] == IDENTITY
        with pytest.raises(FabricError, match="port of node 1: the other end is silent"):
            fabric.run(20_000)
        fabric.rest(1000)
        for _ in range(2):
            with pytest.raises(SilenceError, match="Chip 1 does not answer at its control port"):
                fabric.access(1, Register.ID.value)
            fabric.reset(1)
            fabric.rest(1000)
        assert fabric.access(0, Register.ID.value)[0] == IDENTITY


def test_a_reset_chip_begins_anew():
    """Its registers do; a flag that survives nothing is its node's number."""
    with closing(Fabric([TINY])) as fabric:
        fabric.access(0, Register.NODE.value, 5)
        assert fabric.access(0, Register.NODE.value)[0] == 5
        fabric.reset(0)
        fabric.rest(100)
        assert fabric.access(0, Register.NODE.value)[0] == 0
