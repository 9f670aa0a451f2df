"""How systems are wired: which ports are joined, and by which of them packets leave for whom.

One description serves all: the simulator joins ports by it, and the driver writes its routes into
the chips. Routes have no deadlock, see docs/topologies.md.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from intarsia.isa.config import ChipConfig
from intarsia.isa.routes import HUB, MOST_CHIPS, End, Link, up_and_down
from intarsia.isa.topology import HOST_NODE, MEMORY_NODES, ROUTES

__all__ = ["TOPOLOGIES", "Topology", "TopologyError", "topology"]


class TopologyError(ValueError):
    """Chips can't be wired in this way; the message says which, and why."""


@dataclass(frozen=True)
class Topology:
    """Chips, a hub, and the memory nodes and the host node behind it.

    Members
    -------
    name : str
    chips : int
        They are nodes 0, 1, 2 and so on.
    links : tuple of (End, End)
    routes : mapping of int to mapping of int to int
        For each chip and for the hub: destination to port.

    Raises
    ------
    :exc:`TopologyError`
        If a port is joined twice, a node can't be reached from another one, two nodes share an
        entry of the routing tables, or packets could wait for one another in a circle.
    """

    name: str
    chips: int
    links: tuple[Link, ...]
    routes: Mapping[int, Mapping[int, int]]

    def __post_init__(self) -> None:
        if len(self.neighbors) != 2 * len(self.links):
            raise TopologyError(f"Topology {self.name}: a port is joined twice")
        if len({node % ROUTES for node in self.nodes}) != len(self.nodes):
            raise TopologyError(f"Topology {self.name}: nodes share an entry of routing tables")
        waits: dict[End, set[End]] = {}
        for source in self.nodes:
            for destination in self.nodes:
                # A packet holds a buffer behind one link until there is one behind the next.
                for behind, ahead in pairwise(self.path(source, destination)):
                    waits.setdefault(behind, set()).add(ahead)
        try:
            TopologicalSorter(waits).prepare()
        except CycleError as error:
            circle = " ".join(f"{end.node}.{end.port}" for end in error.args[1])
            raise TopologyError(
                f"Topology {self.name}: packets that leave by {circle} could wait for one another"
            ) from None

    @cached_property
    def neighbors(self) -> dict[End, End]:
        """The other end of the link of each port that has one."""
        return {a: b for link in self.links for a, b in (link, link[::-1])}

    @cached_property
    def nodes(self) -> tuple[int, ...]:
        """Nodes that packets are for."""
        return tuple(sorted({end.node for end in self.neighbors} - {HUB}))

    def path(self, source: int, destination: int) -> list[End]:
        """Ports by which a packet leaves the nodes on its way.

        Raises
        ------
        :exc:`TopologyError`
            If it does not arrive.
        """
        ends: list[End] = []
        node, came_by = source, None
        while node != destination:
            end = End(node, self.routes.get(node, {}).get(destination, 0))
            if end not in self.neighbors or end == came_by or end in ends:
                raise TopologyError(
                    f"Topology {self.name}: node {source} does not reach node {destination}"
                )
            ends.append(end)
            came_by = self.neighbors[end]
            node = came_by.node
        return ends

    def check(self, configs: Sequence[ChipConfig]) -> None:
        """Check that chips of these configurations can be wired in this way.

        Raises
        ------
        :exc:`TopologyError`
            If there are too many or too few, one has too few ports, or two differ in the width of
            their links and are joined.
        """
        if len(configs) != self.chips:
            raise TopologyError(
                f"Topology {self.name} is of {self.chips} chips, not {len(configs)}"
            )
        for end, other in self.neighbors.items():
            if end.node >= self.chips:
                continue
            config = configs[end.node]
            if end.port >= config.link_ports:
                raise TopologyError(
                    f"Topology {self.name}: chip {end.node} needs port {end.port}, but chips "
                    f"{config.name} have {config.link_ports}; choose others, or another topology"
                )
            if other.node < self.chips and configs[other.node].link_bytes != config.link_bytes:
                raise TopologyError(
                    f"Topology {self.name}: links of chips {end.node} and {other.node} differ in "
                    "width; choose chips of the same, or topology star"
                )

    def without(self, dead: Iterable[int]) -> "Topology":
        """The same links but those of `dead` chips, and routes that avoid them.

        Packets go away from nodes that are nearer to the hub only after they have gone towards
        them; so no circle closes, whatever is left of the links.

        Raises
        ------
        :exc:`TopologyError`
            If a node is cut off.
        """
        gone = set(dead)
        links = tuple(link for link in self.links if not any(end.node in gone for end in link))
        name = f"{self.name} without {', '.join(map(str, sorted(gone)))}"
        routes = up_and_down(links)
        for node in set(range(self.chips)) - gone:
            if node not in routes:
                raise TopologyError(f"Topology {name}: nothing leads to chip {node} any more")
        return Topology(name, self.chips, links, routes)


