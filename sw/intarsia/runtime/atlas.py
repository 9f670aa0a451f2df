"""The map of what is deployed: at its homes, and as fragments move, are copied, and get lost."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from intarsia.driver.remap import Move, Mover
from intarsia.driver.transport import Transport
from intarsia.isa.bits import encode
from intarsia.isa.fragment import ENTRY_BYTES, FragmentEntry
from intarsia.isa.topology import HOST_NODE, Homes, home_index, homes, rehomed, survivors
from intarsia.runtime.stock import Stock

__all__ = ["Atlas"]

#: Moves and copies that are made at once.
LANES = 16


class Atlas:
    """Tells homes where fragments lie, and changes that while chips run.

    Parameters
    ----------
    transport : Transport
    stock : Stock
        What lies where at first.
    keepers : sequence of int
        Nodes that keep the map.
    dead : iterable of int
        Nodes that homes do not wait for.
    scratch : int
        First byte of the host's memory that copies may take on their way.

    Members
    -------
    entries : list of dict
        Fields of the map entry of each fragment of the plan, as homes have it; of one that moves,
        as it was.
    homes : Homes
        Who is to be asked.
    """

    def __init__(
        self,
        transport: Transport,
        stock: Stock,
        keepers: Sequence[int],
        dead: Iterable[int],
        scratch: int,
    ) -> None:
        self._transport, self._stock = transport, stock
        self.entries = stock.entries
        self.homes: Homes = homes(keepers)
        self._rehomed = self.homes
        self._mover = Mover(
            transport,
            self.homes,
            chips=transport.chips,
            scratch=scratch,
            scratch_bytes=max(entry["size"] for entry in self.entries),
            lanes=LANES,
        )
        self._moves: dict[Move, int] = {}
        for node in dead:
            self._mover.fence(node)
        self._publish()

    def move(self, index: int, node: int, base: int) -> Move:
        """Begin to move a fragment; see :meth:`intarsia.driver.remap.Mover.move`.

        Raises
        ------
        :exc:`ValueError`
            If it can't move there, or is on its way already.
        """
        return self._begin(index, self._mover.move(self._resting(index), node, base))

    def settle(self) -> list[Move]:
        """Moves and copies that have come to their end since the last call.

        Raises
        ------
        :exc:`intarsia.driver.remap.RemapError`
            If one has failed.
        """
        ended = self._mover.poll() if self._moves else []
        for move in ended:
            self.entries[self._moves.pop(move)] = move.after
        return ended

    def under_way(self, index: int | None = None) -> bool:
        """Whether a fragment moves or is copied; any, if none is given."""
        return bool(self._moves) if index is None else index in self._moves.values()

    def can_lose(self, node: int) -> bool:
        """Whether all that lies at a node has replicas, and nothing is on its way."""
        return not self.under_way() and all(_without(entry, node) for entry in self.entries)

    def lose(self, node: int) -> None:
        """Do without a node: what lies there lies where its replica is, and others keep the map.

        Chips must be told who is asked now, which is who knows all entries; then comes
        :meth:`rehome`. :meth:`replicate` brings more replicas.
        """
        left = [_without(entry, node) for entry in self.entries]
        self.entries = [entry for entry in left if entry is not None]
        self._rehomed = rehomed(self.homes, node)
        self.homes = survivors(self.homes, node)
        self._mover.fence(node)

    def rehome(self) -> None:
        """Tell all entries to homes, also to those that stand in for one that is lost.

        Chips must be told to forget all entries, and who is asked now.
        """
        self.homes = self._rehomed
        self._mover.set_homes(self.homes)
        self._publish()

    def replicate(self, fragments: Iterable[int]) -> None:
        """Begin to copy fragments to the host's memory, which is the last to be lost."""
        for index in fragments:
            entry = self._resting(index)
            base = self._stock.hosted + self._stock.places[index]
            self._begin(index, self._mover.replicate(entry, HOST_NODE, base))

    def _resting(self, index: int) -> dict[str, Any]:
        if self.under_way(index):
            raise ValueError(f"Fragment {index} of the plan is on its way already")
        return self.entries[index]

    def _begin(self, index: int, move: Move) -> Move:
        self._moves[move] = index
        return move

    def _publish(self) -> None:
        """Tell homes all entries. Who has earlier ones keeps them."""
        for entry in self.entries:
            content = encode(FragmentEntry, entry).to_bytes(ENTRY_BYTES, "little")
            for home in self.homes[home_index(entry["data_id"])]:
                if home >= self._transport.chips:
                    self._transport.keep(home, content)
        self._mover.tell(self.entries)


def _without(entry: Mapping[str, Any], node: int) -> dict[str, Any] | None:
    """The entry of a fragment when `node` is lost; None if nothing is left of it."""
    if node not in (entry["node"], entry["replica"]):
        return dict(entry)
    if entry["node"] == entry["replica"]:
        return None
    if entry["node"] == node:
        entry = {**entry, "node": entry["replica"], "base": entry["replica_base"]}
    return {**entry, "replica": entry["node"], "replica_base": 0}
