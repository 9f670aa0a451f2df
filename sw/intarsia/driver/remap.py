"""Fragments that move, and replicas that are made, while chips run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from intarsia.driver.errors import DriverTimeoutError
from intarsia.driver.steps import Entry, RemapError, Steps, name_of, writable
from intarsia.driver.transport import Errand, ErrandKind, State, Transport
from intarsia.isa.fragment import FRAGMENT_FORMAT
from intarsia.isa.topology import Homes, home_index

__all__ = ["Move", "Mover", "RemapError"]

#: Cycles in which an update should be known everywhere.
UPDATE_CYCLES = 1_000_000


@dataclass(eq=False)
class Move:
    """A fragment that moves, or is copied.

    Members
    -------
    before, after : dict
        Its map entry, as it was, and as it will be.
    done : bool
        It lies at its new place. Where it has left an old one, nobody goes by that any more: it is
        free.
    cycle : int
        When it came to its end.
    """

    before: dict[str, Any]
    after: dict[str, Any]
    done: bool = False
    cycle: int = 0
    lane: int = 0
    errands: list[int] = field(default_factory=list)
    stands: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """What it is about."""
        return self.before["data_id"], self.before["fragment"]


class Mover:
    """Changes map entries at their homes, moves fragments and makes replicas, while chips run.

    A fragment is copied under a name of its own; then its entry is changed. Where others may write
    it, writers are held off meanwhile (``moving``), and let in again when no node goes by the old
    place any more. Moves of one fragment are made one after another.

    Parameters
    ----------
    transport : Transport
    homes : Homes
        As the chips know them.
    chips : int
        Number of chips: their nodes are 0, 1, 2 and so on.
    scratch, scratch_bytes : int
        Where in the host's memory copies may lie on their way, and how large each may be.
    lanes : int
        Moves that are made at once. Each has its own `scratch_bytes`, one behind the other.
    """

    def __init__(
        self,
        transport: Transport,
        homes: Homes,
        *,
        chips: int,
        scratch: int,
        scratch_bytes: int,
        lanes: int = 1,
    ) -> None:
        self._transport = transport
        self._homes = homes
        self._chips = chips
        self._scratch, self._scratch_bytes = scratch, scratch_bytes
        self._lanes = lanes
        self._dead: set[int] = set()
        self._moves: list[Move] = []
        self._groups = 0

    def fence(self, node: int) -> None:
        """Wait for `node` no more, neither as a home nor as one that shares entries."""
        self._dead.add(node)
        for home in {home for pair in self._homes for home in pair if home >= self._chips}:
            self._transport.fence(home, node, True)

    def set_homes(self, homes: Homes) -> None:
        """Go by other homes from now on. Nothing may be under way."""
        self._homes = homes

    def update(self, entry: Entry) -> None:
        """Change a map entry, and wait until nobody goes by the earlier one.

        Raises
        ------
        :exc:`RemapError`
            If a home refuses, or a node that shares the entry does not answer.
        :exc:`intarsia.driver.errors.DriverTimeoutError`
            If nothing is heard of a home.
        """
        steps = self._steps(self._lane((entry["data_id"], entry["fragment"])), 0)
        steps.update(entry)
        [number] = [self._transport.errand(errand) for errand in steps.errands]
        self._await(entry, number)

    def _await(self, entry: Entry, number: int) -> None:
        limit = self._transport.now + UPDATE_CYCLES
        while (standing := self._transport.standing(number)).state is not State.DONE:
            if standing.state is State.FAILED:
                raise RemapError(f"{name_of(entry)} keeps its place: {standing.what}")
            if self._transport.now > limit:
                raise DriverTimeoutError(f"{name_of(entry)}: its homes have not answered")
            self._transport.idle(1)

    def tell(self, entries: Iterable[Entry]) -> None:
        """Tell all homes that are chips entries, and wait until nobody goes by earlier ones.

        Raises as :meth:`update`.
        """
        numbers = []
        for count, entry in enumerate(entries):
            for home in dict.fromkeys(self._homes[home_index(entry["data_id"])]):
                if home < self._chips and home not in self._dead:
                    steps = self._steps(count % self._lanes, 0)
                    steps.tell(home, entry)
                    numbers.append((entry, self._transport.errand(steps.errands[0])))
        for entry, number in numbers:
            self._await(entry, number)

    def move(self, entry: Entry, node: int, base: int, *, earliest: int = 0) -> Move:
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
        before = self._known(entry, node)
        alone = before["replica"] == before["node"]
        after = before | {
            "node": node,
            "base": base,
            "version": (before["version"] + 1) & 0xFFFF,
            "replica": node if alone else before["replica"],
        }
        return self._queue(Move(before, after), earliest, Steps.move)

    def replicate(self, entry: Entry, node: int, base: int, *, earliest: int = 0) -> Move:
        """Begin to make a replica of the fragment of `entry` at address `base` of `node`.

        It takes the place of the replica that there is, which may be lost. Otherwise as
        :meth:`move`.

        Raises
        ------
        :exc:`ValueError`
            If a copy lies at that node already, if others may write the fragment, or if nowhere on
            its way there is room for it.
        """
        before = self._known(entry, node)
        if writable(before):
            raise ValueError(f"{name_of(entry)} may be written: it can't be copied meanwhile")
        after = before | {"replica": node, "replica_base": base}
        return self._queue(Move(before, after), earliest, Steps.replicate)

    def poll(self) -> list[Move]:
        """Moves that have come to their end since the last call.

        Raises
        ------
        :exc:`RemapError`
            If one has failed. The fragment is then where it was, in another version, as soon as
            its homes have heard of it; if they all knew the new place, it is there.
        """
        standings = {
            move: [self._transport.standing(number) for number in move.errands]
            for move in self._moves
        }
        for move, found in standings.items():
            failed = [each for each in found if each.state is State.FAILED]
            if failed:
                self._moves.remove(move)
                if move.after["version"] != move.before["version"]:
                    self._settle(move, found[move.stands].state is State.DONE)
                raise RemapError(f"{name_of(move.before)} was not moved: {failed[0].what}")
        ended = [move for move, found in standings.items() if found[-1].state is State.DONE]
        for move in ended:
            move.done, move.cycle = True, standings[move][-1].cycle
            self._moves.remove(move)
        return ended

    def _known(self, entry: Entry, node: int) -> dict[str, Any]:
        """The whole entry of a fragment that is to be brought to `node`."""
        before = {"entry_format": FRAGMENT_FORMAT, "replica": entry["node"], **entry}
        if node in (before["node"], before["replica"]):
            raise ValueError(f"{name_of(entry)} lies at node {node} already")
        if before["size"] > self._scratch_bytes:
            raise ValueError(
                f"{name_of(entry)} has {before['size']} bytes; copies may have "
                f"{self._scratch_bytes}"
            )
        return before

    def _lane(self, key: tuple[int, int]) -> int:
        """Where something about a fragment is queued: behind what is, or where the fewest are."""
        for move in reversed(self._moves):
            if move.key == key:
                return move.lane
        loads = [sum(move.lane == lane for move in self._moves) for lane in range(self._lanes)]
        return loads.index(min(loads))

    def _queue(self, move: Move, earliest: int, steps_of: Callable[..., int]) -> Move:
        """Queue all that a move consists of."""
        move.lane = self._lane(move.key)
        steps = self._steps(move.lane, earliest)
        scratch = self._scratch + move.lane * self._scratch_bytes
        move.stands = steps_of(steps, move.before, move.after, scratch)
        move.errands = [self._transport.errand(errand) for errand in steps.errands]
        self._moves.append(move)
        return move

    def _settle(self, move: Move, moved: bool) -> None:
        """Let writers in again, after a failure, where the fragment is."""
        version = (move.after["version"] + 1) & 0xFFFF
        steps = self._steps(move.lane, 0)
        steps.know(move.after if moved else move.before | {"version": version})
        for errand in steps.errands:
            self._transport.errand(errand)

    def _steps(self, lane: int, earliest: int) -> Steps:
        """Steps of one more group."""
        self._groups += 1
        errand = Errand(
            kind=ErrandKind.PLACE,
            node=0,
            data_id=0,
            fragment=0,
            lane=lane,
            group=self._groups,
            earliest=earliest,
        )
        return Steps(self._homes, self._dead, self._chips, errand)
