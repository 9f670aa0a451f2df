"""Fragments that move while chips run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from intarsia.driver.device import Device
from intarsia.driver.errors import DriverError, DriverTimeoutError
from intarsia.driver.transport import Errand, ErrandKind, Region, State, Transport
from intarsia.isa.address import LogicalAddress, data_id
from intarsia.isa.bits import encode
from intarsia.isa.fragment import FRAGMENT_FORMAT, FragmentEntry, Permissions
from intarsia.isa.topology import HOST_NODE, Homes, home_index

__all__ = ["Move", "Mover", "RemapError", "keep_map"]

#: What copies are called until they are what they are copies of. Nobody else uses this owner.
STAGING = data_id(0xFFF, 0xFFFFFFF)

#: Bytes of entries that a chip may keep.
TABLE_SIZES = [1 << bits for bits in range(8, 18)]

#: Cycles in which an update should be known everywhere.
UPDATE_CYCLES = 1_000_000


class RemapError(DriverError):
    """A map entry could not be changed, or a fragment not moved; the message says why."""


@dataclass
class Move:
    """A fragment that moves.

    Members
    -------
    before, after : dict
        Its map entry, as it was, and as it will be.
    done : bool
        It lies at its new place; nobody goes by the old one, which is free.
    cycle : int
        When it came to its end.
    """

    before: dict[str, Any]
    after: dict[str, Any]
    done: bool = False
    cycle: int = 0
    errands: list[int] = field(default_factory=list)
    stands: int = 0


def keep_map(transport: Transport, device: Device, base: int, size: int, *, scratch: int) -> None:
    """Make a chip keep a part of the map, which is empty at first.

    Parameters
    ----------
    transport : Transport
    device : Device
        The chip. Nothing may run there.
    base, size : int
        HOME_BASE and HOME_SIZE. A quarter more than `size` bytes is used.
    scratch : int
        Where in the host's memory there is room for as many zeros.

    Raises
    ------
    :exc:`ValueError`
        If there can't be such a table.
    """
    if size not in TABLE_SIZES:
        raise ValueError(f"A table has 2**8 to 2**17 bytes, a power of two, not {size}")
    if base % (2 * size):
        raise ValueError(f"A table of {size} bytes lies at a multiple of {2 * size}, not {base:#x}")
    device.keep_map(0, 0)
    total = size + size // 4
    name = {"data_id": STAGING, "fragment": 0xFFFF, "version": 1}
    device.put_entry({
        **name,
        "node": device.chip,
        "base": base,
        "size": total,
        "permissions": {"write": 1},
    })
    transport.store(HOST_NODE, scratch, bytes(total))
    transport.transfer(
        write=True,
        node=device.chip,
        logical_address=encode(LogicalAddress, name).to_bytes(12, "little"),
        local=scratch,
        size=total,
    )
    device.remove_entries()
    device.keep_map(base, size)


class Mover:
    """Changes map entries at their homes, and moves fragments, while chips run.

    A fragment is copied under a name of its own; then its entry is changed. Where others may write
    it, writers are held off meanwhile (``moving``), and let in again when no node goes by the old
    place any more. Moves are made one after another.

    Parameters
    ----------
    transport : Transport
    homes : Homes
        As the chips know them.
    chips : int
        Number of chips: their nodes are 0, 1, 2 and so on.
    scratch, scratch_bytes : int
        Where in the host's memory copies may lie on their way.
    """

    def __init__(
        self, transport: Transport, homes: Homes, *, chips: int, scratch: int, scratch_bytes: int
    ) -> None:
        self._transport = transport
        self._homes = homes
        self._chips = chips
        self._scratch, self._scratch_bytes = scratch, scratch_bytes
        self._dead: set[int] = set()
        self._moves: list[Move] = []
        self._groups = 0

    def fence(self, node: int) -> None:
        """Wait for `node` no more, neither as a home nor as one that shares entries."""
        self._dead.add(node)
        for home in {home for pair in self._homes for home in pair if self._owned(home)}:
            self._transport.fence(home, node, True)

    def update(self, entry: Mapping[str, Any]) -> None:
        """Change a map entry, and wait until nobody goes by the earlier one.

        Raises
        ------
        :exc:`RemapError`
            If a home refuses, or a node that shares the entry does not answer.
        :exc:`intarsia.driver.errors.DriverTimeoutError`
            If nothing is heard of a home.
        """
        self._groups += 1
        numbers = [self._transport.errand(each) for each in self._updates(entry)]
        limit = self._transport.now + UPDATE_CYCLES
        while True:
            standings = [self._transport.standing(number) for number in numbers]
            for standing in standings:
                if standing.state is State.FAILED:
                    raise RemapError(f"{_name(entry)} keeps its place: {standing.what}")
            if all(standing.state is State.DONE for standing in standings):
                return
            if self._transport.now > limit:
                raise DriverTimeoutError(f"{_name(entry)}: its homes have not answered")
            self._transport.wait(1)

    def move(self, entry: Mapping[str, Any], node: int, base: int, *, earliest: int = 0) -> Move:
        """Begin to move the fragment of `entry` to address `base` of `node`.

        It takes its turn, but does not begin before cycle `earliest`; time must pass for it, and
        :meth:`poll` says when it is done.

        Parameters
        ----------
        entry : mapping
            Fields of its `FragmentEntry`, as it is.

        Raises
        ------
        :exc:`ValueError`
            If it lies at that node already, or nowhere on its way there is room for it.
        """
        before = {"entry_format": FRAGMENT_FORMAT, "replica": entry["node"], **entry}
        if node in (before["node"], before["replica"]):
            raise ValueError(f"{_name(entry)} lies at node {node} already")
        if before["size"] > self._scratch_bytes:
            raise ValueError(
                f"{_name(entry)} has {before['size']} bytes; copies may have {self._scratch_bytes}"
            )
        alone = before["replica"] == before["node"]
        after = before | {
            "node": node,
            "base": base,
            "version": (before["version"] + 1) & 0xFFFF,
            "replica": node if alone else before["replica"],
        }
        self._groups += 1
        move = Move(before, after)
        self._queue(move, earliest)
        self._moves.append(move)
        return move

    def poll(self) -> list[Move]:
        """Moves that have come to their end since the last call.

        Raises
        ------
        :exc:`RemapError`
            If one has failed. The fragment is then where it was, in another version, as soon as
            its homes have heard of it; if they all knew the new place, it is there.
        """
        ended = []
        while self._moves:
            move = self._moves[0]
            standings = [self._transport.standing(number) for number in move.errands]
            failed = [each for each in standings if each.state is State.FAILED]
            if failed:
                self._moves.pop(0)
                self._settle(move, standings[move.stands].state is State.DONE)
                raise RemapError(f"{_name(move.before)} was not moved: {failed[0].what}")
            if standings[-1].state is not State.DONE:
                break
            move.done, move.cycle = True, standings[-1].cycle
            ended.append(self._moves.pop(0))
        return ended

    def _owned(self, node: int) -> bool:
        """Whether the host keeps the map of `node` itself: that goes for all but chips."""
        return node >= self._chips

    def _queue(self, move: Move, earliest: int) -> None:
        """All that a move consists of."""
        before, after = move.before, move.after
        permissions = before.get("permissions", {})
        writable = permissions.get("write", 0) or permissions.get("accumulate", 0)
        held = {"permissions": {**permissions, "moving": 1}} if writable else {}
        staging = after | {
            "data_id": STAGING,
            "fragment": self._groups & 0xFFFF,
            "permissions": {"write": 1},
            "replica": after["node"],
            "checked": 0,
        }
        errands = []
        if writable:
            errands += self._known(before | held)
        errands += self._known(staging)
        for kind, source in ((ErrandKind.READ, before), (ErrandKind.WRITE, staging)):
            copy = self._errand(kind, source)
            errands.append(replace(copy, local=self._scratch, size=source["size"]))
        errands += self._known(after | held)
        move.stands = len(errands) - 1
        errands += self._forgotten(before)
        if writable:
            errands += self._known(after)
        errands += self._forgotten(staging)
        if not self._owned(staging["node"]):
            errands += self._updates(staging | {"entry_format": 0})
        move.errands = [
            self._transport.errand(replace(errand, earliest=earliest)) for errand in errands
        ]

    def _settle(self, move: Move, moved: bool) -> None:
        """Let writers in again, after a failure, where the fragment is."""
        version = (move.after["version"] + 1) & 0xFFFF
        there = move.after if moved else move.before | {"version": version}
        self._groups += 1
        for errand in self._known(there):
            self._transport.errand(errand)

    def _errand(self, kind: ErrandKind, entry: Mapping[str, Any]) -> Errand:
        """Something of the group of now that is done with the holder of `entry`."""
        return Errand(
            kind=kind,
            node=entry["node"],
            data_id=entry["data_id"],
            fragment=entry["fragment"],
            version=entry["version"],
            group=self._groups,
        )

    def _known(self, entry: Mapping[str, Any]) -> list[Errand]:
        """Lets the holder of `entry` know it, if the host keeps that one's map, and all others."""
        errands = []
        if self._owned(entry["node"]):
            errands.append(self._place(entry))
        if entry["data_id"] != STAGING or not self._owned(entry["node"]):
            errands += self._updates(entry)
        return errands

    def _forgotten(self, entry: Mapping[str, Any]) -> list[Errand]:
        """Lets the holder of `entry` know that it is one no more."""
        return [self._place(entry, gone=True)] if self._owned(entry["node"]) else []

    def _place(self, entry: Mapping[str, Any], *, gone: bool = False) -> Errand:
        permissions = encode(Permissions, entry.get("permissions", {}))
        region = Region(entry["base"], entry["size"], entry["version"], permissions, gone)
        return replace(self._errand(ErrandKind.PLACE, entry), region=region)

    def _updates(self, entry: Mapping[str, Any]) -> list[Errand]:
        """One for each home that lives. Who shared an entry of a dead one is not known: all may."""
        pair = self._homes[home_index(entry["data_id"])]
        alive = [home for home in dict.fromkeys(pair) if home not in self._dead]
        if not alive:
            raise RemapError(f"{_name(entry)} has no home that lives")
        bits = encode(FragmentEntry, {"entry_format": FRAGMENT_FORMAT, **entry})
        update = self._errand(ErrandKind.UPDATE, entry)
        below = self._chips if pair[0] in self._dead else 0
        content = bits.to_bytes(32, "little")
        return [replace(update, node=home, entry=content, below=below) for home in alive]


def _name(entry: Mapping[str, Any]) -> str:
    return f"Fragment {entry['fragment']} of data ID {entry['data_id']:#x}"
