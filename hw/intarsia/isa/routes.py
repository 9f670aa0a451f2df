"""Links, and routes over what is left of them: first towards the hub, then away from it."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from intarsia.isa.topology import MEMORY_NODE

__all__ = ["HUB", "MOST_CHIPS", "End", "Link", "up_and_down"]

#: The hub, which packets pass. None is for it, so its number is no entry of a table.
HUB = 0xFFFF

#: Most chips of a system: what has a number below those of the nodes around it.
MOST_CHIPS = MEMORY_NODE


class End(NamedTuple):
    """One end of a link."""

    node: int
    port: int


#: A link, by its two ends.
Link = tuple[End, End]


def up_and_down(links: Iterable[Link]) -> dict[int, dict[int, int]]:
    """Shortest routes that go up, towards the hub, before they go down; of what is joined to it."""
    ports: dict[int, dict[int, int]] = {}  # of each node, towards each neighbor
    for link in links:
        for end, other in (link, link[::-1]):
            ports.setdefault(end.node, {}).setdefault(other.node, end.port)
    rank = {node: (steps, node) for node, steps in _distances(ports, [HUB]).items()}
    ports = {node: ports[node] for node in rank}
    routes: dict[int, dict[int, int]] = {
        node: {} for node in ports if node < MOST_CHIPS or node == HUB
    }
    for destination in sorted(ports.keys() - {HUB}):
        downwards = _distances(ports, [destination], lambda node, other: rank[other] < rank[node])
        ways = dict(downwards)
        # What can't go down goes up, nodes nearer to the hub being settled first.
        for node in sorted(rank.keys() - downwards.keys(), key=rank.__getitem__):
            upper = [other for other in ports[node] if rank[other] < rank[node] and other in ways]
            if upper:
                ways[node] = 1 + min(ways[other] for other in upper)
        for node in routes.keys() - {destination}:
            if node in downwards:
                options = [other for other in ports[node] if other in downwards]
                options = [other for other in options if rank[other] > rank[node]]
            else:
                options = [other for other in ports[node] if rank[other] < rank[node]]
            options = [other for other in options if ways.get(other) == ways.get(node, 0) - 1]
            if options:
                routes[node][destination] = ports[node][min(options)]
    return routes


def _distances(
    ports: Mapping[int, Mapping[int, int]],
    starts: Iterable[int],
    allowed: Callable[[int, int], bool] = lambda node, other: True,
) -> dict[int, int]:
    """Steps from `starts` to the nodes that can be reached, over steps that are `allowed`."""
    found = dict.fromkeys(starts, 0)
    queue = list(found)
    for node in queue:
        for other in sorted(ports.get(node, {})):
            if other not in found and allowed(node, other):
                found[other] = found[node] + 1
                queue.append(other)
    return found
