"""What lies at nodes that the host owns, and what the map says of all fragments at first."""

from collections.abc import Iterator, Sequence
from typing import Any

from intarsia.compiler.allocate import ALIGNMENT
from intarsia.compiler.placement import Placement
from intarsia.compiler.plan import ChipHolder, Fragment, FragmentKind, NodeHolder, Plan
from intarsia.driver.checksum import checksum
from intarsia.driver.transport import Transport
from intarsia.isa.address import LogicalAddress
from intarsia.isa.bits import encode
from intarsia.isa.fragment import CHECKED_MAX, FRAGMENT_FORMAT, Permissions
from intarsia.isa.topology import HOST_NODE

__all__ = ["Stock"]


class Stock:
    """Places of all fragments, and what memory nodes and host hold of them.

    Parameters
    ----------
    plan : Plan
    placement : Placement
    stores : sequence of int
        Nodes that hold the plan's constant fragments: one, or a second one for their replicas. The
        host may be one.
    version : int
        Of every fragment.

    Members
    -------
    entries : list of dict
        Fields of the map entry of each fragment.
    places : sequence of int
        Addresses of fragments at their holders.
    hosted : int
        Where a replica of what lies at address 0 of a memory node lies in the host's memory.
    free : int
        First byte of the host's memory that is not in use: there is room for all that memory nodes
        hold, whether or not it is there.
    """

    def __init__(
        self, plan: Plan, placement: Placement, stores: Sequence[int], version: int
    ) -> None:
        self._plan, self._placement = plan, placement
        self._stores, self._version = stores, version
        ends = {holder: self._end(holder) for holder in NodeHolder}
        self.hosted = ends[NodeHolder.HOST]
        self.free = self.hosted + ends[NodeHolder.MEMORY]
        self.places = placement.fragments
        self.entries = [self._entry(fragment, base) for fragment, base in self._placed()]

    def fill(self, transport: Transport) -> None:
        """Bring all content that nodes other than chips hold to its places."""
        for (fragment, base), entry in zip(self._placed(), self.entries, strict=True):
            if isinstance(fragment.holder, NodeHolder):
                for node, start in self._copies(fragment, base):
                    _put(transport, node, start, entry, fragment.content)

    def write_programs(self, transport: Transport) -> None:
        """Bring programs to their chips, through the host's memory, one after another."""
        for entry, program in self.programs():
            transport.store(HOST_NODE, self.free, program)
            name = {field: entry[field] for field in ("data_id", "fragment", "version")}
            transport.transfer(
                write=True,
                node=entry["node"],
                logical_address=encode(LogicalAddress, name).to_bytes(12, "little"),
                local=self.free,
                size=len(program),
            )

    def programs(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The entry of each program, and its bytes."""
        for fragment, entry in zip(self._plan.fragments, self.entries, strict=True):
            if fragment.kind is FragmentKind.PROGRAM:
                assert fragment.content is not None
                yield entry, fragment.content

    def _placed(self) -> Iterator[tuple[Fragment, int]]:
        """All fragments, and the address of each at the node that holds it."""
        yield from zip(self._plan.fragments, self._placement.fragments, strict=True)

    def _entry(self, fragment: Fragment, base: int) -> dict[str, Any]:
        (node, start), *others = self._copies(fragment, base)
        replica, replica_base = others[0] if others else (node, 0)
        return {
            "data_id": fragment.data_id,
            "fragment": fragment.fragment,
            "permissions": {"read": int(fragment.read), "write": int(fragment.write)},
            "entry_format": FRAGMENT_FORMAT,
            "base": start,
            "node": node,
            "version": self._version,
            "size": fragment.size,
            "replica_base": replica_base,
            "replica": replica,
            **_checksum(fragment),
        }

    def _copies(self, fragment: Fragment, base: int) -> list[tuple[int, int]]:
        """Nodes that hold a fragment, and where."""
        match fragment.holder:
            case ChipHolder(chip=chip):
                return [(self._plan.nodes[chip], base)]
            case NodeHolder.HOST:
                return [(HOST_NODE, base)]
            case _:
                shifts = (self.hosted if node == HOST_NODE else 0 for node in self._stores)
                return [(node, base + at) for node, at in zip(self._stores, shifts, strict=True)]

    def _end(self, holder: NodeHolder) -> int:
        """First byte behind all fragments of a holder."""
        ends = (base + item.size for item, base in self._placed() if item.holder is holder)
        return -(-max(ends, default=0) // ALIGNMENT) * ALIGNMENT


def _put(
    transport: Transport, node: int, base: int, entry: dict[str, Any], content: bytes | None
) -> None:
    transport.place(
        node,
        entry["data_id"],
        entry["fragment"],
        base,
        entry["size"],
        entry["version"],
        encode(Permissions, entry["permissions"]),
    )
    if content is not None:
        transport.store(node, base, content)


def _checksum(fragment: Fragment) -> dict[str, int]:
    """What a map entry says of content that never changes."""
    if fragment.content is None or fragment.write or fragment.size > CHECKED_MAX:
        return {}
    return {"checked": 1, "checksum": checksum(fragment.content)}
