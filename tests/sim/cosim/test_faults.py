"""Links that lose and damage packets bring the same bytes, or say that they don't."""

import random
from contextlib import closing

import pytest

from intarsia.cosim.fabric import Fabric, FabricError
from intarsia.cosim.faults import Faults, FaultsError
from intarsia.isa.packet import LINK_PATIENCE
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE
from tests.sim.cosim.test_fabric import BASE, SIZE, TENSOR, VERSION, read, write

READ_WRITE = 3
FLIT = 8 * 16  # bits


def made(size=SIZE, **faults):
    """A fabric without chips, with one fragment at the memory node."""
    fabric = Fabric([], memory_bytes=2 * size + BASE, host_bytes=2 * size, faults=Faults(**faults))
    fabric.place(MEMORY_NODE, TENSOR, 2, BASE, size, VERSION, READ_WRITE)
    return fabric


FAULTS = {
    "bits": {"ber": 1e-4 / FLIT},
    "more bits": {"ber": 1e-3 / FLIT},
    "drops": {"drop": 1e-2},
    "all": {"ber": 1e-4 / FLIT, "drop": 1e-3},
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_no_byte_is_wrong(faults):
    """2.5 million bytes to the memory node and back, over four links."""
    size = 2_500_000
    content = random.Random(size).randbytes(size)
    with closing(made(size, seed=3, **faults)) as fabric:
        write(fabric, content)
        assert fabric.load(MEMORY_NODE, BASE, size) == content
        assert read(fabric, size, local=size) == content
        assert fabric.load(MEMORY_NODE, BASE + size, 64) == bytes(64)
        assert fabric.repeated > 10
        if "ber" in faults:
            assert fabric.damaged > 10


def test_errors_cost_little():
    """One packet in a thousand is lost on each link: 95 % of the throughput is left."""

    def cycles(**faults):
        size = 4 << 20
        with closing(made(size, **faults)) as fabric:
            before = fabric.now
            write(fabric, bytes(size))
            assert not faults or fabric.repeated > 0
            return fabric.now - before

    clean = cycles()
    assert cycles(drop=1e-3, seed=1) <= clean / 0.95
    # A packet of 1,024 bytes is damaged as often.
    assert cycles(ber=1e-3 / (66 * FLIT), seed=1) <= clean / 0.95


def test_equal_seeds_give_equal_faults():
    def history(seed):
        with closing(made(ber=1e-6, drop=1e-2, seed=seed)) as fabric:
            write(fabric, random.Random(1).randbytes(100_000))
            return fabric.now, fabric.link_bytes, fabric.repeated, fabric.damaged

    first = history(5)
    assert history(5) == first
    assert history(6) != first


def test_links_without_faults_repeat_nothing():
    with closing(made()) as fabric:
        write(fabric, bytes(SIZE))
        assert (fabric.repeated, fabric.damaged) == (0, 0)


@pytest.mark.parametrize("node", [HOST_NODE, MEMORY_NODE])
def test_a_dead_link_is_named(node):
    """Both of its ends notice that the other is silent, and say what was dropped."""
    with closing(made(cut={node: 5000})) as fabric:
        with pytest.raises(FabricError, match="the other end is silent"):
            write(fabric, bytes(SIZE))
        assert fabric.now <= 5000 + (LINK_PATIENCE + 2) * 1024


def test_an_idle_link_stays_up():
    """Notices are enough; a link that is quiet for long is not dead."""
    with closing(made()) as fabric:
        fabric.run(100 * 1024)
        write(fabric, b"still there")
        assert fabric.load(MEMORY_NODE, BASE, 11) == b"still there"


def test_a_node_that_is_not_there_cannot_be_cut_off():
    with pytest.raises(FaultsError, match="there is no chip7"):
        made(cut={7: 0})


WRONG = {
    "ber": ({"ber": 1.0}, "ber is a probability below 1, not 1.0"),
    "drop": ({"drop": -0.1}, "drop is a probability below 1, not -0.1"),
    "seed": ({"seed": -1}, "seed is from 0 to"),
    "cut": ({"cut": {3: -1}}, "node 3 can't be cut off in cycle -1"),
}


@pytest.mark.parametrize(("faults", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_fault_is_refused(faults, message):
    with pytest.raises(ValueError, match=message):
        Faults(**faults)
