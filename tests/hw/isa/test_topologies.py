"""Whatever the number of chips, every node reaches every other one, and no circle can form."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.isa.config import config
from intarsia.isa.routes import HUB, End
from intarsia.isa.topologies import TOPOLOGIES, Topology, TopologyError, topology
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE, ROUTES

LEAST = {"star": 0, "pair": 2, "ring": 2, "mesh": 1}
MOST = {"star": 32, "pair": 2, "ring": 32, "mesh": 32}


@st.composite
def topologies(draw):
    name = draw(st.sampled_from(list(TOPOLOGIES)))
    return topology(name, draw(st.integers(LEAST[name], MOST[name])))


def walk(made, source, destination):
    """Nodes on the way of a packet, looked up as a node does: by the lower bits."""
    tables = {
        node: {to % ROUTES: port for to, port in routes.items()}
        for node, routes in made.routes.items()
    }
    passed = [source]
    while passed[-1] != destination:
        assert len(passed) <= 2 * made.chips + 3
        node = passed[-1]
        port = tables[node][destination % ROUTES] if node in tables else 0
        [other] = [b for link in made.links for a, b in (link, link[::-1]) if a == (node, port)]
        passed.append(other.node)
    return passed


def circle(made):
    """Whether links can wait for each other in a circle: each for those that come next."""
    waits = {}
    for source in made.nodes:
        for destination in made.nodes:
            way = walk(made, source, destination)
            for behind, ahead in pairwise(pairwise(way)):
                waits.setdefault(behind, set()).add(ahead)
    while waits:
        free = [channel for channel, ahead in waits.items() if not ahead & waits.keys()]
        if not free:
            return True
        for channel in free:
            del waits[channel]
    return False


@settings(deadline=None, max_examples=60)
@given(topologies(), st.data())
def test_all_pairs_are_joined(made, data):
    source, destination = (data.draw(st.sampled_from(made.nodes)) for _ in range(2))
    way = walk(made, source, destination)
    assert len(set(way)) == len(way)
    assert not {MEMORY_NODE, HOST_NODE} & set(way[1:-1])
    assert len(way) - 1 == len(made.path(source, destination))


@pytest.mark.parametrize("chips", [2, 3, 8, 12])
@pytest.mark.parametrize("name", ["star", "ring", "mesh"])
def test_no_circle(name, chips):
    assert not circle(topology(name, chips))


@settings(deadline=None, max_examples=30)
@given(topologies())
def test_chips_are_all_there(made):
    assert made.nodes == (*range(made.chips), MEMORY_NODE, HOST_NODE)
    assert sorted(made.routes) == [*range(made.chips), HUB]


@settings(deadline=None, max_examples=40)
@given(topologies(), st.data())
def test_dead_chips_are_routed_round(made, data):
    """Whoever is still joined reaches everybody who is, without a circle; or it is said."""
    chips = list(range(made.chips))
    dead = set(data.draw(st.lists(st.sampled_from(chips), max_size=2))) if chips else set()
    alive = set(made.nodes) - dead
    links = [link for link in made.links if not {end.node for end in link} & dead]
    joined = {HUB}
    for _ in made.nodes:
        joined |= {n.node for link in links for n in link if {e.node for e in link} & joined}
    if not alive <= joined:
        with pytest.raises(TopologyError, match="nothing leads to chip"):
            made.without(dead)
        return
    left = made.without(dead)
    assert set(left.nodes) == alive
    for source in alive:
        for destination in alive:
            assert not set(walk(left, source, destination)) & dead


def test_routes_in_a_circle_are_refused():
    """Four chips in a ring, each sending on to the right."""
    good = topology("ring", 4)
    links = tuple(link for link in good.links if {end.node for end in link} <= set(range(4)))
    links += ((End(0, 0), End(3, 1)),)
    right = {chip: {to: 1 for to in range(4) if to != chip} for chip in range(4)}
    with pytest.raises(TopologyError, match=r"leave by .*could wait for one another"):
        Topology("circle", 4, links, right)


def test_what_does_not_arrive_is_refused():
    good = topology("star", 2)
    with pytest.raises(TopologyError, match="node 0 does not reach node 1"):
        Topology("cut", 2, good.links, {**good.routes, HUB: {0: 0}})
    with pytest.raises(TopologyError, match="a port is joined twice"):
        Topology("twice", 2, (*good.links, (End(0, 0), End(1, 1))), good.routes)


def test_ring_and_mesh():
    """Rows of a mesh go first; a ring goes the shorter way to the hub, and never through it."""
    ring = topology("ring", 5)
    assert walk(ring, 0, 4) == [0, 1, 2, 3, 4]
    assert walk(ring, 1, MEMORY_NODE) == [1, 0, HUB, MEMORY_NODE]
    assert walk(ring, HOST_NODE, 3) == [HOST_NODE, HUB, 4, 3]
    mesh = topology("mesh", 6)
    assert walk(mesh, 0, 5) == [0, 1, 2, 5]
    assert walk(mesh, 5, 0) == [5, 4, 3, 0]
    assert walk(mesh, 5, HOST_NODE) == [5, 4, 3, 0, HUB, HOST_NODE]


WRONG = {
    "name": ("torus", 4, "There is no topology 'torus', but star, pair, ring, mesh"),
    "many": ("ring", 33, "at most 32 chips, not 33"),
    "pair": ("pair", 3, "pair is of 2 chips, not 3"),
    "ring": ("ring", 1, "ring is of 2 chips at least, not 1"),
    "mesh": ("mesh", 0, "mesh is of 1 chip at least, not 0"),
}


@pytest.mark.parametrize(("name", "chips", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_built_is_refused(name, chips, message):
    with pytest.raises(TopologyError, match=message):
        topology(name, chips)


def test_chips_must_fit():
    tiny, large = config("tiny"), config("large")
    topology("ring", 3).check([tiny] * 3)
    topology("mesh", 4).check([large] * 4)
    topology("mesh", 3).check([tiny] * 3)  # a row
    with pytest.raises(TopologyError, match="chip 0 needs port 3, but chips tiny have 2"):
        topology("mesh", 4).check([tiny] * 4)
    with pytest.raises(TopologyError, match="chips 0 and 1 differ in width"):
        topology("pair", 2).check([tiny, large])
    with pytest.raises(TopologyError, match="star is of 2 chips, not 1"):
        topology("star", 2).check([tiny])
