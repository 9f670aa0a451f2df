"""What it takes to change a map entry, to move a fragment, or to copy it: errands, in order."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from intarsia.driver.errors import DriverError
from intarsia.driver.keeping import STAGING
from intarsia.driver.transport import Errand, ErrandKind, Region
from intarsia.isa.bits import encode
from intarsia.isa.fragment import ENTRY_BYTES, FRAGMENT_FORMAT, FragmentEntry, Permissions
from intarsia.isa.topology import Homes, home_index

__all__ = ["Entry", "RemapError", "Steps", "name_of", "writable"]

#: Fields of a `FragmentEntry`.
Entry = Mapping[str, Any]


class RemapError(DriverError):
    """A map entry could not be changed, or a fragment not moved; the message says why."""


class Steps:
    """Errands of one group, done one after another.

    Parameters
    ----------
    homes : Homes
        As the chips know them.
    dead : set of int
        Nodes that are not told.
    chips : int
        Nodes below are chips, which keep their maps themselves; those of others are the host's.
    errand : Errand
        Lane, group and earliest cycle of all.
    """

    def __init__(self, homes: Homes, dead: set[int], chips: int, errand: Errand) -> None:
        self._homes, self._dead, self._chips, self._errand = homes, dead, chips, errand
        self.errands: list[Errand] = []

    def move(self, before: Entry, after: Entry, scratch: int) -> int:
        """A fragment moves. Returns which step it is after which it is at its new place."""
        writers = writable(before)
        held = {"permissions": {**before.get("permissions", {}), "moving": 1}} if writers else {}
        if writers:
            self.know({**before, **held})
        copy = self._staged(after)
        self._copy(before, copy, scratch)
        self.know({**after, **held})
        stands = len(self.errands) - 1
        if self._owned(before["node"]):
            self._place(before, gone=True)
        if writers:
            self.know(after)
        self._unstage(copy)
        return stands

    def replicate(self, before: Entry, after: Entry, scratch: int) -> int:
        """A fragment gets another replica. Returns the last step."""
        copy = self._staged({**after, "node": after["replica"], "base": after["replica_base"]})
        self._copy(before, copy, scratch)
        if self._owned(copy["node"]):
            self._place({**after, "node": copy["node"], "base": copy["base"]})
        self.update(after)
        self._unstage(copy)
        return len(self.errands) - 1

    def _staged(self, entry: Entry) -> dict[str, Any]:
        """The holder of `entry` knows it, by the name of a copy, that is returned."""
        copy = {
            **entry,
            "data_id": STAGING,
            "fragment": self._errand.group & 0xFFFF,
            "permissions": {"write": 1},
            "replica": entry["node"],
            "checked": 0,
        }
        if self._owned(copy["node"]):
            self._place(copy)
        else:
            self.update(copy)
        return copy

    def _unstage(self, copy: Entry) -> None:
        """Nobody knows `copy`, as if it had never been staged."""
        if self._owned(copy["node"]):
            self._place(copy, gone=True)
        else:
            self.update({**copy, "entry_format": 0})

    def _copy(self, source: Entry, target: Entry, scratch: int) -> None:
        """Bytes of one fragment become those of another, by way of the host's memory.

        Gently where the link of a chip has to carry them.
        """
        for kind, entry in ((ErrandKind.READ, source), (ErrandKind.WRITE, target)):
            copy = replace(self._about(kind, entry), gentle=not self._owned(entry["node"]))
            self.errands.append(replace(copy, local=scratch, size=source["size"]))

    def know(self, entry: Entry) -> None:
        """Its holders know `entry`, where the host keeps their maps, and so do its homes."""
        replica = {**entry, "node": entry["replica"], "base": entry.get("replica_base", 0)}
        for copy in (entry, replica) if entry["replica"] != entry["node"] else (entry,):
            if self._owned(copy["node"]):
                self._place(copy)
        self.update(entry)

    def _place(self, entry: Entry, *, gone: bool = False) -> None:
        """Put `entry` on the map of its holder, or mark it as one that lies elsewhere."""
        permissions = encode(Permissions, entry.get("permissions", {}))
        region = Region(entry["base"], entry["size"], entry["version"], permissions, gone)
        self.errands.append(replace(self._about(ErrandKind.PLACE, entry), region=region))

    def update(self, entry: Entry) -> None:
        """Both homes know `entry`, and nobody goes by an earlier one.

        Where the primary home is dead, all chips are told: who shared the entry is not known.
        """
        primary, backup = self._homes[home_index(entry["data_id"])]
        alive = [home for home in dict.fromkeys((primary, backup)) if home not in self._dead]
        if not alive:
            raise RemapError(f"{name_of(entry)} has no home that lives")
        self.tell(alive[0], entry, alive[-1], below=self._chips if primary in self._dead else 0)

    def tell(self, home: int, entry: Entry, backup: int | None = None, *, below: int = 0) -> None:
        """A home, and a backup one, know `entry`."""
        bits = encode(FragmentEntry, {"entry_format": FRAGMENT_FORMAT, **entry})
        self.errands.append(
            replace(
                self._about(ErrandKind.UPDATE, entry),
                node=home,
                backup=backup,
                entry=bits.to_bytes(ENTRY_BYTES, "little"),
                below=below,
            )
        )

    def _owned(self, node: int) -> bool:
        return node >= self._chips

    def _about(self, kind: ErrandKind, entry: Entry) -> Errand:
        """Something that is done with the holder of `entry`."""
        return replace(
            self._errand,
            kind=kind,
            node=entry["node"],
            data_id=entry["data_id"],
            fragment=entry["fragment"],
            version=entry["version"],
        )


def writable(entry: Entry) -> bool:
    """Whether others may write a fragment, or add to it."""
    permissions = entry.get("permissions", {})
    return bool(permissions.get("write", 0) or permissions.get("accumulate", 0))


def name_of(entry: Entry) -> str:
    """A fragment, for people."""
    return f"Fragment {entry['fragment']} of data ID {entry['data_id']:#x}"
