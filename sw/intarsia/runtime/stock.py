"""What lies at nodes that the host owns, and what the map says of all fragments."""

from collections.abc import Iterator, Sequence

from intarsia.compiler.allocate import ALIGNMENT
from intarsia.compiler.placement import Placement
from intarsia.compiler.plan import ChipHolder, Fragment, NodeHolder, Plan
from intarsia.driver.checksum import checksum
from intarsia.driver.transport import Transport
from intarsia.isa.bits import encode
from intarsia.isa.fragment import CHECKED_MAX, FRAGMENT_FORMAT, FragmentEntry, Permissions
from intarsia.isa.topology import HOST_NODE, Homes, home_index

__all__ = ["Stock"]

ENTRY_BYTES = FragmentEntry.as_shape().size // 8


class Stock:
    """Fills memory nodes and host, and the tables of homes.

    Parameters
    ----------
    transport : Transport
    plan : Plan
    placement : Placement
    stores : sequence of int
        Nodes that hold the plan's constant fragments: one, or a second one for their replicas. The
        host may be one.
    version : int
        Of every fragment.

    Members
    -------
    free : int
        First byte of the host's memory that is not in use.
    """

    def __init__(
        self,
        transport: Transport,
        plan: Plan,
        placement: Placement,
        stores: Sequence[int],
        version: int,
    ) -> None:
        self._transport, self._plan, self._placement = transport, plan, placement
        self._stores, self._version = stores, version
        ends = {holder: self._end(holder) for holder in NodeHolder}
        self._shift = ends[NodeHolder.HOST]
        self.free = self._shift + ends[NodeHolder.MEMORY]

    def fill(self, homes: Homes) -> None:
        """Bring all content to its places, and all entries to their homes."""
        for fragment, base in self.placed():
            entry = self.entry(fragment, base)
            for home in homes[home_index(fragment.data_id)]:
                self._transport.keep(home, entry)
            if isinstance(fragment.holder, NodeHolder):
                for node, start in self._copies(fragment, base):
                    self._put(node, start, fragment)

    def placed(self) -> Iterator[tuple[Fragment, int]]:
        """All fragments, and the address of each at the node that holds it."""
        yield from zip(self._plan.fragments, self._placement.fragments, strict=True)

    def entry(self, fragment: Fragment, base: int) -> bytes:
        """The map entry of a fragment."""
        (node, start), *others = self._copies(fragment, base)
        replica, replica_base = others[0] if others else (node, 0)
        fields = {
            "data_id": fragment.data_id,
            "fragment": fragment.fragment,
            "permissions": _permissions(fragment),
            "entry_format": FRAGMENT_FORMAT,
            "base": start,
            "node": node,
            "version": self._version,
            "size": fragment.size,
            "replica_base": replica_base,
            "replica": replica,
            **_checksum(fragment),
        }
        return encode(FragmentEntry, fields).to_bytes(ENTRY_BYTES, "little")

    def _copies(self, fragment: Fragment, base: int) -> list[tuple[int, int]]:
        """Nodes that hold a fragment, and where."""
        match fragment.holder:
            case ChipHolder(chip=chip):
                return [(self._plan.nodes[chip], base)]
            case NodeHolder.HOST:
                return [(HOST_NODE, base)]
            case _:
                shifts = (self._shift if node == HOST_NODE else 0 for node in self._stores)
                return [(node, base + at) for node, at in zip(self._stores, shifts, strict=True)]

    def _put(self, node: int, base: int, fragment: Fragment) -> None:
        self._transport.place(
            node,
            fragment.data_id,
            fragment.fragment,
            base,
            fragment.size,
            self._version,
            encode(Permissions, _permissions(fragment)),
        )
        if fragment.content is not None:
            self._transport.store(node, base, fragment.content)

    def _end(self, holder: NodeHolder) -> int:
        """First byte behind all fragments of a holder."""
        ends = (base + item.size for item, base in self.placed() if item.holder is holder)
        return -(-max(ends, default=0) // ALIGNMENT) * ALIGNMENT


def _permissions(fragment: Fragment) -> dict[str, int]:
    return {"read": int(fragment.read), "write": int(fragment.write)}


def _checksum(fragment: Fragment) -> dict[str, int]:
    """What a map entry says of content that never changes."""
    if fragment.content is None or fragment.write or fragment.size > CHECKED_MAX:
        return {}
    return {"checked": 1, "checksum": checksum(fragment.content)}
