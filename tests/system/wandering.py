"""Fragments that wander about while a network runs."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.compiler.placement import room
from intarsia.compiler.plan import FragmentKind
from intarsia.driver.remap import Move
from intarsia.isa.topology import HOST_NODE
from intarsia.runtime import Session
from intarsia.runtime.deployment import Deployment
from intarsia.runtime.tables import spare

__all__ = ["CYCLES", "Migration", "Wanderer", "migrate"]

#: Between two moves, on average, of each chip that there is.
CYCLES = 2_000

#: Bytes of the memory nodes and of the host that nothing else uses.
ABOVE = range(16 << 20, 32 << 20)

#: Places are multiples.
GRAIN = 16

#: What chips read, and whether it may lie at chips: the host writes inputs itself. Outputs can't be
#: read, and the rest is where it is computed.
MOVABLE = {FragmentKind.WEIGHTS: True, FragmentKind.INPUT: False}


class Arena:
    """Memory of a node that may be given away, the lowest bytes first: they are soon used again."""

    def __init__(self, parts: Sequence[tuple[int, int]]) -> None:
        self._parts = [(-(-start // GRAIN) * GRAIN, stop) for start, stop in parts]
        self._taken: dict[int, int] = {}

    def take(self, size: int) -> int | None:
        """A place of `size` bytes, or None."""
        for start, stop in self._parts:
            for first in sorted(each for each in self._taken if start <= each < stop):
                if first - start >= size:
                    break
                start = first + self._taken[first]
            if stop - start >= size:
                self._taken[start] = -(-size // GRAIN) * GRAIN
                return start
        return None

    def free(self, base: int) -> None:
        """Take a place back, if it was one of these."""
        self._taken.pop(base, None)


class Wanderer:
    """Moves fragments of a network that runs: any of them to any other node, one at a time.

    What they leave at memory nodes and at the host is overwritten at once; at chips, by what comes
    next.

    Parameters
    ----------
    seed : int
    every : float
        Cycles between two moves.

    Members
    -------
    moves : list of Move
        Those that have come to their end.
    late : int
        Moves that could not begin when they should have, as all fragments were on their way.
    """

    def __init__(self, seed: int, every: float) -> None:
        self._choice, self._every = random.Random(seed), every
        self._deployment: Deployment | None = None
        self.moves: list[Move] = []
        self.begun: dict[Move, int] = {}
        self.late = 0

    def __call__(self, deployment: Deployment, ended: Sequence[Move]) -> None:
        """Called while a network runs."""
        now = deployment.transport.now
        if deployment is not self._deployment:
            self._settle_in(deployment, now)
        for move in ended:
            old = move.before
            self._arenas[old["node"]].free(old["base"])
            if old["node"] >= deployment.transport.chips:
                rubbish = self._choice.randbytes(old["size"])
                deployment.transport.store(old["node"], old["base"], rubbish)
        self.moves += ended
        while self._next <= now:
            self._next += self._every
            self._begin(deployment, now)

    def _settle_in(self, deployment: Deployment, now: int) -> None:
        plan, placement = deployment.plan, deployment.placement
        self._deployment, self._next = deployment, now + self._every
        self._arenas = {
            node: Arena(spare(room(plan, placement, chip), deployment.tables.get(node)))
            for chip, node in enumerate(plan.nodes)
        }
        self._stores = (*deployment.stores, HOST_NODE)
        for node in self._stores:
            self._arenas[node] = Arena([(ABOVE.start, ABOVE.stop)])

    def _begin(self, deployment: Deployment, now: int) -> None:
        atlas, plan = deployment.atlas, deployment.plan
        waiting = [
            index
            for index, fragment in enumerate(plan.fragments)
            if fragment.kind in MOVABLE and not atlas.under_way(index)
        ]
        self._choice.shuffle(waiting)
        for index in waiting:
            entry, fragment = atlas.entries[index], plan.fragments[index]
            nodes = [*self._stores] + [*plan.nodes] * MOVABLE[fragment.kind]
            nodes = [node for node in nodes if node not in (entry["node"], entry["replica"])]
            self._choice.shuffle(nodes)
            for node in nodes:
                base = self._arenas[node].take(entry["size"])
                if base is not None:
                    self.begun[atlas.move(index, node, base)] = now
                    return
        self.late += 1


@dataclass(frozen=True, kw_only=True)
class Migration:
    """What it costs that fragments wander about.

    Members
    -------
    moves, late : int
        See :class:`Wanderer`.
    latency : float
        Cycles that a move took.
    clean, moving : int
        Cycles of the same inferences, without moves and with them.
    wrong : int
        Bytes unlike the golden model's.
    restarts : int
    """

    moves: int
    late: int
    latency: float
    clean: int
    moving: int
    wrong: int
    restarts: int

    @property
    def loss(self) -> float:
        """Of throughput."""
        return 1 - self.clean / self.moving

    @property
    def every(self) -> float:
        """Cycles per move and chip of four."""
        return 4 * self.moving / self.moves

    def __str__(self) -> str:
        return (
            f"{self.moves:,} moves, one per {self.every:,.0f} cycles and chip, {self.latency:,.0f} "
            f"cycles each, {self.late} late; {self.wrong} wrong bytes, {self.restarts} restarts; "
            f"{self.moving:,} cycles instead of {self.clean:,}: {self.loss:.1%} of throughput lost"
        )


def migrate(model, inputs: np.ndarray, seed: int, **how) -> Migration:
    """Run a network over four chips, without moves and with them."""

    def spent(wanderer: Wanderer | None) -> tuple[int, Session]:
        with Session(model, chips=4, **how) as session:
            session.run(inputs[:1], check=True)
            begin = session.fabric.now
            session.run(inputs, check=True, meanwhile=wanderer)
            return session.fabric.now - begin, session

    clean, _ = spent(None)
    wanderer = Wanderer(seed, CYCLES / 4)
    moving, session = spent(wanderer)
    latencies = [move.cycle - wanderer.begun[move] for move in wanderer.moves]
    return Migration(
        moves=len(wanderer.moves),
        late=wanderer.late,
        latency=sum(latencies) / len(latencies),
        clean=clean,
        moving=moving,
        wrong=session.report["mismatches"],
        restarts=session.report["restarts"],
    )