@dataclass(frozen=True)
class _Wiring:
    """Joined ports, of which those of the hub are given in order; and the next node on the way.

    `step` is asked with a node and a destination.
    """

    links: Iterable[Link]
    step: Callable[[int, int], int]


def _built(name: str, chips: int, wiring: _Wiring, behind: Sequence[int]) -> Topology:
    """A topology of chips wired in this way, and the nodes `behind` the hub."""
    links, step = list(wiring.links), wiring.step
    count = sum(end.node == HUB for link in links for end in link)
    for n, node in enumerate(behind):
        links.append((End(HUB, count + n), End(node, 0)))
    ports: dict[int, dict[int, int]] = {}
    for link in links:
        for end, other in (link, link[::-1]):
            ports.setdefault(end.node, {})[other.node] = end.port
    nodes = [*range(chips), *behind]
    routes = {
        node: {to: ports[node][step(node, to)] for to in nodes if to != node}
        for node in [*range(chips), HUB]
    }
    return Topology(name, chips, tuple(links), routes)


def _star(chips: int) -> _Wiring:
    """Each chip at the hub, by port 0."""
    links = [(End(HUB, chip), End(chip, 0)) for chip in range(chips)]
    return _Wiring(links, lambda node, to: to if node == HUB else HUB)


def _pair(chips: int) -> _Wiring:
    """Two chips, joined by port 1; both at the hub by port 0."""
    if chips != 2:
        raise TopologyError(f"Topology pair is of 2 chips, not {chips}")
    links = [(End(HUB, chip), End(chip, 0)) for chip in range(chips)]
    links.append((End(0, 1), End(1, 1)))
    return _Wiring(links, lambda node, to: to if node == HUB or to < chips else HUB)


def _ring(chips: int) -> _Wiring:
    """Chips in a row: port 1 of each at port 0 of the next one; the hub closes the ring.

    No packet passes the hub from chip to chip: the row has no circle. What comes from behind the
    hub, or goes there, goes the shorter way.
    """
    if chips < 2:
        raise TopologyError(f"Topology ring is of 2 chips at least, not {chips}")
    last = chips - 1

    def step(node: int, to: int) -> int:
        if node == HUB:
            return to if to > last else 0 if to <= last - to else last
        if to > last:
            node, beyond = (node - 1, -1) if node <= last - node else (node + 1, chips)
            return HUB if node == beyond else node
        return node + 1 if to > node else node - 1

    links = [(End(HUB, 0), End(0, 0)), (End(HUB, 1), End(last, 1))]
    links += [(End(chip, 1), End(chip + 1, 0)) for chip in range(last)]
    return _Wiring(links, step)


#: Ports of a mesh.
WEST, EAST, NORTH, SOUTH = range(4)


def _mesh(chips: int) -> _Wiring:
    """Chips in rows as long as there are rows or longer; the hub west of chip 0.

    Packets go along their row first, and then along their column; those for nodes behind the hub go
    to chip 0 in this way, and on.
    """
    if chips < 1:
        raise TopologyError("Topology mesh is of 1 chip at least, not 0")
    rows = max(n for n in range(1, chips + 1) if chips % n == 0 and n * n <= chips)
    columns = chips // rows

    def step(node: int, to: int) -> int:
        if node == HUB:
            return to if to >= chips else 0
        if to >= chips:
            if node == 0:
                return HUB
            to = 0
        (row, column), (to_row, to_column) = divmod(node, columns), divmod(to, columns)
        if column != to_column:
            return node + 1 if to_column > column else node - 1
        return node + columns if to_row > row else node - columns

    return _Wiring(_grid(rows, columns), step)


def _grid(rows: int, columns: int) -> Iterator[Link]:
    yield End(HUB, 0), End(0, WEST)
    for chip in range(rows * columns):
        if (chip + 1) % columns:
            yield End(chip, EAST), End(chip + 1, WEST)
        if chip + columns < rows * columns:
            yield End(chip, SOUTH), End(chip + columns, NORTH)


#: Ways to wire chips, by name.
TOPOLOGIES: dict[str, Callable[[int], _Wiring]] = {
    "star": _star,
    "pair": _pair,
    "ring": _ring,
    "mesh": _mesh,
}


def topology(name: str, chips: int, memories: int = 1) -> Topology:
    """The topology called `name` of that many chips and memory nodes.

    Raises
    ------
    :exc:`TopologyError`
        If there is none.
    """
    if name not in TOPOLOGIES:
        raise TopologyError(f"There is no topology {name!r}, but {', '.join(TOPOLOGIES)}")
    if not 0 <= chips <= MOST_CHIPS:
        raise TopologyError(f"Systems have at most {MOST_CHIPS} chips, not {chips}")
    behind = *MEMORY_NODES[:memories], HOST_NODE
    return _built(name, chips, TOPOLOGIES[name](chips), behind)
