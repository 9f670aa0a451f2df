"""A network in operation, over chips that may fail."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from intarsia.compiler.errors import CompileError
from intarsia.compiler.placement import place
from intarsia.compiler.plan import Plan
from intarsia.driver.errors import (
    ChipFaultError,
    DriverError,
    DriverTimeoutError,
    NetworkError,
    SilentNodeError,
    SystemLostError,
)
from intarsia.driver.remap import RemapError
from intarsia.driver.roll_call import begin_anew
from intarsia.driver.transport import Transport
from intarsia.isa.faults import FaultCode
from intarsia.isa.topologies import TopologyError
from intarsia.isa.topology import HOST_NODE, MEMORY_NODES
from intarsia.runtime.blame import explain
from intarsia.runtime.deployment import Deployment

__all__ = ["Operation", "Restart"]

Result = TypeVar("Result")

#: Faults that are over when everything has been brought to its place again; and those that are if a
#: chip had just lost its state.
PASSING = (
    FaultCode.PARITY,
    FaultCode.CHECKSUM,
    FaultCode.LINK,
    FaultCode.TRANSACTION,
    FaultCode.NODE_DEAD,
)
LAPSES = (FaultCode.WATCHDOG, FaultCode.WRONG_NODE, FaultCode.SYNC)

#: Restarts without anything done in between, after which the last error is raised; in all, and for
#: lapses.
MOST_RESTARTS, MOST_LAPSES = 32, 1


#: Phrases that explain an error.
MOST_PHRASES = 6


@dataclass(frozen=True)
class Restart:
    """One time that everything was brought to its place again.

    Members
    -------
    cause : str
        What was noticed.
    lost : tuple of int
        Chips and memory nodes that were found dead.
    noticed, called, resumed : int
        Cycles in which the driver learned of it, in which it had called all chips, and in which
        they were started again.
    """

    cause: str
    lost: tuple[int, ...]
    noticed: int
    called: int
    resumed: int | None = None


class Operation:
    """Keeps a plan deployed, and another one when chips have died.

    Whenever something goes wrong, all chips are reset, so that nothing that was under way can do
    harm, and called; those that are silent are left out from then on, the network is
    planned anew for the others, its programs and weights are brought to their places, and what was
    to be done is begun again.

    Parameters
    ----------
    transport : Transport
    plan : Plan
        For all chips.
    replan : callable
        Plan of the same network for some nodes.
    deploying : callable
        Called with the plan before it is brought to its places: nothing runs then.
    standing : callable
        Called when something went wrong: what chips are doing, a phrase for each.
    replicas : int
        Nodes, 1 or 2, that hold weights; as many memory nodes must be there.
    on_chips : bool
        See :class:`~intarsia.runtime.deployment.Deployment`.

    Members
    -------
    plan : Plan
        What is deployed.
    restarts : list of Restart
    lost : dict of int to int
        Nodes that were lost, each with the cycle in which that was noticed. Where a replica took
        over, there was no restart.
    restored : dict of int to int
        Of those, the ones whose replicas have been replaced while chips ran, and when.
    """

    def __init__(
        self,
        transport: Transport,
        plan: Plan,
        replan: Callable[[Sequence[int]], Plan],
        deploying: Callable[[Plan], None],
        standing: Callable[[], Sequence[str]],
        *,
        replicas: int = 1,
        on_chips: bool = False,
    ) -> None:
        self._transport = transport
        self._replan, self._deploying, self._standing = replan, deploying, standing
        self._replicas, self._memories = replicas, MEMORY_NODES[:replicas]
        self._on_chips = on_chips
        self._deployment: Deployment | None = None
        self.plan = plan
        self.restarts: list[Restart] = []
        self.lost: dict[int, int] = {}
        self.restored: dict[int, int] = {}

    def do(self, step: Callable[[Deployment], Result]) -> Result:
        """What `step` returns. It is called with what is deployed, again after each restart.

        Raises
        ------
        :exc:`SystemLostError`
            If what is left can't go on.
        :exc:`DriverError`
            For what a restart does not cure.
        """
        before = len(self.restarts)
        lapses = 0
        while True:
            try:
                if self._deployment is None:
                    self._deployment = self._deploy()
                return step(self._deployment)
            except DriverError as error:
                lapses += _lapse(error)
                curable = lapses <= MOST_LAPSES and len(self.restarts) - before < MOST_RESTARTS
                self._recover(error, curable=curable)
            finally:
                if self._deployment is not None:
                    self._lose(self._deployment.lost)
                    self.restored |= self._deployment.restored

    def _lose(self, nodes: Mapping[int, int]) -> None:
        """Count on `nodes` no more; they were found lost in these cycles."""
        self.lost = {**nodes, **self.lost}
        self._memories = tuple(node for node in self._memories if node not in nodes)

    def _deploy(self) -> Deployment:
        self._deploying(self.plan)
        version = 1 + len(self.restarts)
        stores = (*self._memories, HOST_NODE)[: self._replicas]
        deployment = Deployment(
            self._transport,
            self.plan,
            place(self.plan),
            version=version,
            stores=stores,
            fenced=[*self.lost],
            on_chips=self._on_chips,
        )
        if self.restarts and self.restarts[-1].resumed is None:
            self.restarts[-1] = replace(self.restarts[-1], resumed=self._transport.now)
        return deployment

    def _recover(self, error: DriverError, *, curable: bool) -> None:
        """Find out who is left, and plan for them; raise `error` if all are, unless `curable`."""
        noticed = self._transport.now
        self._explain(error)
        lost = begin_anew(self._transport, self.plan.nodes, self._memories)
        called = self._transport.now
        if not lost and not (curable and _passing(error)):
            raise error
        self._lose(dict.fromkeys(lost, noticed))
        told = "; ".join(lost.values())
        if not self._memories and self._replicas == 1:
            raise SystemLostError(
                f"The host can't reach the memory node, and what that holds is nowhere else: {told}"
            )
        left = [node for node in self.plan.nodes if node not in lost]
        if not left:
            raise SystemLostError(f"No chip is left for network {self.plan.network!r}: {told}")
        if len(left) < len(self.plan.nodes):
            try:
                self._transport.avoid(lost)
                self.plan = self._replan(left)
            except (CompileError, TopologyError) as refusal:
                raise SystemLostError(f"{told}; on what is left: {refusal}") from refusal
        self._deployment = None
        self.restarts.append(Restart(str(error), tuple(lost), noticed, called))

    def _explain(self, error: DriverError) -> None:
        """Add to an error what it is about, and what chips were doing."""
        if self._deployment is None:
            return
        told = []
        if isinstance(error, ChipFaultError):
            told.append(explain(error, self.plan, self._deployment.placement))
        told += self._standing()
        told = [text for text in told if text]
        more = len(told) - MOST_PHRASES
        if more > 0:
            told[MOST_PHRASES:] = [f"and {more} more"]
        if told:
            error.add("; ".join(told))


def _passing(error: DriverError) -> bool:
    """Whether the cause is over when all chips have been reset."""
    if isinstance(error, ChipFaultError):
        return error.code in (*PASSING, *LAPSES)
    return isinstance(error, DriverTimeoutError | NetworkError | RemapError | SilentNodeError)


def _lapse(error: DriverError) -> bool:
    """Whether a chip may have lost its state, or has done nothing ever since it was started."""
    if isinstance(error, ChipFaultError):
        return error.code in LAPSES
    return isinstance(error, DriverTimeoutError)
